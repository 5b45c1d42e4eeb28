"""Training jobs: asked for as on AWS, run by the engine, their data and artifacts in S3."""

import copy
import re
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import sagemaker_backends

from local_test.api import enforced, images, inputs, instances, outputs, telemetry
from local_test.api.absent import NotHereYet
from local_test.api.front import Answer, Request
from local_test.api.inputs import InputError
from local_test.api.jobs import LOST, Job, begin, delete, listed, stop, working
from local_test.api.objects import Location, NoObject
from local_test.api.platform import Platform
from local_test.api.shapes import check
from local_test.engine.containers import EngineError, Resources
from local_test.engine.training import Result, TrainingRun, TrainingSpec
from local_test.engine.tree import Channel, TreeError
from tiffin import limits

KIND = "training-job"
MADE = "made-training-job"
GROUP = NAMESPACE = "/aws/sagemaker/TrainingJobs"
MESSAGES = {
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Interrupted": "The instances were taken away; training goes on from the checkpoints",
}
REFUSED = {  # parts of a request that AWS acts on and we do not
    "TensorBoardOutputConfig": "TensorBoard output",
    "DebugRuleConfigurations": "Debugger rules",
    "ProfilerRuleConfigurations": "Profiler rules",
}


class TrainingBackend:
    """Of moto's SageMaker backend, the part that trains."""

    platform: Platform
    account_id: str
    region_name: str
    training_jobs: dict[str, Job]

    def begin_training_job(self, request: dict[str, Any]) -> Job:
        """Raises moto's errors for what AWS refuses, NotHereYet for what only AWS does."""
        job = Job.of(self, KIND, request)

        def work() -> Work:
            made = Work(self.platform, job)
            job.interrupt = made.interrupt
            return made

        return begin(self.training_jobs, job, work, "Preparing the instances for training")

    def make_training_job(self, request: dict[str, Any], found: dict[str, Any]) -> Job:
        """One that no call asked for, but a job of ours: the journal has to be told."""
        key = f"{self.account_id}/{self.region_name}/{request['TrainingJobName']}"
        self.platform.know(MADE, key, {"request": request, "found": found})
        job = self.begin_training_job(request)
        job.found |= found
        return job

    def training_job(self, name: str) -> Job:
        if name not in self.training_jobs:
            raise ValidationError("Requested resource not found.")
        return self.training_jobs[name]


class TrainingResponse:
    """Of moto's SageMaker responses, the operations on training jobs."""

    platform: Platform
    params: dict[str, Any]
    sagemaker_backend: Any

    def create_training_job(self) -> ActionResult:
        check("CreateTrainingJob", self.params)
        job = self.sagemaker_backend.begin_training_job(copy.deepcopy(dict(self.params)))
        return ActionResult({"TrainingJobArn": job.arn})

    def describe_training_job(self) -> ActionResult:
        return ActionResult(described(self.sagemaker_backend.training_job(self.params["TrainingJobName"])))

    def list_training_jobs(self) -> ActionResult:
        jobs = self.sagemaker_backend.training_jobs.values()
        return ActionResult(listed(jobs, self.params, _summary, "TrainingJobSummaries"))

    def stop_training_job(self) -> ActionResult:
        job = self.sagemaker_backend.training_job(self.params["TrainingJobName"])
        stop(job, "training job")
        return EmptyResult()

    def delete_training_job(self) -> ActionResult:
        job = self.sagemaker_backend.training_job(self.params["TrainingJobName"])
        delete(self.sagemaker_backend.training_jobs, job, "training job")
        return EmptyResult()


def made_again(key: str, value: Mapping[str, Any]) -> None:
    """For hooks.FACTS: what make_training_job told the journal."""
    account, region, _ = key.split("/", 2)
    sagemaker_backends[account][region].make_training_job(value["request"], value["found"])  # type: ignore[attr-defined]


