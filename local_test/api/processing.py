"""Processing jobs: any image, inputs below /opt/ml/processing, outputs anywhere in /opt/ml, on one host or several."""

import copy
import json
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.exceptions import ValidationError

from local_test.api import enforced, images, inputs, instances, outputs, telemetry
from local_test.api.absent import NotHereYet
from local_test.api.inputs import InputError
from local_test.api.jobs import LOST, Job, begin, delete, listed, stop, working
from local_test.api.objects import Location, NoObject
from local_test.api.platform import Platform
from local_test.api.shapes import check
from local_test.engine.containers import EngineError, Part, Resources, Running, Spec
from local_test.engine.hosts import Hosts
from tiffin import limits

KIND = "processing-job"
GROUP = "/aws/sagemaker/ProcessingJobs"
BASE = PurePosixPath("/opt/ml")
INPUTS = BASE / "processing"
MESSAGE_CHARS = 1024  # of output/message, by the API's model


class ProcessingBackend:
    """Of moto's SageMaker backend, the part that processes."""

    platform: Platform
    account_id: str
    region_name: str
    processing_jobs: dict[str, Job]

    def begin_processing_job(self, request: dict[str, Any]) -> Job:
        """Raises moto's errors for what AWS refuses, NotHereYet for what only AWS does."""
        job = Job.of(self, KIND, request)
        message = "Preparing the instances for processing"
        return begin(self.processing_jobs, job, lambda: Work(self.platform, job), message)

    def processing_job(self, name: str) -> Job:
        if name not in self.processing_jobs:
            raise ValidationError(f"Could not find requested job with name: {name}")
        return self.processing_jobs[name]


class ProcessingResponse:
    """Of moto's SageMaker responses, the operations on processing jobs."""

    platform: Platform
    params: dict[str, Any]
    sagemaker_backend: Any

    def create_processing_job(self) -> ActionResult:
        check("CreateProcessingJob", self.params)
        job = self.sagemaker_backend.begin_processing_job(copy.deepcopy(dict(self.params)))
        return ActionResult({"ProcessingJobArn": job.arn})

    def describe_processing_job(self) -> ActionResult:
        return ActionResult(described(self.sagemaker_backend.processing_job(self.params["ProcessingJobName"])))

    def list_processing_jobs(self) -> ActionResult:
        jobs = self.sagemaker_backend.processing_jobs.values()
        return ActionResult(listed(jobs, self.params, _summary, "ProcessingJobSummaries"))

    def stop_processing_job(self) -> ActionResult:
        job = self.sagemaker_backend.processing_job(self.params["ProcessingJobName"])
        stop(job, "processing job")
        return EmptyResult()

    def delete_processing_job(self) -> ActionResult:
        job = self.sagemaker_backend.processing_job(self.params["ProcessingJobName"])
        delete(self.sagemaker_backend.processing_jobs, job)
        return EmptyResult()


