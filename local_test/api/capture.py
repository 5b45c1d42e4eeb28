"""Data capture: what was asked and answered, as JSON lines in S3 by the hour (D-01 to D-03)."""

import base64
import datetime
import json
import random
import threading
import uuid
from email.message import Message
from typing import Any

from local_test.api.objects import Location, NoObject
from local_test.api.platform import Platform
from local_test.wire import Reply

Line = tuple[str, datetime.datetime, dict[str, Any]]  # variant, when, what


class Capture:
    """Of one endpoint. Taken on the way of each invocation, written now and then by `flush`."""

    def __init__(self, platform: Platform, account: str, endpoint: str, config: dict[str, Any]) -> None:
        self._platform, self._account, self._endpoint = platform, account, endpoint
        self._share = config["InitialSamplingPercentage"] / 100
        self._modes = {option["CaptureMode"] for option in config["CaptureOptions"]}
        types = config.get("CaptureContentTypeHeader") or {}
        self._csv, self._json = types.get("CsvContentTypes", ()), types.get("JsonContentTypes", ())
        self._destination = Location.of(config["DestinationS3Uri"])
        self._chance = random.Random()  # noqa: S311
        self._lock = threading.Lock()
        self._lines: list[Line] = []
        self._has_complained = False

    def take(self, variant: str, headers: Message, body: bytes, reply: Reply) -> None:
        if self._chance.random() >= self._share:
            return
        data: dict[str, Any] = {}
        if self._modes & {"Input", "InputAndOutput"}:
            data["endpointInput"] = self._document("INPUT", headers.get("Content-Type"), body)
        if self._modes & {"Output", "InputAndOutput"}:
            data["endpointOutput"] = self._document("OUTPUT", reply.headers.get("content-type"), reply.body)
        at = datetime.datetime.now(datetime.UTC)
        event = {"eventId": str(uuid.uuid4()), "inferenceTime": at.strftime("%Y-%m-%dT%H:%M:%SZ")}
        inference = headers.get("X-Amzn-SageMaker-Inference-Id")
        event |= {"inferenceId": inference} if inference else {}
        line = {"captureData": data, "eventMetadata": event, "eventVersion": "0"}
        with self._lock:
            self._lines.append((variant, at, line))

    def flush(self) -> None:
        with self._lock:
            lines, self._lines = self._lines, []
        files: dict[Location, list[dict[str, Any]]] = {}
        moment = f"{datetime.datetime.now(datetime.UTC):%M-%S}-{uuid.uuid4()}.jsonl"
        for variant, at, line in lines:
            place = self._destination.under(self._endpoint, variant, f"{at:%Y/%m/%d/%H}", moment)
            files.setdefault(place, []).append(line)
        for place, found in files.items():
            text = "".join(json.dumps(line) + "\n" for line in found)
            try:
                self._platform.objects.write(self._account, place, text.encode())
            except NoObject as error:
                if not self._has_complained:
                    self._has_complained = True
                    self._platform.say(f"warning: what endpoint {self._endpoint} captures is lost: {error}")

    def _document(self, mode: str, content_type: str | None, body: bytes) -> dict[str, str]:
        """As text where the type is listed, else base64 (D-01)."""
        kind = (content_type or "").split(";")[0].strip().lower()
        encoding = "CSV" if kind in self._csv else "JSON" if kind in self._json else "BASE64"
        try:
            data = base64.b64encode(body).decode() if encoding == "BASE64" else body.decode()
        except UnicodeDecodeError:
            encoding, data = "BASE64", base64.b64encode(body).decode()
        return {"observedContentType": content_type or "", "mode": mode, "data": data, "encoding": encoding}
