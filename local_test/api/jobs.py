"""A job of any kind: what was asked, how far it is, and what a restart must know of it."""

import datetime
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from moto.sagemaker.exceptions import ResourceInUseException, ValidationError
from moto.sagemaker.models import sagemaker_backends
from moto.sagemaker.utils import arn_formatter

from local_test.api import telemetry
from local_test.api.platform import Platform

ENDED = ("Completed", "Failed", "Stopped")
WORDS = {
    "training-job": ("TrainingJob", "Training Job"),
    "processing-job": ("ProcessingJob", "Processing Job"),
    "transform-job": ("TransformJob", "Transform Job"),
    "hyper-parameter-tuning-job": ("HyperParameterTuningJob", "HyperParameter Tuning Job"),
}
LOST = "InternalServerError: `local_test up` ended while the job ran, and what ran of it was ended with it"


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


@dataclass
class Job:
    """`kind` is the ARN's: training-job. moto reads the tags and the ARN of what lies in its dictionaries."""

    platform: Platform
    kind: str
    name: str
    arn: str
    request: dict[str, Any]
    created: datetime.datetime = field(default_factory=now)
    status: str = "InProgress"
    secondary: str = "Starting"
    reason: str | None = None
    started: datetime.datetime | None = None
    ended: datetime.datetime | None = None
    modified: datetime.datetime = field(default_factory=now)
    transitions: list[dict[str, Any]] = field(default_factory=list)
    found: dict[str, Any] = field(default_factory=dict)  # what only this kind has: metrics, artifacts
    tags: list[dict[str, str]] = field(default_factory=list)
    stop: Callable[[], None] = lambda: None  # what a Stop operation does to what runs
    interrupt: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.tags = list(self.request.get("Tags") or [])
        self._lock = threading.Lock()

    @classmethod
    def of(cls, backend: Any, kind: str, request: dict[str, Any]) -> "Job":
        """As a Create operation asks for it."""
        name = request[f"{WORDS[kind][0]}Name"]
        arn = arn_formatter(kind, name, backend.account_id, backend.region_name)
        return cls(backend.platform, kind, name, arn, request)

    @property
    def folder(self) -> Path:
        """Of its work."""
        return self.platform.work / self.kind / self.region / self.name

    @property
    def account(self) -> str:
        return self.arn.split(":")[4]

    @property
    def region(self) -> str:
        return self.arn.split(":")[3]

    @property
    def has_ended(self) -> bool:
        return self.status in ENDED

    def moves(self, secondary: str, message: str, status: str | None = None, reason: str | None = None) -> None:
        """To the next secondary status, and perhaps a status; a job that has ended stays as it is."""
        with self._lock:
            if self.has_ended:
                return
            at = now()
            if self.transitions and self.transitions[-1].get("EndTime") is None:
                self.transitions[-1]["EndTime"] = at
            ends = status in ENDED
            changes = status is not None or not self.transitions
            step = {"Status": secondary, "StartTime": at, "StatusMessage": message} | ({"EndTime": at} if ends else {})
            self.transitions.append(step)
            self.secondary, self.modified = secondary, at
            self.status, self.reason = status or self.status, reason or self.reason
            if secondary == "Training":
                self.started = self.started or at
            if ends:
                self.ended = at
            self.platform.know(self.kind, self.key, self.state())  # in the order in which it moved
        if changes:
            self._tell()
        if ends:
            took = (self.modified - self.created).total_seconds()
            self.platform.say(f"{self.kind} {self.name}: {status} after {took:.1f} s{f': {reason}' if reason else ''}")

    def _tell(self) -> None:
        """EventBridge, of a new status."""
        name, what = WORDS[self.kind]
        detail = {
            f"{name}Name": self.name,
            f"{name}Arn": self.arn,
            f"{name}Status": self.status,
            "SecondaryStatus": self.secondary,
            "FailureReason": self.reason,
        }
        known = {key: value for key, value in detail.items() if value is not None}
        telemetry.event(self.account, self.region, f"SageMaker {what} State Change", self.arn, known)

    @property
    def key(self) -> str:
        return f"{self.account}/{self.region}/{self.name}"

    def state(self) -> dict[str, Any]:
        names = ("created", "status", "secondary", "reason", "started", "ended", "modified", "transitions", "found")
        return {name: _plain(getattr(self, name)) for name in names}

    def takes(self, state: Mapping[str, Any]) -> None:
        """What the journal knew of it."""
        for name, value in state.items():
            setattr(self, name, _restored(value))

    def lose(self) -> None:
        """After a restart: what had not ended cannot be gone on with."""
        if not self.has_ended:
            self.moves("Failed", LOST, "Failed", LOST)


@contextmanager
def claimed(jobs: dict[str, Job], job: Job) -> Iterator[None]:
    """The name is the job's from here on, unless what follows refuses the job; raises ResourceInUse."""
    if jobs.setdefault(job.name, job) is not job:
        what = WORDS[job.kind][1].lower()
        raise ResourceInUseException(
            f"{what.capitalize()} names must be unique within an AWS account and region, and a {what} with this name "
            f"already exists ({job.arn})"
        )
    try:
        yield
    except BaseException:
        del jobs[job.name]
        raise


