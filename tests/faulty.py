"""A proxy before AWS's API in which calls go wrong: all of a name, or one changing call by its number."""

import json
import math
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.server import PATIENCE

READS = re.compile(r"(Describe|List|Get|Head|BatchGet|BatchCheck|Search|Filter)")
OWN = ("connection", "expect", "transfer-encoding", "server", "date")  # headers of each connection


@dataclass
class Fault:
    """`call`: the operation; of S3 the method and how the path ends. So often, or always."""

    call: str
    status: int
    code: str
    message: str = ""
    times: float = math.inf
    met: int = 0


# how one call goes wrong, and whether AWS has carried it out
WAYS = ("denied", "throttled", "cut before", "cut after", "dead")
REFUSED = {
    "denied": Fault("", 403, "AccessDeniedException", "User: me is not authorized to perform: this, because of a test"),
    "throttled": Fault("", 400, "ThrottlingException", "Rate exceeded"),
}


@dataclass
class Faulty:
    port: int
    target: int
    rules: list[Fault]
    way: str = ""
    at: int = -1  # the number of the changing call, from 0
    on_fault: Any = None  # called when it has gone wrong
    changes: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wrong(self, operation: str, is_change: bool) -> Fault | str:
        """What this call meets: a refusal, another way in which it goes wrong, or nothing."""
        with self.lock:
            if is_change:
                self.changes.append(operation)
            number = len(self.changes) - 1
            for rule in self.rules:
                method, _, end = rule.call.partition(" ")
                if operation.partition(" ")[0] == method and operation.endswith(end) and rule.met < rule.times:
                    rule.met += 1
                    return rule
        if self.way == "dead":  # nothing answers from then on
            return "cut before" if number >= self.at >= 0 else ""
        return REFUSED.get(self.way, self.way) if is_change and number == self.at else ""


@contextmanager
def faulty(target: int, *rules: Fault) -> Iterator[Faulty]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.faults = Faulty(server.server_address[1], target, list(rules))  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.faults  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: Any) -> None: ...

    def _any(self) -> None:
        faults: Faulty = self.server.faults  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        way = faults.wrong(*self._what(body))
        if isinstance(way, Fault):
            self._refuse(way)
        elif way == "cut before":
            self._cut()
        else:
            answer = self._forwarded(faults.target, body)
            if way == "kill":
                faults.on_fault()
            if way:
                self._cut()
            else:
                self._answer(*answer)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _any  # noqa: N815

    def _what(self, body: bytes) -> tuple[str, bool]:
        """The operation, and whether it changes something."""
        if target := self.headers.get("X-Amz-Target"):
            name = target.rpartition(".")[2]
            return name, not READS.match(name)
        form = parse_qs(body.decode("utf-8", "replace")) if self._has_form else {}
        if "Action" in form:
            return form["Action"][0], not READS.match(form["Action"][0])
        return f"{self.command} {urlsplit(self.path).path}", self.command not in ("GET", "HEAD")

    @property
    def _has_form(self) -> bool:
        return "form" in (self.headers.get("Content-Type") or "")

    def _forwarded(self, port: int, body: bytes) -> tuple[int, dict[str, str], bytes]:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in OWN}
        with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
            connection.request(self.command, self.path, body or None, headers)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()

    def _refuse(self, fault: Fault) -> None:
        """In both protocols' words: botocore reads the one that it expects."""
        if self.headers.get("X-Amz-Target"):
            text, kind = json.dumps({"__type": fault.code, "message": fault.message}), "application/x-amz-json-1.1"
        else:
            error = f"<Error><Code>{fault.code}</Code><Message>{fault.message}</Message></Error>"
            text, kind = f"<ErrorResponse>{error}</ErrorResponse>" if self._has_form else error, "text/xml"
        self._answer(fault.status, {"Content-Type": kind}, b"" if self.command == "HEAD" else text.encode())

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        names = [name.lower() for name in headers]
        for name, value in headers.items():
            if name.lower() not in OWN:
                self.send_header(name, value)
        if "content-length" not in names:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