class Work:
    """A processing job from its inputs to its outputs, on a thread of its own."""

    def __init__(self, platform: Platform, job: Job) -> None:
        """Raises what makes AWS refuse the call."""
        self._platform, self._job = platform, job
        self._folder = job.folder
        self._abandoned = False
        request = job.request
        self._inputs = {
            item["InputName"]: (item["S3Input"], _objects(platform, job, item))
            for item in request.get("ProcessingInputs") or []
            if not item.get("AppManaged")
        }
        config = request.get("ProcessingOutputConfig") or {}
        self._outputs = [item for item in config.get("Outputs") or [] if not item.get("AppManaged")]
        for item in self._outputs:
            if "S3Output" not in item:
                raise NotHereYet(f"the output {item['OutputName']} into a feature store")
            _below(item["S3Output"].get("LocalPath") or "", f"output {item['OutputName']}")
        cluster = request["ProcessingResources"]["ClusterConfig"]
        self._type, count = cluster["InstanceType"], int(cluster["InstanceCount"])
        self._running = Hosts(enforced.here().stop_grace_train)
        self._hosts = [f"algo-{number}" for number in range(1, count + 1)]

    # from other threads

    def stop(self) -> None:
        self._running.end("stop")

    def abandon(self) -> None:
        """The API itself is stopped."""
        self._abandoned = True
        self.stop()

    # on its own

    def run(self) -> None:
        job = self._job
        with working(job):
            try:
                status, reason = self._process()
            except (InputError, NoObject, EngineError) as error:
                status, reason = "Failed", f"ClientError: {error}"
        if self._abandoned:
            status, reason = "Failed", LOST
        job.moves(status, reason or status, status, reason)

    def _process(self) -> tuple[str, str | None]:
        job, platform, request = self._job, self._platform, self._job.request
        runner, image = images.runner_for(platform, request["AppSpecification"]["ImageUri"])
        if not runner.runs_images and not request["AppSpecification"].get("ContainerEntrypoint"):
            raise EngineError("without Docker a processing job needs a ContainerEntrypoint: no image has one")
        isolated = bool((request.get("NetworkConfig") or {}).get("EnableNetworkIsolation"))
        with ExitStack() as stack:
            network = None
            if isolated or len(self._hosts) > 1:
                network = stack.enter_context(runner.network(isolated, len(self._hosts)))
            for number, host in enumerate(self._hosts):
                self._lay_out(host, number)
            for folder, location in self._sent("Continuous"):
                synced = outputs.Synced(platform.objects, job.account, location, folder, deletes=False)
                synced.start()
                stack.callback(synced.close)
            job.moves("Training", "Processing")  # its one word for running
            containers: dict[str, Running] = {}
            for host in self._hosts:
                stream = f"{job.name}/{host}-{int(job.created.timestamp())}"
                sink = telemetry.stream(job.account, job.region, GROUP, stream)
                spec = self._spec(image, host, isolated, runner.runs_images)
                container = runner.start(replace(spec, network=network), sink)
                stack.callback(container.close)
                containers[host] = container
                self._running.add(host, container)
            condition = request.get("StoppingCondition") or {}
            deadline = time.monotonic() + condition.get("MaxRuntimeInSeconds", limits.MAX_RUNTIME)
            status, reason = self._verdict(*self._running.until_ended(deadline), containers)
        if status == "Completed":
            for folder, location in self._sent("EndOfJob"):
                outputs.files(platform.objects, job.account, [folder], location)
        return status, reason

    def _verdict(self, why: str, codes: Mapping[str, int], containers: Mapping[str, Running]) -> tuple[str, str | None]:
        failed = next((host for host, code in codes.items() if code), None)
        if message := self._written(failed or self._hosts[0], "message"):
            self._job.found["message"] = message[:MESSAGE_CHARS]
        if why:
            return "Stopped", None if why == "stop" else "The maximum runtime was reached"
        if failed is None:
            return "Completed", None
        said = self._written(failed, "failure")
        if not said and containers[failed].is_out_of_memory():
            said = "the memory of the instance was used up"
        said = f"{said[: limits.FAILURE_REASON_CHARS]}, " if said else ""
        return "Failed", f"AlgorithmError: {said}exit code: {codes[failed]}"

    def _spec(self, image: str, host: str, isolated: bool, in_docker: bool) -> Spec:
        job, request = self._job, self._job.request
        app = request["AppSpecification"]
        size = instances.size_of(self._type)
        aws = {} if isolated else self._platform.aws_environment(job.region, in_docker)
        entrypoint = app.get("ContainerEntrypoint")
        own = {"PROCESSING_JOB_NAME": job.name, "PROCESSING_JOB_ARN": job.arn}
        return Spec(
            image,
            tuple(app.get("ContainerArguments") or ()),
            self._tree(host),
            (Part("."),),
            {**aws, **(request.get("Environment") or {}), **own},
            tuple(entrypoint) if entrypoint else None,
            hostname=host if in_docker else None,
            resources=Resources(*size) if size else Resources(),
        )

    def _lay_out(self, host: str, number: int) -> None:
        tree, job = self._tree(host), self._job
        for source, found in self._inputs.values():
            is_sharded = source.get("S3DataDistributionType") == "ShardedByS3Key"
            share = found[number :: len(self._hosts)] if is_sharded else found
            folder = tree / _below(source.get("LocalPath", ""), "input")
            inputs.fetch(self._platform.objects, job.account, share, folder, own=True)
        for item in self._outputs:
            for folder, _ in self._places(item, host):
                folder.mkdir(parents=True, exist_ok=True)
        (tree / "output").mkdir(parents=True, exist_ok=True)
        config = tree / "config"
        config.mkdir(parents=True)
        (config / "resourceconfig.json").write_text(json.dumps({"current_host": host, "hosts": self._hosts}))
        known = {name: value for name, value in job.request.items() if name != "Tags"}
        (config / "processingjobconfig.json").write_text(json.dumps(known | {"ProcessingJobArn": job.arn}, default=str))

    def _sent(self, mode: str) -> list[tuple[Path, Location]]:
        wanted = [item for item in self._outputs if item["S3Output"]["S3UploadMode"] == mode]
        return [place for item in wanted for place in self._places(item)]

    def _places(self, item: Mapping[str, Any], host: str | None = None) -> list[tuple[Path, Location]]:
        output = item["S3Output"]
        path = _below(output.get("LocalPath") or "", f"output {item['OutputName']}")
        hosts = self._hosts if host is None else [host]
        return [(self._tree(name) / path, Location.of(output["S3Uri"])) for name in hosts]

    def _tree(self, host: str) -> Path:
        return self._folder / host

    def _written(self, host: str, name: str) -> str:
        file = self._tree(host) / "output" / name
        return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""


def described(job: Job) -> dict[str, Any]:
    asked = {name: value for name, value in job.request.items() if name != "Tags"}
    return asked | {
        "ProcessingJobArn": job.arn,
        "ProcessingJobStatus": job.status,
        "ExitMessage": job.found.get("message"),
        "FailureReason": job.reason,
        "CreationTime": job.created,
        "ProcessingStartTime": job.started,
        "ProcessingEndTime": job.ended,
        "LastModifiedTime": job.modified,
    }


def _summary(job: Job) -> dict[str, Any]:
    return {
        "ProcessingJobName": job.name,
        "ProcessingJobArn": job.arn,
        "CreationTime": job.created,
        "ProcessingEndTime": job.ended,
        "LastModifiedTime": job.modified,
        "ProcessingJobStatus": job.status,
        "FailureReason": job.reason,
        "ExitMessage": job.found.get("message"),
    }


def _objects(platform: Platform, job: Job, item: Mapping[str, Any]) -> list[inputs.Object]:
    source, what = item.get("S3Input"), f"input {item['InputName']}"
    if source is None:
        raise NotHereYet(f"{what} from a dataset definition")
    if source.get("S3InputMode", "File") != "File":
        raise NotHereYet(f"{what} in Pipe mode")
    _below(source.get("LocalPath", ""), what, INPUTS)
    try:
        return inputs.of_source(platform.objects, job.account, source)
    except InputError as error:
        raise ValidationError(str(error)) from None


def _below(path: str, what: str, base: PurePosixPath = BASE) -> str:
    """A LocalPath by its place in the tree."""
    place = PurePosixPath(path)
    if base not in place.parents or ".." in place.parts:
        raise ValidationError(f"The local path {path!r} of {what} is not below {base}")
    return str(place.relative_to(BASE))
