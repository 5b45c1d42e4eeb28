"""The control plane: moto's application, called for what no part of ours answers before it.

Adds to it: an operation it lacks is 501 with its name, in the service's protocol; an accepted call that changes
something goes into the journal; S3's objects are on disk before the caller is told so.
"""

import io
import json
import logging
import re
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from moto.core.request import (
    PRESERVED_HEADER_NAMES_ENVIRON_KEY,
    environ_key_for_header,
    should_preserve_original_header_name,
)
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from local_test.api import chance
from local_test.api.absent import NotHereYet
from local_test.api.front import Answer, Request, message_of
from local_test.api.journal import Call

log = logging.getLogger(__name__)

# Reads by their names; what fills a registry, logs and metrics is data; what only runs something changes nothing.
READS = re.compile(
    r"(Describe|List|Get|Search|BatchGet|BatchCheck|Lookup|Check|Simulate|Filter|Query|Scan|Test|Validate|Estimate|Assume"
    r"|PutImage|BatchDeleteImage|PutLogEvents|PutMetricData|PutEvents|BatchPutMetrics|Decode|StartQuery|StopQuery|Invoke|Receive|Send|Publish)"
)
KEPT_HEADERS = (
    "authorization",
    "content-type",
    "x-amz-target",
    "user-agent",
    "host",
    "content-encoding",
    "content-md5",
)
XML_SERVICES = ("s3", "s3control", "route53", "cloudfront")  # and all whose requests are forms


@dataclass(frozen=True)
class Whole(Answer):
    body: bytes = b""


class ControlPlane:
    def __init__(self, record: Callable[[Call], None], flush: Callable[[], None], hold: Callable[[str], None]) -> None:
        """`flush` puts on disk what this thread changed in S3; `hold` is told of a service before its first call."""
        self._application = DomainDispatcherApplication(self._begun)
        self._hold = hold
        self._record = record
        self._flush = flush

    def answer(self, request: Request) -> Answer:
        seed, at = chance.new_seed(), time.time()
        changes = _changes(request)
        with chance.seeded(seed, at) if changes else nullcontext():
            answer = self._call(request)
        if answer.status >= 300:  # noqa: PLR2004
            return answer
        try:
            self._flush()
            if changes:
                kept = {name.lower(): value for name, value in request.headers.items()}
                headers = {name: kept[name] for name in kept if name in KEPT_HEADERS or name.startswith("x-amz-")}
                self._record(Call(request.method, request.target, headers, request.body, seed, at))
        except (
            OSError
        ) as error:  # a full disk: a restart would not know of it, so the caller is not told that it is done
            return refuse(request, 500, "InternalError", f"the state folder cannot be written: {error.strerror}")
        return answer

    def _begun(self, service: Any) -> Any:
        self._hold(service)
        return create_backend_app(service)

    def _is_known(self, request: Request) -> bool:
        host = self._application.infer_service_region_host(_environ(request), request.path)
        return self._application.get_backend_for_host(host) is not None

    def inner(self, request: Request) -> Answer:
        """A call of our own, within another that is in the journal or by a job that is."""
        return self._call(request)

    def replay(self, call: Call) -> Answer:
        headers = message_of(call.headers)
        with chance.seeded(call.seed, call.at):
            return self._call(Request(call.method, call.target, headers, call.body))

    def _call(self, request: Request) -> Answer:
        try:
            answer = call_wsgi(self._application, request)
        except NotHereYet as error:
            return refuse(request, 501, "NotImplemented", f"{operation(request)}: {error}")
        except NotImplementedError:
            return lacking(request)
        except Exception:  # whatever moto trips over is its own; the caller still gets an answer of the protocol
            if not self._is_known(request):
                return lacking(request)
            log.exception("moto failed in %s", operation(request))
            return refuse(request, 500, "InternalFailure", f"moto failed in {operation(request)}; its log says how")
        # a path that moto does not route is a page of HTML, an operation it cannot tell is nothing at all
        unknown = answer.status == 404 and request.scope.service != "s3"  # noqa: PLR2004
        return lacking(request) if unknown and answer.body[:9] in (b"", b"<!doctype") else answer


def operation(request: Request) -> str:
    """`sagemaker CreateModel`, or method and path where the protocol names none."""
    service = request.scope.service or "a service without a signature"
    return f"{service} {action(request) or f'{request.method} {request.path}'}"


def action(request: Request) -> str:
    target = request.headers.get("X-Amz-Target")
    if target:
        return target.rpartition(".")[2]
    if request.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
        found = parse_qs(request.body.decode("utf-8", "replace")).get("Action")
        if found:
            return found[0]
    return parse_qs(urlsplit(request.target).query).get("Action", [""])[0]


def lacking(request: Request) -> Answer:
    return refuse(request, 501, "NotImplemented", f"{operation(request)} is not implemented here")


def refuse(request: Request, status: int, code: str, message: str) -> Answer:
    """An error as the protocol of the service that was called writes it."""
    service = request.scope.service
    is_form = request.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded")
    if service not in XML_SERVICES and not is_form:
        body = json.dumps({"__type": code, "message": message}).encode()
        return Answer(status, {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": code}, body)
    error = f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
    if service != "s3":
        error = f"<ErrorResponse>{error.replace('<Error>', '<Error><Type>Receiver</Type>')}</ErrorResponse>"
    return Answer(status, {"Content-Type": "application/xml"}, f'<?xml version="1.0"?>{error}'.encode())


def call_wsgi(application: Any, request: Request) -> "Whole":
    begun: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], _: object = None) -> Callable[[bytes], None]:
        begun[:] = [int(status.split(maxsplit=1)[0]), headers]
        return begun.append

    parts = application(_environ(request), start_response)
    try:
        body = b"".join(parts)
    finally:
        if hasattr(parts, "close"):
            parts.close()
    return Whole(begun[0], begun[1], body)


def _changes(request: Request) -> bool:
    if request.scope.service == "s3" or not request.scope.service:
        # a bucket is a call, an object is a file; the many-object delete looks like a call on its bucket
        is_bucket = "/" not in request.path.strip("/")
        return is_bucket and request.method in ("PUT", "POST", "DELETE") and "delete" not in _query(request)
    name = action(request)
    if name:
        return READS.match(name) is None
    return request.method not in ("GET", "HEAD") and not request.path.endswith("/invocations")


def _query(request: Request) -> dict[str, list[str]]:
    return parse_qs(urlsplit(request.target).query, keep_blank_values=True)


def _environ(request: Request) -> dict[str, Any]:
    split = urlsplit(request.target)
    environ: dict[str, Any] = {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.input_terminated": True,
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path.encode().decode("latin-1"),
        "QUERY_STRING": split.query,
        "REQUEST_URI": request.target,
        "RAW_URI": request.target,
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(request.body)),
    }
    scope = request.scope
    if scope.service == "s3" and "Authorization" not in request.headers:
        # of a presigned URL; else moto reads the body to tell the service, and loses a form that is no text
        environ["HTTP_AUTHORIZATION"] = f"AWS4 Credential={scope.access_key}/now/{scope.region}/s3/aws4_request"
    preserved: dict[str, str] = {}
    for name, value in request.headers.items():
        low = name.lower()
        if low in ("content-length", "transfer-encoding"):
            continue
        if "_" in name:  # S3's own metadata keeps its spelling; all else with it could pass for another header
            if not should_preserve_original_header_name(name):
                continue
            preserved[environ_key_for_header(name)] = name
        key = environ_key_for_header(name)
        environ[key] = f"{environ[key]},{value}" if key in environ and key != "CONTENT_TYPE" else value
    environ[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = preserved
    return environ
