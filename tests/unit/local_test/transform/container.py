"""A container that does as it is told: a real server, on a free port, whose answers a test chooses."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Request:
    number: int  # of invocations, from 1
    body: bytes
    headers: Mapping[str, str]


class HangUp(Exception):
    """Raised by a test's answer: the connection is closed without one."""


Answer = Callable[[Request], tuple[int, bytes]]


@dataclass
class Told:
    url: str
    requests: list[Request] = field(default_factory=list)
    connections: int = 0


@contextmanager
def telling(answer: Answer, parameters: bytes | None = None) -> Iterator[Told]:
    """`parameters`: the body of /execution-parameters; None: 404."""
    told = Told("")
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet

        def setup(self) -> None:
            super().setup()
            with lock:
                told.connections += 1

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            self._send(404 if parameters is None else 200, parameters or b"")

        def do_POST(self) -> None:
            body = self._body()
            with lock:
                request = Request(len(told.requests) + 1, body, {k.lower(): v for k, v in self.headers.items()})
                told.requests.append(request)
            try:
                status, text = answer(request)
            except HangUp:
                self.close_connection = True
                return
            self._send(status, text)

        def _body(self) -> bytes:
            if "Content-Length" in self.headers:
                return self.rfile.read(int(self.headers["Content-Length"]))
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
