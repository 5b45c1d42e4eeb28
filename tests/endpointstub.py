"""A container's /invocations for a test, on a free port: answers by a function, and keeps what it was sent."""

import csv
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, str, bytes]  # status, content type, body


def sums(body: bytes) -> Answer:
    """The sum of each row; an empty field counts as nothing."""
    rows = csv.reader(io.StringIO(body.decode(), newline=""))
    lines = (f"{sum(float(cell) for cell in row if cell)}\n" for row in rows)
    return 200, "text/csv", "".join(lines).encode()


def echo(body: bytes) -> Answer:
    """Each row's first field, quoted as it has to be."""
    rows = csv.reader(io.StringIO(body.decode(), newline=""))
    file = io.StringIO()
    csv.writer(file, lineterminator="\r\n").writerows([row[:1] for row in rows])
    return 200, "text/csv; charset=utf-8", file.getvalue().encode()


@dataclass
class Stub:
    url: str
    answer: Callable[[bytes], Answer] = sums
    bodies: list[bytes] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)  # path, headers in lower case

    def rows(self) -> list[int]:
        """Of each request, in the order of size: they come from several threads."""
        return sorted(body.count(b"\n") for body in self.bodies)


@contextmanager
def stub(answer: Callable[[bytes], Answer] = sums) -> Iterator[Stub]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.bodies.append(body)
            found.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
            status, kind, text = found.answer(body)
            try:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)
            except ConnectionError:  # who was interrupted does not wait
                self.close_connection = True

        def log_message(self, *_args: Any) -> None:
            """Not the test's."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found = Stub(f"http://127.0.0.1:{server.server_port}", answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
