"""Asynchronous inference: a queue, its input and output in S3, results told to SNS topics (A-01 to A-05)."""

import base64
import contextlib
import datetime
import json
import logging
import threading
import time
import uuid
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moto.core.exceptions import ServiceException
from moto.sns.models import sns_backends

from local_test.api import enforced
from local_test.api.front import Answer, Request
from local_test.api.objects import Location, NoObject
from local_test.api.platform import Platform
from local_test.api.refusal import NO_ANSWER, Refusal, invalid
from local_test.engine.client import WireError
from local_test.engine.endpoint import Unavailable

if TYPE_CHECKING:
    from local_test.api.hosting import Hosting

log = logging.getLogger(__name__)

PREFIX = "X-Amzn-SageMaker-"
CONCURRENT = 4  # where the user says none, the platform chooses; what, is not documented
TIMEOUT, TIMEOUTS = 900, range(1, 3601)  # seconds
TTL, TTLS = 6 * 3600, range(60, 21601)
POLL = 0.2  # seconds until it is looked again whether there is an instance


def folder_of(platform: Platform, account: str, region: str, endpoint: str) -> Path:
    """Of an endpoint, what has not been answered yet."""
    return platform.state / "queues" / account / region / endpoint


@dataclass(frozen=True)
class _Item:
    """Of JSON's types only: it lies in a file until it is answered, so that a restart goes on with it."""

    name: str
    inference_id: str
    body: str | None  # in base64; else it lies at `input`
    input: str | None
    headers: dict[str, str]
    output: str
    failure: str | None
    timeout: float
    expires: float  # seconds since 1970
    received: str