class Work(Protocol):
    """What a job does, on a thread of its own; `stop` is the operation's, `abandon` the end of all."""

    def run(self) -> None: ...

    def stop(self) -> None: ...

    def abandon(self) -> None: ...


def begin(jobs: dict[str, Job], job: Job, work: Callable[[], Work], message: str) -> Job:
    """From its name to its thread; while the journal is read back no further than the name.

    Raises ResourceInUse, and what `work` raises for what is refused.
    """
    with claimed(jobs, job):
        if job.platform.replaying:
            return job
        made = work()
    job.stop = made.stop
    job.moves("Starting", message)
    job.platform.works.start(job.arn, made.run, made.abandon)
    return job


@contextmanager
def working(job: Job) -> Iterator[None]:
    """Round what a job does: its folder is empty before and gone after, and what nobody foresaw is its end."""
    shutil.rmtree(job.folder, ignore_errors=True)
    try:
        yield
    except Exception as error:
        job.moves("Failed", str(error), "Failed", f"InternalServerError: {type(error).__name__}: {error}")
        raise
    finally:
        shutil.rmtree(job.folder, ignore_errors=True)


def stop(job: Job, what: str, parts: str = "") -> None:
    """The Stop operation: of `what` it is, and what is stopped where that is something else."""
    if job.has_ended:
        raise ValidationError(f"The request was rejected because the {what} is in status {job.status}.")
    job.moves("Stopping", f"Stopping the {parts or what}", "Stopping")
    job.stop()


def delete(jobs: dict[str, Job], job: Job, what: str = "job") -> None:
    """The Delete operation."""
    if not (job.has_ended or job.platform.replaying):
        raise ResourceInUseException(f"The {what} {job.arn} is in status {job.status} and cannot be deleted.")
    del jobs[job.name]


def known_again(jobs: str) -> Callable[[str, Mapping[str, Any]], None]:
    """For hooks.FACTS: gives a job back what the journal knew of it; `jobs` is the backend's dictionary."""

    def restore(key: str, state: Mapping[str, Any]) -> None:
        account, region, name = key.split("/", 2)
        job = getattr(sagemaker_backends[account][region], jobs).get(name)
        if isinstance(job, Job):
            job.takes(state)

    return restore


def lost(jobs: str) -> Callable[[], None]:
    """For hooks.RECONCILE: what had not ended, has."""

    def reconcile() -> None:
        for _, _, backend in sagemaker_backends.iter_backends():
            for job in getattr(backend, jobs).values():
                job.lose()

    return reconcile


def listed(
    jobs: Iterable[Job],
    asked: Mapping[str, Any],
    summary: Callable[[Job], dict[str, Any]],
    key: str,
    orders: Mapping[str, Callable[[Job], Any]] = MappingProxyType({}),
) -> dict[str, Any]:
    """A List operation's answer: filtered, sorted, a page of it."""
    found = [job for job in jobs if _wanted(job, asked)]
    order = {"Name": lambda job: job.name, "Status": lambda job: job.status, **orders}
    found.sort(key=order.get(asked.get("SortBy", ""), lambda job: job.created))
    if asked.get("SortOrder", "Descending") == "Descending":
        found.reverse()
    token = asked.get("NextToken") or "0"
    if not token.isdigit() or int(token) > len(found):
        raise ValidationError(f"Invalid pagination token {token!r}")
    begin, size = int(token), int(asked.get("MaxResults") or 10)
    page = {key: [summary(job) for job in found[begin : begin + size]]}
    return page | ({"NextToken": str(begin + size)} if begin + size < len(found) else {})


def _wanted(job: Job, asked: Mapping[str, Any]) -> bool:
    if asked.get("WarmPoolStatusEquals") or asked.get("TrainingPlanArnEquals"):
        return False  # no job has either here
    bounds = [
        ("CreationTimeAfter", job.created, 1),
        ("CreationTimeBefore", job.created, -1),
        ("LastModifiedTimeAfter", job.modified, 1),
        ("LastModifiedTimeBefore", job.modified, -1),
    ]
    for name, at, sign in bounds:
        limit = asked.get(name)
        if limit is not None and (at - _aware(limit)).total_seconds() * sign < 0:
            return False
    contains, status = asked.get("NameContains"), asked.get("StatusEquals")
    return (not contains or contains in job.name) and (not status or status == job.status)


def _aware(value: Any) -> datetime.datetime:
    if isinstance(value, (int, float)):
        return datetime.datetime.fromtimestamp(value, datetime.UTC)
    time = value if isinstance(value, datetime.datetime) else datetime.datetime.fromisoformat(str(value))
    return time if time.tzinfo else time.replace(tzinfo=datetime.UTC)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime.datetime):
        return {"$time": value.isoformat()}
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list) else value


def _restored(value: Any) -> Any:
    if isinstance(value, Mapping):
        if set(value) == {"$time"}:
            return datetime.datetime.fromisoformat(value["$time"])
        return {name: _restored(part) for name, part in value.items()}
    return [_restored(part) for part in value] if isinstance(value, list) else value
