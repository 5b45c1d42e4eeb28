"""What a training job is asked for with, and what it has come to."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deploy import artifacts, buckets, images, logs, roles, uploads
from deploy.context import Context
from deploy.errors import DeployError
from deploy.kinds.storage import SCHEME
from deploy.sections import Training

CHANNEL = re.compile(r"[A-Za-z0-9.\-_]{1,64}")  # T-03
MODES = ("File", "FastFile", "Pipe")


def checked(training: Training) -> Training:
    """Raises DeployError for what AWS would refuse only after the upload, or would not notice."""
    _check_channels(training)
    _check_metrics(training.metrics)
    if training.max_wait_seconds and training.max_wait_seconds < training.max_seconds:
        raise DeployError(
            f"max_wait_seconds, {training.max_wait_seconds}, counts the run too, and is less than max_seconds, "
            f"{training.max_seconds}"
        )
    if training.max_wait_seconds and not training.spot:
        raise DeployError("max_wait_seconds is for spot instances: --spot")
    return training


def _check_channels(training: Training) -> None:
    for name in training.channels:
        if not CHANNEL.fullmatch(name):
            raise DeployError(f"{name!r} is no channel's name: up to 64 letters, digits, `.`, `-` and `_` (T-03)")
    for setting in ("channel_modes", "channel_types", "sharded"):
        for name in getattr(training, setting):
            if name not in training.channels:
                there = f"there are {', '.join(training.channels)}" if training.channels else "there are none"
                raise DeployError(f"{setting}: {name} is none of [train] channels; {there}")
    for name, mode in training.channel_modes.items():
        if mode not in MODES:
            raise DeployError(f"channel_modes: {name}={mode} is none of {', '.join(MODES)}")


def _check_metrics(metrics: Mapping[str, str]) -> None:
    for name, pattern in metrics.items():
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            raise DeployError(f"metrics: the regex of {name}, {pattern!r}, cannot be used: {error}") from None
        if not groups:
            raise DeployError(f"metrics: {name}={pattern} has no group: (…) around the number (T-40)")


def request(context: Context, name: str) -> dict[str, Any]:
    """For CreateTrainingJob, but the name; uploads the channels that are local. Looks before it sends anything."""
    training = checked(context.read(Training))
    role, image = roles.execution(context), images.pushed(context)
    for where in training.channels.values():
        if not where.startswith(SCHEME):
            uploads.found(Path(where))
    channels = [_channel(training, each, uploads.given(context, each, at)) for each, at in training.channels.items()]
    outputs = buckets.prefix(context, "jobs", name)
    stop = {"MaxRuntimeInSeconds": training.max_seconds}
    if training.spot:
        stop["MaxWaitTimeInSeconds"] = training.max_wait_seconds or 2 * training.max_seconds
    asked: dict[str, Any] = {
        "AlgorithmSpecification": {
            "TrainingImage": image,
            "TrainingInputMode": training.channel_mode,
            **({"MetricDefinitions": _definitions(training.metrics)} if training.metrics else {}),
        },
        "RoleArn": role,
        "OutputDataConfig": {"S3OutputPath": outputs.rstrip("/")},
        "ResourceConfig": {
            "InstanceType": training.train_instance_type,
            "InstanceCount": training.train_instance_count,
            "VolumeSizeInGB": training.train_volume_gb,
        },
        "StoppingCondition": stop,
        "HyperParameters": dict(training.hyperparameters),  # strings all (T-01)
        "EnableManagedSpotTraining": training.spot,
    }
    if channels:
        asked["InputDataConfig"] = channels
    if training.spot or training.checkpoints:  # the slash: as a prefix `a` would restore `ab`, too (T-38)
        asked["CheckpointConfig"] = {"S3Uri": f"{outputs}checkpoints/"}
    if training.train_environment:
        asked["Environment"] = dict(training.train_environment)
    return asked


def _channel(training: Training, name: str, uri: str) -> dict[str, Any]:
    dealt = "ShardedByS3Key" if name in training.sharded else "FullyReplicated"
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": dealt}
    channel: dict[str, Any] = {"ChannelName": name, "DataSource": {"S3DataSource": source}}
    if name in training.channel_types:
        channel["ContentType"] = training.channel_types[name]
    if name in training.channel_modes:
        channel["InputMode"] = training.channel_modes[name]
    return channel


def _definitions(metrics: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Regex": regex} for name, regex in metrics.items()]


class Ear:
    """Hears metrics in the lines as they come: AWS tells them by the description, at the end."""

    def __init__(self, context: Context, metrics: Mapping[str, str]) -> None:
        self._context = context
        self.last: dict[str, float] = {}
        self._patterns = {name: re.compile(pattern) for name, pattern in metrics.items()}

    def __call__(self, line: logs.Line) -> None:
        for name, pattern in self._patterns.items():
            found = pattern.search(line.text)
            try:
                value = float(found[1]) if found else None
            except (TypeError, ValueError):  # no number: AWS leaves it out, too
                continue
            if value is not None:
                if math.isfinite(value):  # JSON has no other
                    self.last[name] = value
                self._context.say(f"metric {name} = {value:g} ({line.host})")


def result(name: str, found: Mapping[str, Any], heard: Mapping[str, float]) -> dict[str, Any]:
    """Of a description: what a program would ask for. A metric that AWS does not tell is the last that was heard."""
    metrics = {**heard} | {each["MetricName"]: each["Value"] for each in found.get("FinalMetricDataList") or []}
    known = {
        "job": name,
        "status": found["TrainingJobStatus"],
        "artifact": artifacts.of(found) or None,
        "seconds": found.get("TrainingTimeInSeconds"),
        "billable_seconds": found.get("BillableTimeInSeconds"),
        "failure_reason": found.get("FailureReason"),
        "metrics": metrics,
    }
    return {key: value for key, value in known.items() if value is not None}
