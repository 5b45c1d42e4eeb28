"""A job at AWS: watched until it ends, through throttling and broken connections; Ctrl-C leaves it alone."""

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from deploy import artifacts, faults, logs
from deploy.context import Context
from deploy.errors import DeployError
from deploy.kinds.kind import PROJECT, or_none
from deploy.kinds.sagemaker import ENDED, ENDPOINT, TRAINING_JOB, TRANSFORM_JOB, TUNING_JOB, SageMaker
from deploy.ledger import Resource

KINDS = (TRAINING_JOB, TRANSFORM_JOB, TUNING_JOB)
LAST = 10  # lines of each host that are shown again where a job failed
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds between two looks: they are throttled by the account
LAG = 0.5  # seconds until Logs has the lines of a job that has ended
PATIENCE = 600.0  # seconds that AWS may not answer while a job is watched
Description = Mapping[str, Any]


class Watched:
    """What has been shown of a job: its transitions, and its lines with what `hears` makes of them."""

    def __init__(
        self, context: Context, kind: SageMaker, name: str, hears: Callable[[logs.Line], None] | None = None
    ) -> None:
        self._context, self._kind, self._name, self._hears = context, kind, name, hears
        self._tail = logs.follow(context.aws, kind.log_group.format(name=name))
        self._is_heard, self._is_ended = True, False
        self._lines = 0
        self._said: list[tuple[str, str]] = []
        self.last: dict[str, list[str]] = {}

    def until_end(self) -> Description:
        """The description then; all lines are shown."""
        while True:
            before = self._lines
            found = ended(self._context, self._kind, self.look)
            if self._is_ended and self._lines == before:
                return found
            self._is_ended = True
            time.sleep(LAG)

    def look(self) -> Description:
        found = self._kind.describe(self._context.aws, self._name)
        self._say_steps(found)
        self._read()
        return found

    def _read(self) -> None:
        for line in self._new():
            self._lines += 1
            self._context.say(str(line))
            self.last[line.host] = [*self.last.get(line.host, []), line.text][-LAST:]
            if self._hears:
                self._hears(line)

    def _new(self) -> list[logs.Line]:
        """None where this user may start jobs and not read Logs: the job is watched all the same."""
        if not self._is_heard:
            return []
        try:
            return self._tail.new()
        except ClientError as error:
            if faults.is_passing(error) or faults.is_expired(error):
                raise
            self._is_heard = False
            self._context.say(f"its lines cannot be shown: {faults.sentence(error, self._context.aws)}")
            return []

    def _say_steps(self, found: Description) -> None:
        steps = found.get("SecondaryStatusTransitions") or [
            {"Status": status(self._kind, found), "StatusMessage": found.get("FailureReason", "")}
        ]
        for step in steps:
            known = (step["Status"], step.get("StatusMessage", ""))
            if known not in self._said:
                self._said.append(known)
                self._context.say(f"{self._name}: {': '.join(filter(None, known)).partition(chr(10))[0]}")


def status(kind: SageMaker, found: Description) -> str:
    return str(found[f"{kind.noun}Status"])


def ended(context: Context, kind: SageMaker, look: Callable[[], Description]) -> Description:
    """Looks until the job has ended. What AWS does not answer for a while is asked again: the job goes on meanwhile."""
    pause, failing_since = FIRST_PAUSE, 0.0
    while True:
        try:
            found = look()
        except (ClientError, BotoCoreError) as error:
            if not faults.is_passing(error) or (failing_since and time.monotonic() - failing_since > PATIENCE):
                context.say("the job goes on, unwatched")
                raise
            if not failing_since:
                failing_since = time.monotonic()
                context.say(f"AWS does not answer for now, and the job goes on: {faults.sentence(error, context.aws)}")
        else:
            if status(kind, found) in ENDED:
                return found
            failing_since = 0.0
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)


def failure(kind: SageMaker, name: str, found: Description, last: Mapping[str, list[str]]) -> str:
    """Why it did not complete, and each host's last lines."""
    why = found.get("FailureReason") or found.get("SecondaryStatus") or ""
    said = [f"{kind.name} {name}: {': '.join(filter(None, (status(kind, found), why)))}"]
    for host, lines in sorted(last.items()):
        if host.endswith("data-log"):  # SageMaker's own, of a transform job: its command says what is in it
            continue
        said += [f"  last of {host}:", *(f"    {line}" for line in lines)]
    if artifact := artifacts.of(found):
        said.append(f"  what it had until then: {artifact}")
    return "\n".join(said)


def left_alone(context: Context, kind: SageMaker, name: str) -> int:
    """What Ctrl-C does: the job is at AWS and bills on, so it is said how to stop it, and asked where somebody is."""
    context.say(
        f"\n{kind.name} {name} goes on. To stop it: deploy stop {name}; to follow it again: deploy logs {name} --follow"
    )
    if sys.stdin.isatty() and sys.stderr.isatty():
        try:
            context.say("stop it now? [y/N]")
            if input().strip().lower() in ("y", "yes"):
                stop(context, kind, name)
        except (KeyboardInterrupt, EOFError):
            pass
    return 130


def stop(context: Context, kind: SageMaker, name: str) -> None:
    kind.delete(context.aws, Resource(kind.name, name))
    context.say(f"{kind.name} {name} is being stopped: its containers get SIGTERM, and may save what they have (T-35)")


def named(
    context: Context, name: str, kinds: tuple[SageMaker, ...] = (*KINDS, ENDPOINT)
) -> tuple[SageMaker, Description]:
    """The job, or the endpoint, of that name; raises DeployError where there is none."""
    for kind in kinds:
        found = or_none(kind.describe, aws=context.aws, name=name)
        if found is not None:
            return kind, found
    every = ", ".join(kind.name for kind in kinds)
    raise DeployError(f"nothing is named {name} in {context.aws.region}: no {every}")


def newest(context: Context, kinds: tuple[SageMaker, ...] = KINDS) -> tuple[SageMaker, str]:
    """The project's last job, of whatever kind."""
    found = []
    for kind in kinds:
        first = next(iter(kind.newest(context.aws, context.project)), None)
        if first:
            found.append((first["CreationTime"], kind, str(first[f"{kind.noun}Name"])))
    if not found:
        raise DeployError(f"{context.project} has no job in {context.aws.region} yet: `deploy train` begins one")
    _, kind, name = max(found, key=lambda each: each[0])
    return kind, name


def is_ours(context: Context, kind: SageMaker, found: Description) -> bool:
    tags = kind.tags_of(context.aws, found[f"{kind.noun}Arn"]) or {}
    return tags.get(PROJECT) == context.project
