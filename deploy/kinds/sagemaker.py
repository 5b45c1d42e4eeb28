"""SageMaker's own kinds, which are alike: create, describe, list, delete or stop, tags by ARN."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore import xform_name

from deploy.aws import Aws, pages
from deploy.kinds.kind import ID, PROJECT, TaggedByArn, Tags, listed, mapped, or_none
from deploy.ledger import Resource

ENDED = ("Completed", "Failed", "Stopped", "Deleting")
SHORT = 20  # characters of the project that the names of all its things hold: a tuning job's has 32 in all


@dataclass(frozen=True)
class SageMaker(TaggedByArn):
    noun: str = ""  # of the operations: CreateEndpoint, DescribeEndpoint, ListEndpoints
    list_key: str = ""
    filter: str = "NameContains"  # of the list; empty where a name need not be the project's
    log_group: str = ""  # with {name}: what its containers write to; behind a colon, streams of a shared one

    @property
    def is_job(self) -> bool:
        return self.noun.endswith("Job")

    def create(self, aws: Aws, name: str, parameters: Mapping[str, Any], tags: Tags) -> dict[str, Any]:
        return self._call(aws, "Create", **{self._name: name}, **parameters, Tags=listed(tags))

    def arn(self, aws: Aws, resource: Resource) -> str | None:
        found = or_none(self.describe, aws=aws, name=resource.name)
        if found is None or (self.is_job and found[f"{self.noun}Status"] in ENDED):
            return None
        return str(found[f"{self.noun}Arn"])

    def ended(self, aws: Aws, resource: Resource) -> Tags | None:
        found = or_none(self.describe, aws=aws, name=resource.name) if self.is_job else None
        return None if found is None else self.tags_of(aws, found[f"{self.noun}Arn"])

    def delete(self, aws: Aws, resource: Resource) -> bool | None:
        verb = "Stop" if self.is_job else "Delete"
        self._call(aws, verb, **{self._name: resource.name})
        return None

    def find(self, aws: Aws, project: str) -> Iterable[Resource]:
        for item in self._all(aws, project):
            if self.is_job and item[f"{self.noun}Status"] in ENDED:
                continue
            tags = self.tags_of(aws, item[f"{self.noun}Arn"])
            if tags and tags.get(PROJECT) == project:
                yield Resource(self.name, item[self._name], project, tags.get(ID, ""))

    def implied(self, aws: Aws, name: str, project: str) -> tuple[Resource, ...]:
        if not self.log_group:
            return ()
        kind = "log streams" if ":" in self.log_group else "log group"
        return (Resource(kind, self.log_group.format(name=name), project),)

    def newest(self, aws: Aws, project: str) -> Iterable[dict[str, Any]]:
        """The summaries of all that are the project's, ended or not, the newest first."""
        for item in self._all(aws, project, SortBy="CreationTime", SortOrder="Descending"):
            if (self.tags_of(aws, item[f"{self.noun}Arn"]) or {}).get(PROJECT) == project:
                yield item

    def describe(self, aws: Aws, name: str) -> dict[str, Any]:
        return self._call(aws, "Describe", **{self._name: name})

    @property
    def _name(self) -> str:
        return f"{self.noun}Name"

    def _all(self, aws: Aws, project: str, **asked: str) -> Iterable[dict[str, Any]]:
        operation = xform_name(f"List{self.noun}s")
        wanted = {self.filter: short(project), **asked} if self.filter else asked
        yield from pages(aws.client("sagemaker"), operation, self.list_key, **wanted)

    def _call(self, aws: Aws, verb: str, **parameters: Any) -> dict[str, Any]:
        answer: dict[str, Any] = getattr(aws.client("sagemaker"), xform_name(f"{verb}{self.noun}"))(**parameters)
        return answer

    def tags_of(self, aws: Aws, arn: str) -> Tags | None:
        found = or_none(lambda: {"Tags": list(pages(aws.client("sagemaker"), "list_tags", "Tags", ResourceArn=arn))})
        return None if found is None else mapped(found["Tags"])


def short(project: str) -> str:
    return project[:SHORT].rstrip("-")


class Notebook(SageMaker):
    """Deleted only when it stands still."""

    def delete(self, aws: Aws, resource: Resource) -> bool | None:
        status = self.describe(aws, resource.name)["NotebookInstanceStatus"]
        if status in ("Stopped", "Failed"):
            return super().delete(aws, resource)
        if status == "InService":
            self._call(aws, "Stop", **{self._name: resource.name})
        return bool(status == "Deleting")


class PackageGroup(SageMaker):
    """Goes when its packages are gone; they carry no tags of their own where a pipeline registered them."""

    def delete(self, aws: Aws, resource: Resource) -> bool | None:
        sagemaker, group = aws.client("sagemaker"), resource.name
        for each in pages(sagemaker, "list_model_packages", "ModelPackageSummaryList", ModelPackageGroupName=group):
            sagemaker.delete_model_package(ModelPackageName=each["ModelPackageArn"])
        return super().delete(aws, resource)


ENDPOINT = SageMaker("endpoint", True, "Endpoint", "Endpoints", filter="", log_group="/aws/sagemaker/Endpoints/{name}")
ENDPOINT_CONFIG = SageMaker("endpoint configuration", True, "EndpointConfig", "EndpointConfigs")
MODEL = SageMaker("model", True, "Model", "Models")
TRAINING_JOB = SageMaker(
    "training job", True, "TrainingJob", "TrainingJobSummaries", log_group="/aws/sagemaker/TrainingJobs:{name}/"
)
TRANSFORM_JOB = SageMaker(
    "transform job", True, "TransformJob", "TransformJobSummaries", log_group="/aws/sagemaker/TransformJobs:{name}/"
)
PROCESSING_JOB = SageMaker(
    "processing job", True, "ProcessingJob", "ProcessingJobSummaries", log_group="/aws/sagemaker/ProcessingJobs:{name}/"
)
TUNING_JOB = SageMaker(
    "tuning job",
    True,
    "HyperParameterTuningJob",
    "HyperParameterTuningJobSummaries",
    log_group="/aws/sagemaker/TrainingJobs:{name}-",
)
NOTEBOOK = Notebook(
    "notebook instance",
    True,
    "NotebookInstance",
    "NotebookInstances",
    log_group="/aws/sagemaker/NotebookInstances:{name}/",
)
PIPELINE = SageMaker("pipeline", True, "Pipeline", "PipelineSummaries", filter="PipelineNamePrefix")
PACKAGE_GROUP = PackageGroup("model package group", True, "ModelPackageGroup", "ModelPackageGroupSummaryList")
