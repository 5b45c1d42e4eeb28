"""A training job in the image: its /opt/ml tree, its run, and what it left (section 2 of the contract)."""

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_test.verify.probe import Container, Mount, Start
from local_test.verify.subject import Court

PATIENCE = 600.0  # seconds
_POLL = 0.05
NAME = "verify-2026-11-26"
MODE = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}


@dataclass(frozen=True)
class Job:
    """How this job differs from a plain one."""

    name: str
    hyperparameters: Mapping[str, object] | None = None  # None: the user's
    host: str = "algo-1"
    interface: str = "eth0"
    resources: Mapping[str, object] = field(default_factory=dict)  # further keys of resourceconfig.json
    further_file: bool = False  # in input/config
    read_only_channels: bool = False
    writable_model: bool = True
    isolated: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, Path] | None = None


@dataclass(frozen=True)
class Ended:
    code: int | None  # None: it still ran
    seconds: float
    log: str
    stamps: Sequence[tuple[str, str]]
    base: Path
    hears: bool | None = None  # SIGTERM, in PID 1, at some time of the job; None: cannot be seen from here
    signalled_at: float | None = None  # seconds from its start

    @property
    def model(self) -> Sequence[Path]:
        return sorted(path for path in (self.base / "model").rglob("*") if not path.is_dir())

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
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            target.mkdir()
            shutil.copy(source, target)
    hyperparameters = court.subject.hyperparameters if job.hyperparameters is None else job.hyperparameters
    config: dict[str, Any] = {
        "hyperparameters": dict(hyperparameters),
        "inputdataconfig": dict.fromkeys(channels, MODE),
        "resourceconfig": {
            "current_host": job.host,
            "hosts": [job.host],
            "network_interface_name": job.interface,
            **job.resources,
        },
    }
    if job.further_file:
        config["init-config"] = {"version": 1}
    for name, document in config.items():
        (base / "input" / "config" / f"{name}.json").write_text(json.dumps(document))
    return base


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
    start = Start("train", environment, mounts, isolated=job.isolated, hostname=job.host)
    signalled = None
    with court.engine.running(start) as container:
        if stop_after is not None:
            _, hears = _watch(container, stop_after)
            signalled = time.monotonic() - container.started
            container.signal("SIGTERM")
            code = container.wait(patience)
        else:
            code, hears = _watch(container, patience)
        seconds = time.monotonic() - container.started
        ended = Ended(code, seconds, container.log(), container.stamped_log(), base, hears, signalled)
    court.engine.give_back(base)
    return ended
