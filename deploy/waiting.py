"""Wait for an endpoint, with one line that says how it stands and the container's own lines as they come."""

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from deploy import faults, logs, progress
from deploy.context import Context
from deploy.errors import DeployError
from deploy.kinds.sagemaker import ENDPOINT

MOVING = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
PATIENCE = 4 * 3600.0  # AWS ends each of these by itself before
STALE = 30.0  # seconds for which a description may be older than a call
LAG = 15.0  # seconds until a line is to be read
UNHEARD = 300.0  # seconds without an answer of AWS
SLOWEST = 5.0  # seconds between two looks
LAST = 20  # of a container's lines


@dataclass(frozen=True)
class Settled:
    endpoint: Mapping[str, Any]
    lines: tuple[str, ...]  # the last that its containers have written meanwhile

    @property
    def status(self) -> str:
        return str(self.endpoint["EndpointStatus"])

    @property
    def reason(self) -> str:
        return str(self.endpoint.get("FailureReason") or "")


def settled(
    context: Context,
    name: str,
    *,
    since: float | None = None,
    before: datetime | None = None,
    patience: float = PATIENCE,
) -> Settled:
    """Once its status is none that passes.

    `since`, in seconds since 1970: lines are shown from then on; without it from the endpoint's creation on, by AWS's
    clock. `before`: when it was last modified, for a change that it may not show at once.
    """
    begun, heard, pause = time.monotonic(), time.monotonic(), 0.2
    lines = Lines(context, name)
    with Line(context) as line:
        while True:
            try:
                endpoint = context.aws.client("sagemaker").describe_endpoint(EndpointName=name)
            except (ClientError, BotoCoreError) as error:
                if not faults.is_passing(error) or time.monotonic() - heard > UNHEARD:
                    raise
                endpoint = None
                pause = min(pause * 2, 30.0)
            if endpoint:
                heard = time.monotonic()
                is_stale = endpoint["LastModifiedTime"] == before and time.monotonic() - begun < STALE
                moves = endpoint["EndpointStatus"] in MOVING or is_stale
                lines.show(line, since or endpoint["CreationTime"].timestamp())
                if not moves:
                    if endpoint.get("FailureReason"):
                        lines.linger(line)
                    return Settled(endpoint, tuple(lines.last))
                line.show(f"endpoint {name}: {endpoint['EndpointStatus']}", time.monotonic() - begun)
            if time.monotonic() - begun > patience:
                raise DeployError(f"the endpoint {name} is not done after {patience:.0f} s: `deploy info` looks again")
            time.sleep(pause)
            pause = min(pause * 1.3, SLOWEST) if endpoint else pause


class Lines:
    """Of the containers; that they cannot be read is said once, and ends nothing."""

    def __init__(self, context: Context, name: str) -> None:
        self._context = context
        self._group = ENDPOINT.log_group.format(name=name)
        self._tail: logs.Tail | None = None
        self._is_refused = False
        self.last: deque[str] = deque(maxlen=LAST)

    def linger(self, line: "Line") -> None:
        """CloudWatch shows a line some seconds after it was written."""
        deadline = time.monotonic() + LAG
        while not (self.last or self._is_refused) and time.monotonic() < deadline:
            time.sleep(1.0)
            self.show(line, 0.0)

    def show(self, line: "Line", since: float) -> None:
        """`since` counts the first time."""
        if self._is_refused:
            return
        if self._tail is None:
            self._tail = logs.follow(self._context.aws, self._group, since=int(since * 1000))
        try:
            new = self._tail.new()
        except (ClientError, BotoCoreError) as error:
            if not faults.is_passing(error):
                self._is_refused = True
                line.say(f"the container's lines cannot be shown: {error}")
            return
        for each in new:
            line.say(f"  {each}")
            self.last.append(each.text)


class Line:
    """One line that is written again on a terminal, and otherwise said when it changes."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._line = progress.Line()
        self._said = ""

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: object) -> None:
        self._line.end()

    def show(self, text: str, seconds: float) -> None:
        self._line.show(f"{text} {seconds:.0f} s")
        if text != self._said and not self._line.is_seen:
            self._context.say(f"{text} ({seconds:.0f} s)")
        self._said = text

    def say(self, text: str) -> None:
        self._line.end()
        self._context.say(text)