class Asynchronous:
    """Of one endpoint. Lives as long as it: what is asked is answered by whatever serves then."""

    def __init__(self, hosting: "Hosting", config: dict[str, Any]) -> None:
        self.config = config
        self._hosting = hosting
        self._items: deque[_Item] = deque()
        self._changed = threading.Condition()
        self._under_way = 0
        self._ended = False
        self._folder = folder_of(hosting.platform, hosting.account, hosting.region, hosting.name)
        self._folder.mkdir(parents=True, exist_ok=True)
        waiting = [_Item(**json.loads(file.read_bytes())) for file in self._folder.glob("*.json")]
        self._items.extend(sorted(waiting, key=lambda item: item.received))
        threading.Thread(target=self._dispatch, name=f"async-{hosting.name}", daemon=True).start()

    def accept(self, request: Request) -> Answer:
        """Raises Refusal."""
        item = self._item(request)
        partial = self._file(item).with_suffix(".part")
        partial.write_text(json.dumps(asdict(item)), encoding="utf-8")
        partial.replace(self._file(item))
        with self._changed:
            self._items.append(item)
            self._changed.notify_all()
        headers = {"Content-Type": "application/json", f"{PREFIX}OutputLocation": item.output}
        if item.failure:
            headers[f"{PREFIX}FailureLocation"] = item.failure
        return Answer(202, headers, json.dumps({"InferenceId": item.inference_id}).encode())

    def stop(self) -> None:
        """What waits is not begun any more; it lies in its file."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _file(self, item: _Item) -> Path:
        return self._folder / f"{item.name}.json"

    def _item(self, request: Request) -> _Item:
        def header(name: str) -> str | None:
            value: str | None = request.headers.get(PREFIX + name)
            return value

        place = header("InputLocation")
        if bool(place) == bool(request.body):
            raise invalid("Give either an InputLocation or a Body.")
        most = enforced.here().payload_async_inline
        if len(request.body) > most:
            raise invalid(f"The request's body has {len(request.body)} bytes, and {most:.0f} are the most (A-02).", 413)
        if place and not place.startswith("s3://"):
            raise invalid(f"InputLocation {place} is not an S3 URI (s3://bucket/key).")
        outputs = self.config["OutputConfig"]
        name, extension = str(uuid.uuid4()), header("S3OutputPathExtension")
        folders = [extension.strip("/")] if extension else []
        output = Location.of(outputs["S3OutputPath"]).under(*folders, header("Filename") or f"{name}.out")
        failures = outputs.get("S3FailurePath")
        headers = {"Content-Type": header("Content-Type"), "Accept": header("Accept")}
        headers |= {PREFIX + each: header(each) for each in ("Custom-Attributes", "Inference-Id")}
        return _Item(
            name,
            header("Inference-Id") or str(uuid.uuid4()),
            base64.b64encode(request.body).decode() if request.body else None,
            place,
            {key: value for key, value in headers.items() if value is not None},
            str(output),
            str(Location.of(failures).under(*folders, f"{name}-error.out")) if failures else None,
            _seconds("InvocationTimeoutSeconds", header("InvocationTimeoutSeconds"), TIMEOUT, TIMEOUTS),
            time.time() + _seconds("RequestTTLSeconds", header("RequestTTLSeconds"), TTL, TTLS),
            datetime.datetime.now(datetime.UTC).isoformat(),
        )

    def _dispatch(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ended or (self._items and self._has_room()), POLL)
                if self._ended:
                    return
                if not self._items or not self._has_room():
                    continue
                item = self._items.popleft()
                self._under_way += 1
            threading.Thread(target=self._run, args=(item,), daemon=True).start()

    def _has_room(self) -> bool:
        """A-04."""
        most = (self.config.get("ClientConfig") or {}).get("MaxConcurrentInvocationsPerInstance", CONCURRENT)
        return bool(self._under_way < most * sum(self._hosting.instances().values()))

    def _run(self, item: _Item) -> None:
        try:
            content_type, error = self._invoke(item), None
        except (Refusal, Unavailable, NoObject) as refused:
            content_type, error = None, refused.message if isinstance(refused, Refusal) else str(refused)
        except Exception as failed:  # nobody waits for this thread: the failure file says it
            log.exception("an asynchronous invocation failed")
            content_type, error = None, f"InternalFailure: {failed}"
        try:
            if error and self._ended:  # by the end of the container: after a restart it is asked again
                return
            if error and item.failure:
                with contextlib.suppress(NoObject):  # the bucket has gone
                    place = Location.of(item.failure)
                    self._hosting.platform.objects.write(self._hosting.account, place, error.encode())
            self._tell(item, content_type, error)
            self._file(item).unlink(missing_ok=True)
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def _invoke(self, item: _Item) -> str:
        """The type of the output, which is in S3; raises Refusal, Unavailable, NoObject."""
        hosting = self._hosting
        if time.time() > item.expires:
            raise invalid("The request was in the queue for longer than its RequestTTLSeconds (A-03).")
        body = base64.b64decode(item.body or "")
        if item.body is None:
            file = hosting.platform.objects.file(hosting.account, Location.of(item.input or ""))
            if (size := file.stat().st_size) > enforced.here().payload_async:
                raise invalid(
                    f"{item.input} has {size} bytes, and {enforced.here().payload_async:.0f} are the most (A-02)."
                )
            body = file.read_bytes()
        with hosting.engine.chosen() as (_, instance):
            served = hosting.served(instance)
            container = served.variant.container_names()[0]
            begun = time.perf_counter()
            try:
                reply = instance.invoke(body, item.headers, None, item.timeout)
            except WireError as error:
                hosting.traffic.invoked(served, NO_ANSWER, None, 0)
                raise hosting.origin.of_silence(container, error) from None
        seconds = time.perf_counter() - begun
        hosting.traffic.invoked(served, reply.status, seconds, seconds)
        if not 200 <= reply.status < 300:  # noqa: PLR2004
            raise hosting.origin.of_reply(container, reply)
        kind = reply.headers.get("content-type", "application/octet-stream")
        hosting.platform.objects.write(hosting.account, Location.of(item.output), reply.body, {"Content-Type": kind})
        return kind

    def _tell(self, item: _Item, content_type: str | None, error: str | None) -> None:
        topics = self.config["OutputConfig"].get("NotificationConfig") or {}
        topic = topics.get("ErrorTopic" if error else "SuccessTopic")
        if not topic:
            return
        answer = {"outputLocation": item.output} | ({"contentType": content_type} if content_type else {})
        message: dict[str, Any] = {
            "awsRegion": self._hosting.region,
            "eventTime": datetime.datetime.now(datetime.UTC).isoformat(),
            "receivedTime": item.received,
            "invocationStatus": "Failed" if error else "Completed",
            "requestParameters": {"endpointName": self._hosting.name, "inputLocation": item.input},
            "inferenceId": item.inference_id,
            "eventVersion": "1.0",
            "eventSource": "aws:sagemaker",
            "eventName": "InferenceResult",
        }
        message |= {"failureReason": error} if error else {"responseParameters": answer}
        try:
            sns_backends[self._hosting.account][self._hosting.region].publish(json.dumps(message), arn=topic)
        except ServiceException as refused:
            self._hosting.platform.say(f"warning: {topic} could not be told of {item.inference_id}: {refused}")


def _seconds(name: str, text: str | None, default: int, allowed: range) -> float:
    if text is None:
        return default
    if not text.isdigit() or int(text) not in allowed:
        raise invalid(f"{name} {text} is not between {allowed[0]} and {allowed[-1]} (A-03).")
    return float(text)
