"""boto3 within this process: a client whose calls go to the control plane straight, and into no journal."""

import io
from collections.abc import Callable
from typing import Any

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config

from local_test.api.front import Answer, Handler, Request, message_of
from local_test.api.identity import ACCESS_KEY, SECRET_KEY

Client = Callable[[str, str], Any]  # by service and region


def client(handler: Handler) -> Client:
    def made(service: str, region: str) -> Any:
        found = boto3.client(
            service,
            region_name=region,
            endpoint_url="http://127.0.0.1",  # never called
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(retries={"total_max_attempts": 1, "mode": "standard"}),
        )

        def answered(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
            return _response(request.url, handler(_request(request)))

        found.meta.events.register("before-send", answered)
        return found

    return made


def _request(sent: Any) -> Request:
    headers = {name: value.decode() if isinstance(value, bytes) else str(value) for name, value in sent.headers.items()}
    body = sent.body or b""
    body = body.read() if hasattr(body, "read") else body.encode() if isinstance(body, str) else bytes(body)
    target = sent.url.partition("://")[2].partition("/")[2]
    return Request(sent.method, f"/{target}", message_of(headers), body)


def _response(url: str, answer: Answer) -> AWSResponse:
    headers = dict(answer.headers.items() if hasattr(answer.headers, "items") else answer.headers)
    body = answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)
    return AWSResponse(url, answer.status, headers, _Raw(body))


class _Raw(io.BytesIO):
    def stream(self, **_: Any) -> Any:
        yield self.read()
