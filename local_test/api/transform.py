"""Transform jobs: objects of S3 through a model's containers, by local_test.transform, their answers back into S3."""

import copy
import datetime
import threading
import uuid
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.exceptions import ValidationError

from local_test.api import inputs, telemetry
from local_test.api.absent import NotHereYet
from local_test.api.artifacts import DataError
from local_test.api.containers import Builder, ImageRunner
from local_test.api.fleet import Fleet
from local_test.api.inputs import InputError
from local_test.api.jobs import LOST, Job, begin, listed, stop, working
from local_test.api.objects import Location, NoObject
from local_test.api.plans import PlannedVariant
from local_test.api.platform import Platform
from local_test.api.shapes import check
from local_test.engine.containers import EngineError, Log
from local_test.engine.serving import NeverReady, ServingSpec
from local_test.transform.assemble import SUFFIX
from local_test.transform.job import InvalidJob, TransformJob
from local_test.transform.parameters import environment
from local_test.transform.run import Outcome, run
from tiffin import limits

KIND = "transform-job"
GROUP = "/aws/sagemaker/TransformJobs"


class TransformBackend:
    """Of moto's SageMaker backend, the part that transforms."""

    platform: Platform
    account_id: str
    region_name: str
    transform_jobs: dict[str, Job]

    def begin_transform_job(self, request: dict[str, Any]) -> Job:
        """Raises moto's errors for what AWS refuses, NotHereYet for what only AWS does."""
        job = Job.of(self, KIND, request)
        message = "Preparing the instances for the transform job"
        return begin(self.transform_jobs, job, lambda: Work(self.platform, job, self), message)

    def transform_job(self, name: str) -> Job:
        if name not in self.transform_jobs:
            raise ValidationError(f"Could not find requested job with name: {name}")
        return self.transform_jobs[name]


class TransformResponse:
    """Of moto's SageMaker responses, the operations on transform jobs."""

    params: dict[str, Any]
    sagemaker_backend: Any

    def create_transform_job(self) -> ActionResult:
        check("CreateTransformJob", self.params)
        job = self.sagemaker_backend.begin_transform_job(copy.deepcopy(dict(self.params)))
        return ActionResult({"TransformJobArn": job.arn})

    def describe_transform_job(self) -> ActionResult:
        return ActionResult(described(self.sagemaker_backend.transform_job(self.params["TransformJobName"])))

    def list_transform_jobs(self) -> ActionResult:
        jobs = self.sagemaker_backend.transform_jobs.values()
        return ActionResult(listed(jobs, self.params, _summary, "TransformJobSummaries"))

    def stop_transform_job(self) -> ActionResult:
        job = self.sagemaker_backend.transform_job(self.params["TransformJobName"])
        stop(job, "transform job")
        return EmptyResult()


class Work:
    """A transform job from its objects to their answers, on a thread of its own."""

    def __init__(self, platform: Platform, job: Job, backend: Any) -> None:
        """Raises what makes AWS refuse the call."""
        self._platform, self._job = platform, job
        self._folder = job.folder
        self._stop = threading.Event()
        self._abandoned = False
        request = job.request
        if request.get("DataCaptureConfig"):
            raise NotHereYet("the capture of what a transform job sends and gets (DataCaptureConfig)")
        try:
            self._settings = TransformJob.of(request)
            self._output = Location.of(request["TransformOutput"]["S3OutputPath"])
            self._inputs = _inputs(platform, job)
        except (InvalidJob, InputError, NoObject) as error:
            raise ValidationError(str(error)) from None
        self._variant = _variant(request, backend)
        self._count = self._variant.instances
        self._fleet = Fleet(self._settings.invocations_timeout)

    # from other threads

    def stop(self) -> None:
        self._stop.set()
        self._fleet.stop()

    def abandon(self) -> None:
        """The API itself is stopped."""
        self._abandoned = True
        self.stop()

    # on its own

    def run(self) -> None:
        job = self._job
        with working(job):
            try:
                status, reason = self._transform()
            except NeverReady as error:  # B-11
                status, reason = "Failed", f"AlgorithmError: {error}"
            except (InputError, DataError, NoObject, EngineError) as error:
                status, reason = "Failed", f"ClientError: {error}"
        if self._stop.is_set() and status == "Failed":
            status, reason = "Stopped", ""
        if self._abandoned:
            status, reason = "Failed", LOST
        job.moves(status, reason or status, status, _shortened(reason) or None)

    def _transform(self) -> tuple[str, str]:
        job, platform = self._job, self._platform
        platform.objects.backend(job.account, self._output.bucket)  # rather now than when all is done
        with ExitStack() as stack:
            files = self._fetched()
            builder = Builder(platform, ImageRunner(platform), job.account, job.region)
            specs = builder.specs(self._variant, self._folder / "models", stack)
            more = environment(self._settings)
            specs = tuple(replace(spec, environment={**spec.environment, **more}) for spec in specs)
            stack.callback(self._fleet.close)
            addresses = self._fleet.start(builder.runner, specs, self._count, self._log)
            job.moves("Training", "Transforming")  # its one word for running
            if self._count > len(files):
                self._say(f"{self._count} instances for {len(files)} objects: an object never goes to two (B-10)")
            outcome = run(self._settings, files, addresses, say=self._say, stop=self._stop)
            is_fault = any(not (result.is_done or result.is_refusal) for result in outcome.files)
            gone = self._fleet.gone() if is_fault and outcome.status == "Failed" else ""
        if outcome.status != "Stopped":
            self._upload(outcome)
        return outcome.status, "; ".join(filter(None, (outcome.failure_reason, gone)))

    def _fetched(self) -> list[tuple[Path, Path]]:
        """Each in a folder of its own: keys may be what paths cannot (`a` and `a/b`)."""
        files = []
        for number, item in enumerate(self._inputs):
            name = PurePosixPath(item.name).name
            source = self._folder / "in" / str(number) / name
            inputs.place(self._platform.objects, self._job.account, item.location, source)
            files.append((source, self._folder / "out" / str(number) / f"{name}{SUFFIX}"))
        return files

    def _upload(self, outcome: Outcome) -> None:
        """Of each object all or nothing (B-07); of a stopped job nothing."""
        for item, result in zip(self._inputs, outcome.files, strict=True):
            if result.is_done:
                target = self._output.under(f"{item.name}{SUFFIX}")
                self._platform.objects.write(self._job.account, target, result.target)
            else:
                self._say(f"{item.location.bucket}/{item.location.key}: {result.error}")

    @cached_property
    def _data_log(self) -> Log:
        """Made after the containers' own streams: SageMaker's SDK follows as many as there are instances."""
        return self._stream(self._name(0), "data-log")

    def _say(self, text: str) -> None:
        self._data_log(f"{_now()}:[sagemaker logs]: {text}")

    def _name(self, number: int) -> str:
        """As of an EC2 instance; the same whenever it is asked for."""
        return f"i-{uuid.uuid5(uuid.NAMESPACE_URL, f'{self._job.arn}/{self._job.created}/{number}').hex[:17]}"

    def _log(self, number: int, spec: ServingSpec) -> Log:
        return self._stream(self._name(number), spec.hostname or "")

    def _stream(self, instance: str, part: str) -> Log:
        job = self._job
        stream = f"{job.name}/{instance}-{int(job.created.timestamp())}" + (f"/{part}" if part else "")
        return telemetry.stream(job.account, job.region, GROUP, stream)