def interruption(_: Platform, request: Request) -> Answer | None:
    """For server.ROUTES: `POST /local/training-jobs/<name>/interrupt` takes the instances of a spot job away."""
    found = re.fullmatch(r"/local/training-jobs/([^/]+)/interrupt", request.path)
    if found is None or request.method != "POST":
        return None
    jobs = [
        job
        for _, _, backend in sagemaker_backends.iter_backends()
        if isinstance(job := backend.training_jobs.get(found[1]), Job)  # type: ignore[attr-defined]
    ]
    if not jobs:
        return Answer(404, {}, b"there is no such training job\n")
    if not jobs[0].request.get("EnableManagedSpotTraining") or jobs[0].status != "InProgress":
        return Answer(409, {}, b"it does not run, or not on spot instances (EnableManagedSpotTraining)\n")
    jobs[0].interrupt()
    return Answer(202, {}, b"its instances are taken away\n")


class Work:
    """A training job from its data to its artifact, on a thread of its own."""

    def __init__(self, platform: Platform, job: Job) -> None:
        """Raises what makes AWS refuse the call."""
        self._platform, self._job = platform, job
        self._folder = job.folder
        self._abandoned = False
        request = job.request
        for part, what in REFUSED.items():
            if request.get(part):
                raise NotHereYet(f"{what} ({part})")
        algorithm = request.get("AlgorithmSpecification") or {}
        if not algorithm.get("TrainingImage"):
            if algorithm.get("AlgorithmName"):
                raise NotHereYet("algorithms of the marketplace (AlgorithmName); give a TrainingImage")
            raise ValidationError("You must provide a TrainingImage or an AlgorithmName in AlgorithmSpecification.")
        if algorithm.get("AlgorithmName"):
            raise ValidationError("You must provide either a TrainingImage or an AlgorithmName, and not both.")
        _check_wait(request)
        self._inputs = _inputs(platform, job)
        output = request["OutputDataConfig"]
        self._output = Location.of(output["S3OutputPath"]).under(job.name, "output")
        self._is_packed = output.get("CompressionType", "GZIP") == "GZIP"
        checkpoints = request.get("CheckpointConfig")
        if checkpoints and checkpoints.get("LocalPath", "/opt/ml/checkpoints").rstrip("/") != "/opt/ml/checkpoints":
            raise NotHereYet("checkpoints elsewhere than in /opt/ml/checkpoints (LocalPath)")
        self._checkpoints = Location.of(checkpoints["S3Uri"]) if checkpoints else None
        self._metrics = _definitions(algorithm)
        self._type, self._hosts = _cluster(request["ResourceConfig"] if request.get("ResourceConfig") else {})
        self._run: TrainingRun | None = None
        self._wanted = ""  # stop or interrupt, asked for before there was a run

    # from other threads

    def stop(self) -> None:
        self._ask("stop")

    def interrupt(self) -> None:
        """As when a spot instance is taken away."""
        self._ask("interrupt")

    def abandon(self) -> None:
        """The API itself is stopped."""
        self._abandoned = True
        self._ask("stop")

    def _ask(self, what: str) -> None:
        self._wanted = what
        if self._run is not None:
            getattr(self._run, what)()

    # on its own

    def run(self) -> None:
        job = self._job
        with working(job):
            try:
                status, secondary, reason = self._train()
            except (InputError, NoObject) as error:
                status, secondary, reason = "Failed", "Failed", f"ClientError: Data download failed:{error}"
            except (EngineError, TreeError) as error:
                status, secondary, reason = "Failed", "Failed", f"ClientError: {error}"
        if self._abandoned:
            status, secondary, reason = "Failed", "Failed", LOST
        message = reason or f"Training job {'completed' if status == 'Completed' else 'stopped'}"
        job.moves(secondary, message, status, reason)

    def _train(self) -> tuple[str, str, str | None]:
        job, platform = self._job, self._platform
        runner, image = images.runner_for(platform, job.request["AlgorithmSpecification"]["TrainingImage"])
        sinks = {
            f"algo-{number}": telemetry.stream(
                job.account, job.region, GROUP, f"{job.name}/algo-{number}-{int(job.created.timestamp())}"
            )
            for number in range(1, self._hosts + 1)
        }
        for name, found in self._inputs.items():
            inputs.fetch(platform.objects, job.account, found, self._channel_folder(name))
        with ExitStack() as stack:
            folder = None
            if self._checkpoints:
                folder = self._folder / "checkpoints"
                checkpoints = outputs.Synced(platform.objects, job.account, self._checkpoints, folder)
                checkpoints.restore()
                checkpoints.start()
                stack.callback(checkpoints.close)
            spec = self._spec(image, folder, runner.runs_images)
            run = TrainingRun(runner, spec, self._folder / "ml", lambda host, line: sinks[host](line), self._on_status)
            self._run = run
            if self._wanted:  # before there was a run to hear it
                getattr(run, self._wanted)()
            result = run.run()
        self._keep_metrics(result)
        if result.status in ("Completed", "Stopped") and not self._abandoned:
            job.moves("Uploading", "Uploading generated training model")
            try:
                self._upload(result)
            except NoObject as error:
                return "Failed", "Failed", f"ClientError: Artifact upload failed:{error}"
        return result.status, result.secondary, result.failure_reason

    def _spec(self, image: str, checkpoints: Path | None, in_docker: bool) -> TrainingSpec:
        job, request = self._job, self._job.request
        algorithm, isolated = request["AlgorithmSpecification"], bool(request.get("EnableNetworkIsolation"))
        aws = {} if isolated else self._platform.aws_environment(job.region, in_docker)
        entrypoint, arguments = algorithm.get("ContainerEntrypoint"), algorithm.get("ContainerArguments")
        size = instances.size_of(self._type) if self._type else None
        return TrainingSpec(
            job.name,
            image,
            {str(name): str(value) for name, value in (request.get("HyperParameters") or {}).items()},
            {str(name): channel for name, channel in self._channels().items()},
            self._hosts,
            {**aws, **(request.get("Environment") or {}), "TRAINING_JOB_NAME": job.name, "TRAINING_JOB_ARN": job.arn},
            tuple(entrypoint) if entrypoint else None,
            tuple(arguments or ()) if entrypoint or arguments else ("train",),  # C-05
            self._type,
            Resources(*size) if size else Resources(),
            isolated,
            (request.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds", limits.MAX_RUNTIME),
            stop_grace=enforced.here().stop_grace_train,
            checkpoints=checkpoints,
            metric_definitions=self._metrics,
        )

    def _channels(self) -> dict[str, Channel]:
        algorithm = self._job.request["AlgorithmSpecification"]
        return {
            channel["ChannelName"]: Channel(
                self._channel_folder(channel["ChannelName"]),
                channel.get("InputMode") or algorithm.get("TrainingInputMode") or "File",  # T-11
                channel["DataSource"]["S3DataSource"].get("S3DataDistributionType", "FullyReplicated"),
                channel.get("ContentType"),
                channel.get("RecordWrapperType", "None"),
                channel.get("CompressionType", "None"),
            )
            for channel in self._job.request.get("InputDataConfig") or []
        }

    def _channel_folder(self, name: str) -> Path:
        return self._folder / "channels" / name

    def _on_status(self, secondary: str) -> None:
        if self._job.status == "InProgress":
            self._job.moves(secondary, MESSAGES.get(secondary, secondary))

    def _keep_metrics(self, result: Result) -> None:
        job = self._job
        values = [(metric.name, metric.value, metric.time) for metric in result.metrics]
        telemetry.metric(job.account, job.region, NAMESPACE, values, {"TrainingJobName": job.name})
        last = {name: (value, at) for name, value, at in values}
        job.found["metrics"] = [
            {"MetricName": name, "Value": value, "Timestamp": at} for name, (value, at) in last.items()
        ]

    def _upload(self, result: Result) -> None:
        """All hosts' files in one (T-30); other output only where there is some (T-31)."""
        objects, account = self._platform.objects, self._job.account
        for name in result.clashes():
            self._platform.say(f"warning: {self._job.name}: several hosts wrote {name} into the model; the last stays")
        models = [tree.paths.model for tree in result.trees]
        data = [tree.paths.output_data for tree in result.trees if any(tree.paths.output_data.iterdir())]
        if self._is_packed:
            artifact = self._output.under("model.tar.gz")
            outputs.archive(objects, account, models, artifact)
            if data:
                outputs.archive(objects, account, data, self._output.under("output.tar.gz"))
        else:
            artifact = self._output.under("model", "")
            outputs.files(objects, account, models, self._output.under("model"))
            outputs.files(objects, account, data, self._output.under("output"))
        self._job.found["artifacts"] = str(artifact)


def described(job: Job) -> dict[str, Any]:
    """What was asked, and what has become of it."""
    seconds = int((job.ended - (job.started or job.ended)).total_seconds()) if job.ended else None
    asked = {name: value for name, value in job.request.items() if name != "Tags"}
    return asked | {
        # AWS always tells the key, and the SDK's `Estimator.attach` reads it
        "OutputDataConfig": {"KmsKeyId": "", "CompressionType": "GZIP"} | job.request["OutputDataConfig"],
        "TrainingJobArn": job.arn,
        "TrainingJobStatus": job.status,
        "SecondaryStatus": job.secondary,
        "SecondaryStatusTransitions": job.transitions,
        "FailureReason": job.reason,
        "CreationTime": job.created,
        "TrainingStartTime": job.started,
        "TrainingEndTime": job.ended,
        "LastModifiedTime": job.modified,
        "TrainingTimeInSeconds": seconds,
        "BillableTimeInSeconds": seconds,
        "FinalMetricDataList": job.found.get("metrics") or None,
        "ModelArtifacts": {"S3ModelArtifacts": job.found["artifacts"]} if "artifacts" in job.found else None,
        "EnableNetworkIsolation": bool(job.request.get("EnableNetworkIsolation")),
        "EnableInterContainerTrafficEncryption": bool(job.request.get("EnableInterContainerTrafficEncryption")),
        "EnableManagedSpotTraining": bool(job.request.get("EnableManagedSpotTraining")),
        "TuningJobArn": job.found.get("tuning_job"),
    }


def _summary(job: Job) -> dict[str, Any]:
    return {
        "TrainingJobName": job.name,
        "TrainingJobArn": job.arn,
        "CreationTime": job.created,
        "TrainingEndTime": job.ended,
        "LastModifiedTime": job.modified,
        "TrainingJobStatus": job.status,
        "SecondaryStatus": job.secondary,
    }


def _inputs(platform: Platform, job: Job) -> dict[str, list[inputs.Object]]:
    """Of each channel its objects; raises ValidationError where there are none."""
    found = {}
    for channel in job.request.get("InputDataConfig") or []:
        source = channel["DataSource"].get("S3DataSource")
        if source is None or source.get("S3DataType") not in ("S3Prefix", "ManifestFile"):
            kind = source["S3DataType"] if source else " and ".join(channel["DataSource"])
            raise NotHereYet(f"the data source {kind} of channel {channel['ChannelName']}")
        if channel["ChannelName"] in found:
            raise ValidationError(f"Channel names must be unique: {channel['ChannelName']}")
        try:
            found[channel["ChannelName"]] = inputs.of_source(platform.objects, job.account, source)
        except InputError as error:
            raise ValidationError(str(error)) from None
    return found


def _check_wait(request: Mapping[str, Any]) -> None:
    stopping = request.get("StoppingCondition") or {}
    wait = stopping.get("MaxWaitTimeInSeconds")
    if request.get("EnableManagedSpotTraining") and (
        wait is None or wait < stopping.get("MaxRuntimeInSeconds", limits.MAX_RUNTIME)
    ):
        raise ValidationError(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds"
        )


def _definitions(algorithm: Mapping[str, Any]) -> dict[str, re.Pattern[str]]:
    found = {}
    for definition in algorithm.get("MetricDefinitions") or []:
        try:
            found[definition["Name"]] = re.compile(definition["Regex"])
        except re.error as error:
            raise ValidationError(f"The regex of metric {definition['Name']} cannot be used: {error}") from None
    return found


def _cluster(resources: Mapping[str, Any]) -> tuple[str | None, int]:
    groups = resources.get("InstanceGroups")
    if groups and len(groups) > 1:
        raise NotHereYet("several instance groups")
    wanted = groups[0] if groups else resources
    if wanted.get("InstanceType") and not wanted.get("InstanceCount"):  # the model's own minimum is 0
        raise ValidationError("ResourceConfig needs an InstanceCount of 1 or more.")
    return wanted.get("InstanceType"), int(wanted.get("InstanceCount") or 1)
