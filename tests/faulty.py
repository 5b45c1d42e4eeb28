"""A proxy before AWS's API that lets one changing call go wrong, in one of the ways in which calls go wrong."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.server import PATIENCE

READS = re.compile(r"(Describe|List|Get|Head|BatchGet|BatchCheck|Search|Filter)")
DENIED = (403, "AccessDeniedException", "User: me is not authorized to perform: this, because of a test")
THROTTLED = (400, "ThrottlingException", "Rate exceeded")
# how the call goes wrong, and whether AWS has carried it out
WAYS = ("denied", "throttled", "cut before", "cut after", "dead")


@dataclass
class Faulty:
    port: int
    target: int
    way: str = ""
    at: int = -1  # the number of the changing call, from 0
    on_fault: Any = None  # called when it has gone wrong
    changes: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wrong(self, operation: str, is_change: bool) -> str:
        """The way in which this call goes wrong, if it does."""
        with self.lock:
            if not is_change:
                return "cut before" if self.way == "dead" and len(self.changes) > self.at >= 0 else ""
            number = len(self.changes)
            self.changes.append(operation)
        if self.way == "dead":  # nothing answers from then on
            return "cut before" if number >= self.at >= 0 else ""
        return self.way if number == self.at else ""


@contextmanager
def faulty(target: int) -> Iterator[Faulty]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.faults = Faulty(server.server_address[1], target)  # type: ignore[attr-defined]
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

    def log_message(self, *_: Any) -> None: ...

    def _any(self) -> None:
        faults: Faulty = self.server.faults  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        operation, is_change = self._what(body)
        way = faults.wrong(operation, is_change)
        if way in ("denied", "throttled"):
            self._refuse(*(DENIED if way == "denied" else THROTTLED))
        elif way == "cut before":
            self._cut()
        else:
            status, headers, answer = self._forwarded(faults.target, body)
            if way == "cut after":
                self._cut()
            elif way == "kill":
                faults.on_fault()
                self._cut()
            else:
                self._answer(status, headers, answer)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _any  # noqa: N815

    def _what(self, body: bytes) -> tuple[str, bool]:
        if target := self.headers.get("X-Amz-Target"):
            name = target.rpartition(".")[2]
            return name, not READS.match(name)
        form = parse_qs(body.decode("utf-8", "replace")) if "form" in (self.headers.get("Content-Type") or "") else {}
        if "Action" in form:
            return form["Action"][0], not READS.match(form["Action"][0])
        return f"{self.command} {urlsplit(self.path).path}", self.command not in ("GET", "HEAD")

    def _forwarded(self, port: int, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("connection", "expect", "transfer-encoding"):
                    connection.putheader(name, value)
            connection.endheaders(body or None)
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], answer: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "connection", "transfer-encoding", "server", "date"):
                self.send_header(name, value)
        length = {name.lower(): value for name, value in headers}.get("content-length", str(len(answer)))
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _refuse(self, status: int, code: str, message: str) -> None:
        """In both protocols' words: botocore reads the one that it expects."""
        if self.headers.get("X-Amz-Target"):
            answer, kind = f'{{"__type": "{code}", "message": "{message}"}}', "application/x-amz-json-1.1"
        else:
            error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
            wraps = "form" in (self.headers.get("Content-Type") or "")
            answer, kind = f"<ErrorResponse>{error}</ErrorResponse>" if wraps else error, "text/xml"
        self._answer(status, [("Content-Type", kind)], answer.encode())

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
