"""A training job in the image: its /opt/ml tree, its run, and what it left (section 2 of the contract)."""

import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from local_test.engine.pipes import Feeder
from local_test.engine.tree import Channel, Host
from local_test.verify.checkpoints import Traces
from local_test.verify.probe import Container, Mount, Start
from local_test.verify.subject import Court
from tiffin import media

PATIENCE = 600.0  # seconds
_POLL = 0.05
LATE = 0.5  # seconds after which the FIFO of the next epoch appears (T-10)
NAME = "verify-2026-11-26"
MODE = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}


@dataclass(frozen=True)
class Job:
    """How this job differs from a plain one."""

    name: str
    hyperparameters: Mapping[str, object] | None = None  # None: the user's
    host: str = "algo-1"
    hosts: Sequence[str] = ()  # of the job; empty: this one
    network: str | None = None  # where they find each other
    interface: str = "eth0"
    resources: Mapping[str, object] = field(default_factory=dict)  # further keys of resourceconfig.json
    further_file: bool = False  # in input/config
    read_only_channels: bool = False
    writable_model: bool = True
    isolated: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, Path] | None = None
    pipes: Sequence[str] = ()  # those of the channels that come as FIFOs
    told: bool = False  # what inputdataconfig.json may say besides: content types, sharding
    checkpoints: Path | None = None  # what an earlier job left there


@dataclass(frozen=True)
class Ended:
    code: int | None  # None: it still ran
    seconds: float
    log: str
    stamps: Sequence[tuple[str, str]]
    base: Path
    hears: bool | None = None  # SIGTERM, in PID 1, at some time of the job; None: cannot be seen from here
    signalled_at: float | None = None  # seconds from its start
    epochs: Mapping[str, int] = field(default_factory=dict)  # of each channel that came as FIFOs, how many were opened
    went_on: bool | None = None  # whether it read a checkpoint; None: there was none, or it is not seen from here

    @property
    def model(self) -> Sequence[Path]:
        return sorted(path for path in (self.base / "model").rglob("*") if not path.is_dir())

    @property
    def checkpoints(self) -> Sequence[Path]:
        return sorted(path for path in (self.base / "checkpoints").rglob("*") if path.is_file())

    @property
    def failure(self) -> str:
        file = self.base / "output" / "failure"
        return file.read_text(errors="replace") if file.is_file() else ""

    @property
    def good(self) -> bool:
        return self.code == 0 and bool(self.model)


def lay_out(court: Court, job: Job) -> Path:
    base = court.workspace(f"job-{job.name}")
    for folder in ("input/config", "input/data", "model", "output/data", "checkpoints"):
        (base / folder).mkdir(parents=True)
    channels = court.subject.channels if job.channels is None else job.channels
    for name, source in channels.items():
        target = base / "input" / "data" / name
        if name in job.pipes:
            continue
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            target.mkdir()
            shutil.copy(source, target)
    hyperparameters = court.subject.hyperparameters if job.hyperparameters is None else job.hyperparameters
    config: dict[str, Any] = {
        "hyperparameters": dict(hyperparameters),
        "inputdataconfig": {name: _entry(job, name, source) for name, source in channels.items()},
        "resourceconfig": {
            "current_host": job.host,
            "hosts": list(job.hosts) or [job.host],
            "network_interface_name": job.interface,
            **job.resources,
        },
    }
    if job.further_file:
        config["init-config"] = {"version": 1}
    for name, document in config.items():
        (base / "input" / "config" / f"{name}.json").write_text(json.dumps(document))
    return base


def _entry(job: Job, name: str, source: Path) -> Mapping[str, str]:
    entry = {**MODE, "TrainingInputMode": "Pipe" if name in job.pipes else "File"}
    if job.told:
        files = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
        told = {media.of_file(file) for file in files}
        entry["S3DistributionType"] = "ShardedByS3Key"  # one host's share is all of it
        if len(told) == 1 and (content_type := told.pop()):
            entry["ContentType"] = content_type
    return entry


@contextmanager
def fed(court: Court, job: Job, base: Path) -> Iterator[Mapping[str, Feeder]]:
    """Its channels in Pipe mode, until its container is gone."""
    channels = court.subject.channels if job.channels is None else job.channels
    feeders: dict[str, Feeder] = {}
    try:
        for name in job.pipes:
            channel = Channel(channels[name], "Pipe")
            feeders[name] = Feeder(base / "input" / "data" / name, channel, channel.objects(Host()), LATE)
        yield feeders
    finally:
        for feeder in feeders.values():
            feeder.close()


def _watch(container: Container, patience: float) -> tuple[int | None, bool | None]:
    """The exit code, None when it still ran; and whether PID 1 ever caught SIGTERM."""
    deadline = time.monotonic() + patience
    hears: bool | None = None
    while (code := container.exit_code()) is None and time.monotonic() < deadline:
        seen = container.hears_sigterm()
        hears = hears if seen is None else hears or seen
        time.sleep(_POLL)
    return code, hears


def run(court: Court, job: Job, stop_after: float | None = None, patience: float = PATIENCE) -> Ended:
    """To its end; or SIGTERM after so many seconds, and then for `patience`. Raises NotStarted."""
    base = lay_out(court, job)
    mounts = [Mount(base, "/opt/ml", writable=True)]
    if job.read_only_channels:
        mounts.append(Mount(base / "input", "/opt/ml/input"))
    if not job.writable_model:
        mounts.append(Mount(base / "model", "/opt/ml/model"))
    environment = {
        "TRAINING_JOB_NAME": NAME,
        "TRAINING_JOB_ARN": f"arn:aws:sagemaker:eu-west-1:000000000000:training-job/{NAME}",
        **court.subject.environment,
        **job.environment,
    }
    start = Start("train", environment, mounts, isolated=job.isolated, hostname=job.host, network=job.network)
    signalled = None
    traces = None
    if job.checkpoints:
        traces = Traces.of(job.checkpoints, base / "checkpoints", court.workspace(f"checkpoints-{job.name}"))
    with fed(court, job, base) as feeders, court.engine.running(start) as container:
        if stop_after is not None:
            _, hears = _watch(container, stop_after)
            signalled = time.monotonic() - container.started
            container.signal("SIGTERM")
            code = container.wait(patience)
        else:
            code, hears = _watch(container, patience)
        seconds = time.monotonic() - container.started
        ended = Ended(code, seconds, container.log(), container.stamped_log(), base, hears, signalled)
        ended = replace(ended, epochs={name: feeder.epochs for name, feeder in feeders.items()})
    if traces:
        ended = replace(ended, went_on=traces.were_read())
    court.engine.give_back(base)
    return ended
