"""What containers have written, read from CloudWatch as it comes: all streams of a job or an endpoint."""

import re
from dataclasses import dataclass
from typing import Any

from deploy.aws import Aws, pages
from deploy.kinds.kind import or_none

STARTED = re.compile(r"-\d{10,13}(?=/|$)")  # algo-1-1732635000: the host, and when it was started


@dataclass(frozen=True)
class Line:
    host: str  # algo-1; of an endpoint VARIANT/INSTANCE
    at: int  # milliseconds since 1970
    text: str

    def __str__(self) -> str:
        return f"{self.host} | {self.text}"


class Tail:
    """Asked again and again; a call that AWS refuses loses no line and repeats none."""

    def __init__(self, aws: Aws, group: str, prefix: str, since: int) -> None:
        self._logs: Any = aws.client("logs")
        self._group, self._prefix, self._since = group, prefix, since
        self._tokens: dict[str, str] = {}
        self._read: list[Line] = []

    def new(self) -> list[Line]:
        """What has been written since the last call, in the order of its time."""
        for stream in self._streams():
            self._take(stream)
        found, self._read = sorted(self._read, key=lambda line: line.at), []
        return found

    def _streams(self) -> list[str]:
        asked = {"logGroupName": self._group} | ({"logStreamNamePrefix": self._prefix} if self._prefix else {})
        found = or_none(lambda: {"all": list(pages(self._logs, "describe_log_streams", "logStreams", **asked))})
        return [each["logStreamName"] for each in found["all"]] if found else []  # None before the first line

    def _take(self, stream: str) -> None:
        host = STARTED.sub("", stream.removeprefix(self._prefix))
        while True:
            token = self._tokens.get(stream)
            page = self._logs.get_log_events(
                logGroupName=self._group,
                logStreamName=stream,
                startFromHead=True,
                **({"startTime": self._since} if self._since else {}),
                **({"nextToken": token} if token else {}),
            )
            self._read += [Line(host, each["timestamp"], each["message"]) for each in page["events"]]
            self._tokens[stream] = page["nextForwardToken"]
            if page["nextForwardToken"] == token:  # the end, for now: an empty page need not be it
                return


def follow(aws: Aws, group: str, prefix: str = "", since: int = 0) -> Tail:
    """`prefix` of the streams' names: `JOB/`; empty for an endpoint, whose group is its own. `since`: as Line.at."""
    return Tail(aws, group, prefix, since)


def place(log_group: str) -> tuple[str, str]:
    """Group and prefix of what a kind's `log_group` says of a name."""
    group, _, prefix = log_group.partition(":")
    return group, prefix
