"""What containers have written, read from CloudWatch as it comes: all streams of a job or an endpoint."""

import re
from dataclasses import dataclass

from deploy.aws import Aws
from deploy.kinds.watching import place, streams

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
        self._aws, self._logs = aws, aws.client("logs")
        self._group, self._prefix, self._since = group, prefix, since
        self._tokens: dict[str, str] = {}
        self._read: list[Line] = []

    def new(self) -> list[Line]:
        """What has been written since the last call, in the order of its time."""
        for stream in streams(self._aws, self._group, self._prefix):
            self._take(stream)
        found, self._read = sorted(self._read, key=lambda line: line.at), []
        return found

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


def follow(aws: Aws, log_group: str, since: int = 0) -> Tail:
    """`log_group`: of a kind, `group:prefix` or a group alone. `since`: as Line.at."""
    return Tail(aws, *place(log_group), since)
