"""Hyperparameter tuning: training jobs over a grid or at random, so many at a time, and which was the best."""

import copy
import itertools
import math
import random
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.exceptions import ValidationError

from local_test.api.absent import NotHereYet
from local_test.api.jobs import LOST, Job, begin, delete, listed, stop, working
from local_test.api.platform import Platform
from local_test.api.shapes import check

KIND = "hyper-parameter-tuning-job"
POLL = 0.1  # seconds between looks at the training jobs
ALL_FAILED = "All training jobs failed. Please take a look at the training jobs failures to get more details."
REFUSED = {
    "WarmStartConfig": "a warm start from other tuning jobs",
    "Autotune": "Autotune",
    "TrainingJobDefinitions": "several training job definitions",
}
COPIED = (  # from the definition into each training job
    "RoleArn",
    "InputDataConfig",
    "VpcConfig",
    "OutputDataConfig",
    "StoppingCondition",
    "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining",
    "CheckpointConfig",
    "RetryStrategy",
    "Environment",
)


class TuningBackend:
    """Of moto's SageMaker backend, the part that tunes."""

    platform: Platform
    account_id: str
    region_name: str
    hyper_parameter_tuning_jobs: dict[str, Job]
    training_jobs: dict[str, Job]

    def begin_tuning_job(self, request: dict[str, Any]) -> Job:
        """Raises moto's errors for what AWS refuses, NotHereYet for what only AWS does."""
        job = Job.of(self, KIND, request)
        job.found |= {"jobs": []}
        return begin(self.hyper_parameter_tuning_jobs, job, lambda: Work(self, job), "Starting training jobs")

    def tuning_job(self, name: str) -> Job:
        if name not in self.hyper_parameter_tuning_jobs:
            raise ValidationError("Requested resource not found.")
        return self.hyper_parameter_tuning_jobs[name]


class TuningResponse:
    """Of moto's SageMaker responses, the operations on tuning jobs."""

    platform: Platform
    params: dict[str, Any]
    sagemaker_backend: Any

    def _asked(self) -> Job:
        job: Job = self.sagemaker_backend.tuning_job(self.params["HyperParameterTuningJobName"])
        return job

    def create_hyper_parameter_tuning_job(self) -> ActionResult:
        check("CreateHyperParameterTuningJob", self.params)
        job = self.sagemaker_backend.begin_tuning_job(copy.deepcopy(dict(self.params)))
        return ActionResult({"HyperParameterTuningJobArn": job.arn})

    def describe_hyper_parameter_tuning_job(self) -> ActionResult:
        return ActionResult(described(self._asked(), self.sagemaker_backend.training_jobs))

    def list_hyper_parameter_tuning_jobs(self) -> ActionResult:
        backend = self.sagemaker_backend
        jobs = backend.hyper_parameter_tuning_jobs.values()

        def summary(job: Job) -> dict[str, Any]:
            config = job.request["HyperParameterTuningJobConfig"]
            known = {"Strategy": config["Strategy"], "ResourceLimits": config["ResourceLimits"]}
            return _common(job, backend.training_jobs) | known

        return ActionResult(listed(jobs, self.params, summary, "HyperParameterTuningJobSummaries"))

    def list_training_jobs_for_hyper_parameter_tuning_job(self) -> ActionResult:
        tuning, training = self._asked(), self.sagemaker_backend.training_jobs
        jobs = [training[item["name"]] for item in tuning.found["jobs"] if item["name"] in training]
        if self.params.get("SortBy") == "FinalObjectiveMetricValue":
            jobs = [job for job in jobs if value_of(tuning, job) is not None]

        def summary(job: Job) -> dict[str, Any]:
            return _tried(tuning, job)

        by_value = {"FinalObjectiveMetricValue": lambda job: value_of(tuning, job)}
        return ActionResult(listed(jobs, self.params, summary, "TrainingJobSummaries", by_value))

    def stop_hyper_parameter_tuning_job(self) -> ActionResult:
        job = self._asked()
        stop(job, "tuning job", "training jobs")
        return EmptyResult()

    def delete_hyper_parameter_tuning_job(self) -> ActionResult:
        job = self._asked()
        delete(self.sagemaker_backend.hyper_parameter_tuning_jobs, job)
        return EmptyResult()