def described(job: Job) -> dict[str, Any]:
    asked = {name: value for name, value in job.request.items() if name != "Tags"}
    return asked | {
        "TransformJobArn": job.arn,
        "TransformJobStatus": job.status,
        "FailureReason": job.reason,
        "CreationTime": job.created,
        "TransformStartTime": job.started,
        "TransformEndTime": job.ended,
    }


def _summary(job: Job) -> dict[str, Any]:
    return {
        "TransformJobName": job.name,
        "TransformJobArn": job.arn,
        "CreationTime": job.created,
        "TransformEndTime": job.ended,
        "LastModifiedTime": job.modified,
        "TransformJobStatus": job.status,
        "FailureReason": job.reason,
    }


def _variant(request: dict[str, Any], backend: Any) -> PlannedVariant:
    """The model as an endpoint would serve it, as it is now: it may be deleted while the job runs."""
    resources, name = request["TransformResources"], request["ModelName"]
    asked = {"InstanceType": resources["InstanceType"], "InitialInstanceCount": resources["InstanceCount"]}
    variant = PlannedVariant.of({"VariantName": "batch", "ModelName": name, **asked}, backend)
    if variant.is_multi_model:
        raise ValidationError(f"Model {name} is of many models, which a transform job does not serve.")
    if any(container.get("ModelDataSource") for container in variant.containers):
        raise ValidationError(f"Model {name} has a ModelDataSource, which no transform job takes (H-20).")
    if variant.is_direct:
        raise NotHereYet("transform jobs of a model whose containers are asked each by its name (Direct)")
    return variant


def _inputs(platform: Platform, job: Job) -> list[inputs.Object]:
    """Raises InputError where there are none, or two would be answered in the same place."""
    source = job.request["TransformInput"]["DataSource"]["S3DataSource"]
    if source["S3DataType"] not in ("S3Prefix", "ManifestFile"):
        raise ValidationError(f"S3DataType of a transform job is S3Prefix or ManifestFile, not {source['S3DataType']}")
    found = inputs.of_source(platform.objects, job.account, source)
    by_name: dict[str, inputs.Object] = {}
    for item in found:
        if item.name in by_name:
            raise InputError(
                f"{by_name[item.name].location} and {item.location} would both be answered in {item.name}{SUFFIX}"
            )
        by_name[item.name] = item
    return found


def _shortened(reason: str) -> str:
    """The sentence, and of a container's last lines the last."""
    if len(reason) <= limits.FAILURE_REASON_CHARS:
        return reason
    sentence, _, lines = reason.partition("\n")
    sentence = sentence[: limits.FAILURE_REASON_CHARS]
    room = limits.FAILURE_REASON_CHARS - len(sentence) - 3
    return f"{sentence}\n… {lines[-room:]}" if lines and room > 0 else sentence


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").partition("+")[0]
