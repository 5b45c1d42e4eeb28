"""What SageMaker only writes down (experiments, pipelines' definitions, packages): moto's, held to AWS's rules.

What would have to run and does not is refused, where moto answers as if it had run; so is what moto would leave out of
its answer without a word.
"""

from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import camelcase_to_underscores
from moto.sagemaker.exceptions import ResourceNotFound, ValidationError

from local_test.api.absent import NotHereYet
from local_test.api.platform import Platform
from local_test.api.shapes import check
from local_test.api.tags import check_tags

PRETENDED = {  # by moto: complete, in service or succeeded, and nothing behind it
    "CreateAutoMLJobV2": "AutoML jobs do not run",
    "CreateCluster": "clusters do not run",
    "CreateCompilationJob": "models are not compiled",
    "CreateDomain": "domains and their apps do not run",
    "CreateFeatureGroup": "features are not stored",
    "StartPipelineExecution": "pipelines are kept and do not run",
}
UNHEARD = {  # members that moto does not look at, and that change the answer
    "CreateModelPackage": ("ModelCard", "ModelLifeCycle", "SourceUri"),
    "DescribePipeline": ("PipelineVersionId",),
    "ListDataQualityJobDefinitions": ("CreationTimeAfter", "CreationTimeBefore", "EndpointName", "NameContains"),
    "ListExperiments": ("CreatedAfter", "CreatedBefore", "SortBy", "SortOrder"),
    "ListModelBiasJobDefinitions": ("CreationTimeAfter", "CreationTimeBefore", "EndpointName", "NameContains"),
    "ListNotebookInstances": (
        "AdditionalCodeRepositoryEquals",
        "CreationTimeAfter",
        "CreationTimeBefore",
        "DefaultCodeRepositoryContains",
        "LastModifiedTimeAfter",
        "LastModifiedTimeBefore",
        "NotebookInstanceLifecycleConfigNameContains",
    ),
    "ListTrialComponents": ("CreatedAfter", "CreatedBefore", "ExperimentName", "SortBy", "SortOrder", "SourceArn"),
    "ListTrials": ("CreatedAfter", "CreatedBefore", "SortBy", "SortOrder"),
    "UpdateModelPackage": ("InferenceSpecification", "ModelCard", "ModelLifeCycle", "SourceUri"),
    "UpdatePipeline": ("PipelineVersionAliases",),
}
KEPT = {  # what is made: its name's member, where moto keeps it, what it is called
    "CreateExperiment": ("ExperimentName", "experiments", "Experiment"),
    "CreateTrial": ("TrialName", "trials", "Trial"),
    "CreateTrialComponent": ("TrialComponentName", "trial_components", "Trial component"),
    "CreateModelPackageGroup": ("ModelPackageGroupName", "model_package_groups", "Model Package Group"),
}
DESCRIBED = ("DescribeExperiment", "DescribeTrial", "DescribeTrialComponent", "DeleteExperiment", "DeleteTrial")


class RecordsResponse(BaseResponse):
    """Before an operation, whosever it is: its request is held to the API's model."""

    platform: Platform
    params: Any
    sagemaker_backend: Any

    def call_action(self) -> Any:
        operation = self._get_action()
        action = camelcase_to_underscores(operation)
        method = getattr(self, action, None)
        if method is not None and not self.platform.replaying:
            setattr(self, action, lambda: self._checked(operation, method))
        return super().call_action()

    def _checked(self, operation: str, method: Callable[[], Any]) -> Any:
        check(operation, self.params)
        check_tags(self.params.get("Tags") or ())
        if operation in PRETENDED:
            raise NotHereYet(PRETENDED[operation])
        for member in UNHEARD.get(operation, ()):
            if self.params.get(member) is not None:
                raise NotHereYet(f"{member} of it")
        if operation in KEPT:
            self._check_name(operation)
        if operation in DESCRIBED:
            self._check_known(operation)
        return method()

    def _check_name(self, operation: str) -> None:
        member, kept, what = KEPT[operation]
        name = self.params[member]
        if name not in getattr(self.sagemaker_backend, kept):
            return
        if what == "Model Package Group":
            arn = self.sagemaker_backend.model_package_groups[name].arn
            raise ValidationError(f"Model Package Group already exists: {arn}")
        raise ValidationError(
            f"{what} names must be unique within an AWS account and region. {what} with name ({name}) already exists."
        )

    def _check_known(self, operation: str) -> None:
        member, kept, what = KEPT[f"Create{operation.removeprefix('Describe').removeprefix('Delete')}"]
        if self.params[member] not in getattr(self.sagemaker_backend, kept):
            raise ResourceNotFound(f"{what} '{self.params[member]}' does not exist.")

    def create_experiment(self) -> Any:
        made: Any = super().create_experiment()  # type: ignore[misc]
        self._complete(self.sagemaker_backend.experiments[self.params["ExperimentName"]])
        return made

    def describe_experiment(self) -> ActionResult:
        found: ActionResult = super().describe_experiment()  # type: ignore[misc]
        experiment = self.sagemaker_backend.experiments[self.params["ExperimentName"]]
        names = {"DisplayName": experiment.display_name, "Description": experiment.description}
        return ActionResult({**found.result, **names})  # type: ignore[dict-item]

    def delete_experiment(self) -> Any:
        name = self.params["ExperimentName"]
        if any(trial.experiment_name == name for trial in self.sagemaker_backend.trials.values()):
            raise ValidationError(f"Experiment '{name}' still has trials; delete them first.")
        return super().delete_experiment()  # type: ignore[misc]

    def create_trial(self) -> Any:
        if self.params["ExperimentName"] not in self.sagemaker_backend.experiments:
            raise ResourceNotFound(f"Experiment '{self.params['ExperimentName']}' does not exist.")
        made: Any = super().create_trial()  # type: ignore[misc]
        self._complete(self.sagemaker_backend.trials[self.params["TrialName"]])
        return made

    def create_trial_component(self) -> Any:
        made: Any = super().create_trial_component()  # type: ignore[misc]
        self._complete(self.sagemaker_backend.trial_components[self.params["TrialComponentName"]])
        return made

    def _complete(self, record: Any) -> None:
        """With what moto does not keep of the request."""
        record.tags = list(self.params.get("Tags") or [])
        for name, member in (("display_name", "DisplayName"), ("description", "Description")):
            if name not in record.__dict__:
                setattr(record, name, self.params.get(member))

    def create_notebook_instance(self) -> Any:
        made: Any = super().create_notebook_instance()  # type: ignore[misc]
        self.platform.say(f"notebook instance {self.params['NotebookInstanceName']}: written down; nothing runs here")
        return made