class Work:
    """A tuning job: starts training jobs and looks at how they end, on a thread of its own."""

    def __init__(self, backend: Any, job: Job) -> None:
        """Raises what makes AWS refuse the call."""
        self._backend, self._job = backend, job
        self._stopped, self._abandoned = threading.Event(), False
        for part, what in REFUSED.items():
            if job.request.get(part):
                raise NotHereYet(f"{what} ({part})")
        config, definition = job.request["HyperParameterTuningJobConfig"], job.request.get("TrainingJobDefinition")
        if not definition or not config.get("HyperParameterTuningJobObjective"):
            raise ValidationError("A TrainingJobDefinition and a HyperParameterTuningJobObjective are needed.")
        metric = config["HyperParameterTuningJobObjective"]["MetricName"]
        algorithm = definition["AlgorithmSpecification"]
        if metric not in [known["Name"] for known in algorithm.get("MetricDefinitions") or []]:
            raise ValidationError(f"The objective metric {metric} is none of the algorithm's MetricDefinitions.")
        criteria = config.get("TuningJobCompletionCriteria") or {}
        for part in ("BestObjectiveNotImproving", "ConvergenceDetected"):
            if criteria.get(part):
                raise NotHereYet(f"an end by {part}")
        self._points = points(config)
        _check_names(config, definition)
        limits = config["ResourceLimits"]
        self._parallel, self._longest = int(limits["MaxParallelTrainingJobs"]), limits.get("MaxRuntimeInSeconds")
        self._target = criteria.get("TargetObjectiveMetricValue")

    def stop(self) -> None:
        self._stopped.set()

    def abandon(self) -> None:
        """The API itself is stopped, and the training jobs with it."""
        self._abandoned = True
        self._stopped.set()

    def run(self) -> None:
        job = self._job
        with working(job):
            reason = self._tune()
        if self._abandoned:
            reason = LOST
        status = "Failed" if reason else "Stopped" if self._stopped.is_set() else "Completed"
        job.moves(status, reason or status, status, reason)

    def _tune(self) -> str | None:
        running: list[Job] = []
        every: list[Job] = []
        refused: str | None = None
        deadline = time.monotonic() + (self._longest or math.inf)
        while True:
            running = [job for job in running if not job.has_ended]
            is_over = self._stopped.is_set() or time.monotonic() > deadline
            is_enough = is_over or refused is not None or self._is_reached(every)
            while not is_enough and len(running) < self._parallel and (point := next(self._points, None)) is not None:
                try:
                    begun = self._begin(point, len(every) + 1)
                except ServiceException as error:  # what AWS would refuse of a training job; those that run are stopped
                    refused, is_enough = error.message, True
                    break
                running.append(begun)
                every.append(begun)
            if not running:
                break
            if is_enough:
                for job in running:
                    if job.status == "InProgress":
                        job.moves("Stopping", "Stopping the training job", "Stopping")
                        job.stop()
                time.sleep(POLL)
            else:
                self._stopped.wait(POLL)
        is_lost = bool(every) and all(job.status == "Failed" for job in every)
        return refused or (ALL_FAILED if is_lost and not self._stopped.is_set() else None)

    def _is_reached(self, every: list[Job]) -> bool:
        if self._target is None:
            return False
        best = best_of(self._job, every)
        value = value_of(self._job, best) if best else None
        return value is not None and (value >= self._target if _is_max(self._job) else value <= self._target)

    def _begin(self, point: Mapping[str, str], number: int) -> Job:
        tuning, definition = self._job, self._job.request["TrainingJobDefinition"]
        objective = tuning.request["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["MetricName"]
        name = f"{tuning.name}-{number:03}-{uuid.uuid4().hex[:8]}"
        request = {part: definition[part] for part in COPIED if definition.get(part) is not None}
        request |= {
            "TrainingJobName": name,
            "AlgorithmSpecification": copy.deepcopy(definition["AlgorithmSpecification"]),
            "HyperParameters": {
                **(definition.get("StaticHyperParameters") or {}),
                **point,
                "_tuning_objective_metric": objective,  # T-23
            },
            "ResourceConfig": definition.get("ResourceConfig")
            or definition.get("HyperParameterTuningResourceConfig")
            or {},
        }
        if tuning.tags:  # AWS's, too, are passed on to each training job
            request["Tags"] = list(tuning.tags)
        tuning.found["jobs"].append({"name": name, "point": dict(point)})
        tuning.moves("Training", f"Training job {number}")
        job: Job = self._backend.make_training_job(request, {"tuning_job": tuning.arn})
        return job


def _check_names(config: Mapping[str, Any], definition: Mapping[str, Any]) -> None:
    names = [item["Name"] for ranges in (config.get("ParameterRanges") or {}).values() for item in ranges]
    if len(set(names)) < len(names):
        raise ValidationError("The names of hyperparameter ranges must be unique.")
    if both := sorted(set(names) & set(definition.get("StaticHyperParameters") or {})):
        raise ValidationError(f"Hyperparameters are either static or tuned, and not both: {', '.join(both)}")


def points(config: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """The hyperparameters to try; raises what AWS refuses, and NotHereYet for strategies that learn."""
    strategy, ranges = config["Strategy"], config.get("ParameterRanges") or {}
    wanted = config["ResourceLimits"].get("MaxNumberOfTrainingJobs")
    categories = {item["Name"]: item["Values"] for item in ranges.get("CategoricalParameterRanges") or []}
    numbers = [
        (item, is_whole)
        for part, is_whole in (("IntegerParameterRanges", True), ("ContinuousParameterRanges", False))
        for item in ranges.get(part) or []
    ]
    if strategy == "Grid":
        if numbers or not categories:
            raise ValidationError("The Grid strategy takes categorical parameter ranges only, and at least one.")
        grid = [dict(zip(categories, values, strict=True)) for values in itertools.product(*categories.values())]
        if wanted not in (None, len(grid)):
            raise ValidationError(f"The grid has {len(grid)} points, and MaxNumberOfTrainingJobs is {wanted}.")
        return iter(grid)
    if strategy != "Random":
        raise NotHereYet(f"the strategy {strategy}; Grid and Random are here")
    for item, _ in numbers:
        if float(item["MinValue"]) > float(item["MaxValue"]):
            raise ValidationError(f"The range of {item['Name']} ends before it begins.")
    if not numbers and not categories:
        raise ValidationError("There are no parameter ranges to try.")
    chance = random.Random(config.get("RandomSeed"))  # noqa: S311
    return (
        {
            **{name: chance.choice(values) for name, values in categories.items()},
            **{item["Name"]: drawn(item, is_whole, chance) for item, is_whole in numbers},
        }
        for _ in range(wanted or 1)
    )


def drawn(item: Mapping[str, str], is_whole: bool, chance: random.Random) -> str:
    """A number of the range, evenly on its scale; the whole ones with both ends."""
    low, high = float(item["MinValue"]), float(item["MaxValue"])
    scale = item.get("ScalingType", "Auto")
    if is_whole and scale in ("Auto", "Linear"):
        return str(chance.randint(int(low), int(high)))
    part = chance.random()
    if scale == "Logarithmic" and low > 0:
        value = math.exp(math.log(low) + part * (math.log(high) - math.log(low)))
    elif scale == "ReverseLogarithmic" and high < 1:
        value = 1 - math.exp(math.log(1 - low) + part * (math.log(1 - high) - math.log(1 - low)))
    else:
        value = low + part * (high - low)
    return str(min(int(high), max(int(low), round(value)))) if is_whole else repr(min(high, max(low, value)))


def value_of(tuning: Job, job: Job) -> float | None:
    """The objective of a training job: the last that it said."""
    wanted = tuning.request["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["MetricName"]
    found = [metric["Value"] for metric in job.found.get("metrics") or [] if metric["MetricName"] == wanted]
    return float(found[0]) if found and job.status in ("Completed", "Stopped") else None


def best_of(tuning: Job, jobs: list[Job]) -> Job | None:
    valued = [(value, job) for job in jobs if (value := value_of(tuning, job)) is not None]
    choose = max if _is_max(tuning) else min
    return choose(valued, key=lambda pair: pair[0])[1] if valued else None


def described(tuning: Job, training: Mapping[str, Job]) -> dict[str, Any]:
    jobs = [training[item["name"]] for item in tuning.found["jobs"] if item["name"] in training]
    best = best_of(tuning, jobs)
    asked = {name: value for name, value in tuning.request.items() if name != "Tags"}
    return (
        asked
        | _common(tuning, training)
        | {
            "BestTrainingJob": _tried(tuning, best) if best else None,
            "FailureReason": tuning.reason,
        }
    )


def _common(tuning: Job, training: Mapping[str, Job]) -> dict[str, Any]:
    jobs = [training[item["name"]] for item in tuning.found["jobs"] if item["name"] in training]
    status = [job.status for job in jobs]
    valued = sum(value_of(tuning, job) is not None for job in jobs)
    ended = sum(job.has_ended for job in jobs)
    return {
        "HyperParameterTuningJobName": tuning.name,
        "HyperParameterTuningJobArn": tuning.arn,
        "HyperParameterTuningJobStatus": tuning.status,
        "CreationTime": tuning.created,
        "HyperParameterTuningEndTime": tuning.ended,
        "LastModifiedTime": tuning.modified,
        "TrainingJobStatusCounters": {
            "Completed": status.count("Completed"),
            "InProgress": len(jobs) - ended,
            "RetryableError": 0,
            "NonRetryableError": status.count("Failed"),
            "Stopped": status.count("Stopped"),
        },
        "ObjectiveStatusCounters": {"Succeeded": valued, "Pending": len(jobs) - ended, "Failed": ended - valued},
    }


def _tried(tuning: Job, job: Job) -> dict[str, Any]:
    objective = tuning.request["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
    value = value_of(tuning, job)
    point = next(item["point"] for item in tuning.found["jobs"] if item["name"] == job.name)
    final = {"Type": objective["Type"], "MetricName": objective["MetricName"], "Value": value}
    return {
        "TrainingJobName": job.name,
        "TrainingJobArn": job.arn,
        "TuningJobName": tuning.name,
        "CreationTime": job.created,
        "TrainingStartTime": job.started,
        "TrainingEndTime": job.ended,
        "TrainingJobStatus": job.status,
        "TunedHyperParameters": point,
        "FailureReason": job.reason,
        "FinalHyperParameterTuningJobObjectiveMetric": final if value is not None else None,
        "ObjectiveStatus": "Succeeded" if value is not None else "Failed" if job.has_ended else "Pending",
    }


def _is_max(tuning: Job) -> bool:
    objective = tuning.request["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
    return bool(objective["Type"] == "Maximize")
