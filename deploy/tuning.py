"""What a tuning job is asked for with: ranges as they are written, an objective that is measured."""

import itertools
import math
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from deploy import training
from deploy.context import Context
from deploy.errors import DeployError
from deploy.kinds.sagemaker import short
from deploy.sections import Training, Tuning

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
RANGE = re.compile(rf"({NUMBER})\.\.({NUMBER})(?::(\w[\w-]*))?")
WHOLE = re.compile(r"[+-]?\d+")
SCALES = {"linear": "Linear", "log": "Logarithmic", "reverse-log": "ReverseLogarithmic", "": "Auto"}


@dataclass(frozen=True)
class Range:
    part: str  # of ParameterRanges
    item: Mapping[str, Any]


def parsed(name: str, text: str) -> Range:
    """`a,b,c` or `low..high`, whole numbers where both ends are, with `:log` where factors matter and not steps."""
    if ".." not in text:
        values = [each.strip() for each in text.split(",")]
        if not all(values):
            raise DeployError(f"ranges: {name}={text} has an empty value: write {name}=a,b,c or {name}=1..10")
        if len(set(values)) < len(values):
            raise DeployError(f"ranges: {name}={text} has a value twice")
        return Range("CategoricalParameterRanges", {"Name": name, "Values": values})
    found = RANGE.fullmatch(text.strip())
    if not found or (found[3] or "") not in SCALES:
        raise DeployError(
            f"ranges: {name}={text} is no range: write {name}=2..90, {name}=0.1..0.9 or {name}=1e-5..1e-1:log "
            f"(also :linear, :reverse-log)"
        )
    low, high, scale = found[1], found[2], found[3] or ""
    if float(low) >= float(high):
        raise DeployError(f"ranges: {name}={text} ends before it begins")
    if scale == "log" and float(low) <= 0:
        raise DeployError(f"ranges: {name}={text} is on a logarithmic scale, which has no {low}")
    if scale == "reverse-log" and not 0 <= float(low) < float(high) < 1:
        raise DeployError(f"ranges: {name}={text}: a reverse logarithmic scale goes from 0 to below 1")
    is_whole = bool(WHOLE.fullmatch(low) and WHOLE.fullmatch(high))
    part = "IntegerParameterRanges" if is_whole else "ContinuousParameterRanges"
    return Range(part, {"Name": name, "MinValue": low, "MaxValue": high, "ScalingType": SCALES[scale]})


def config(tuning: Tuning, metrics: Iterable[str]) -> dict[str, Any]:
    """HyperParameterTuningJobConfig; raises DeployError for what could come to nothing."""
    known = list(metrics)
    if not tuning.objective:
        raise DeployError("which metric is to be the best? --objective NAME, one of [train] metrics")
    if tuning.objective not in known:
        there = f"there are {', '.join(known)}" if known else "there are none: --metrics NAME=REGEX"
        raise DeployError(f"the objective {tuning.objective!r} is none of [train] metrics; {there}")
    if not tuning.ranges:
        raise DeployError("there is nothing to try: --ranges NAME=a,b,c or NAME=low..high")
    if not 1 <= tuning.max_parallel_jobs <= tuning.max_jobs:
        raise DeployError(f"max_parallel_jobs, {tuning.max_parallel_jobs}, is not 1 to max_jobs, {tuning.max_jobs}")
    ranges = [parsed(name, text) for name, text in tuning.ranges.items()]
    limits = {"MaxParallelTrainingJobs": tuning.max_parallel_jobs}
    if tuning.strategy == "Grid":
        _check_grid(tuning, ranges)  # its number of jobs is not asked for: it is that of its points
    else:
        limits["MaxNumberOfTrainingJobs"] = tuning.max_jobs
    parts = {part: [each.item for each in group] for part, group in _grouped(ranges)}
    return {
        "Strategy": tuning.strategy,
        "HyperParameterTuningJobObjective": {"Type": tuning.goal, "MetricName": tuning.objective},
        "ResourceLimits": limits,
        "ParameterRanges": parts,
    }


def request(context: Context, name: str) -> dict[str, Any]:
    """For CreateHyperParameterTuningJob, but the name: each trial is what `deploy train` would ask for."""
    settings, tuning = context.read(Training), context.read(Tuning)
    asked = {"HyperParameterTuningJobConfig": config(tuning, settings.metrics)}
    definition = training.request(context, name)
    fixed = definition.pop("HyperParameters")
    definition["StaticHyperParameters"] = {key: value for key, value in fixed.items() if key not in tuning.ranges}
    if "CheckpointConfig" in definition:
        context.say("all trials get one place for checkpoints: write TRAINING_JOB_NAME into their files' names")
    return {**asked, "TrainingJobDefinition": definition}


def fresh(context: Context) -> str:
    """32 characters at most, which is AWS's limit: the project, the year, its day, the time."""
    return f"{short(context.project)}-{time.strftime('%y%j%H%M%S', time.gmtime())}"


@dataclass(frozen=True)
class Trial:
    job: str
    status: str
    value: float | None
    hyperparameters: Mapping[str, str]
    why: str = ""

    @classmethod
    def of(cls, summary: Mapping[str, Any]) -> "Trial":
        final = summary.get("FinalHyperParameterTuningJobObjectiveMetric") or {}
        return cls(
            summary["TrainingJobName"],
            summary["TrainingJobStatus"],
            final.get("Value"),
            summary.get("TunedHyperParameters") or {},
            (summary.get("FailureReason") or "").partition("\n")[0],
        )

    def __str__(self) -> str:
        value = "" if self.value is None else f"{self.value:g}"
        tried = " ".join(f"{key}={value}" for key, value in sorted(self.hyperparameters.items()))
        return f"{self.job:<45} {self.status:<11} {value:>12}  {tried}{self.why and f'  {self.why}'}"


def ranked(trials: Iterable[Trial], goal: str) -> list[Trial]:
    """The best first, those without a value last."""
    sign = -1 if goal == "Maximize" else 1
    return sorted(trials, key=lambda each: math.inf if each.value is None else sign * each.value)


def _check_grid(tuning: Tuning, ranges: Iterable[Range]) -> None:
    points = 1
    for each in ranges:
        if each.part != "CategoricalParameterRanges":
            name = each.item["Name"]
            raise DeployError(f"a grid is made of values: write {name}=a,b,c and not {tuning.ranges[name]}")
        points *= len(each.item["Values"])
    if points > tuning.max_jobs:
        raise DeployError(f"the grid has {points} points, and max_jobs is {tuning.max_jobs}: --max-jobs {points}")


def _grouped(ranges: Iterable[Range]) -> Iterable[tuple[str, Iterable[Range]]]:
    def part(each: Range) -> str:
        return each.part

    return itertools.groupby(sorted(ranges, key=part), key=part)
