"""What SageMaker Runtime answers instead of a model's answer (H-15, H-16)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local_test.api.front import Answer
from local_test.engine.client import TimedOut, WireError
from local_test.wire import Reply

MESSAGE = 2048  # characters: the API model's limit
NO_ANSWER = 0  # as the platform counts a container that did not answer
TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container {}. Review the latency metrics for each "
    "container in Amazon CloudWatch, resolve the issue, and try again."
)


@dataclass
class Refusal(Exception):
    status: int
    code: str
    message: str
    more: Mapping[str, Any] = field(default_factory=dict)

    def answer(self) -> Answer:
        body = json.dumps({"Message": self.message[:MESSAGE], **self.more}).encode()
        return Answer(self.status, {"Content-Type": "application/json", "x-amzn-ErrorType": self.code}, body)


def invalid(message: str, status: int = 400) -> Refusal:
    return Refusal(status, "ValidationError", message)


def unavailable(message: str) -> Refusal:
    return Refusal(503, "ServiceUnavailable", message)


@dataclass(frozen=True)
class Origin:
    """Of an endpoint, what its errors say about it."""

    account: str
    region: str
    endpoint: str
    log_group: str

    def model_error(self, container: str, status: int, said: str) -> Refusal:
        """What a container answered, as the caller reads it."""
        side = "client" if 400 <= status < 500 else "server"  # noqa: PLR2004
        console = f"https://{self.region}.console.aws.amazon.com/cloudwatch/home?region={self.region}"
        where = f"See {console}#logEventViewer:group={self.log_group} in account {self.account} for more information."
        more = {
            "OriginalStatusCode": status,
            "OriginalMessage": said[:MESSAGE],
            "LogStreamArn": f"arn:aws:logs:{self.region}:{self.account}:log-group:{self.log_group}",
        }
        room = MESSAGE - len(where) - 100
        message = f'Received {side} error ({status}) from {container} with message "{said[:room]}". {where}'
        return Refusal(424, "ModelError", message, more)

    def of_reply(self, container: str, reply: Reply) -> Refusal:
        return self.model_error(container, reply.status, reply.body[: 4 * MESSAGE].decode("utf-8", "replace"))

    def of_silence(self, container: str, error: WireError) -> Refusal:
        said = TIMED_OUT.format(container) if isinstance(error, TimedOut) else f"container {container}: {error}"
        return self.model_error(container, NO_ANSWER, said)
