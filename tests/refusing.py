"""A server before the API that refuses chosen calls as AWS would, and passes all others on."""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import SplitResult, urlsplit

from tests.server import PATIENCE

HOP_BY_HOP = ("transfer-encoding", "connection")


@dataclass
class Fault:
    """`call`: of SageMaker and Logs the operation; of S3 its method and how its path ends. So often, or always."""

    call: str
    status: int
    code: str
    message: str = ""
    times: int = 1_000_000
    met: int = 0


@dataclass
class Faults:
    address: str
    rules: list[Fault] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def met(self, command: str, path: str, target: str) -> Fault | None:
        for rule in self.rules:
            method, _, end = rule.call.partition(" ")
            is_it = (command == method and path.endswith(end)) if end else target == rule.call
            with self.lock:
                if is_it and rule.met < rule.times:
                    rule.met += 1
                    return rule
        return None


@contextmanager
def before(address: str, *rules: Fault) -> Iterator[Faults]:
    faults = Faults("", list(rules))
    handler = type("Handler", (_Handler,), {"faults": faults, "upstream": urlsplit(address)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    faults.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield faults
    finally:
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer is one packet
    faults: Faults
    upstream: SplitResult

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        target = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        rule = self.faults.met(self.command, urlsplit(self.path).path, target)
        if rule:
            error = f"<Error><Code>{rule.code}</Code><Message>{rule.message}</Message></Error>"
            text = json.dumps({"__type": rule.code, "message": rule.message}) if target else error
            self._send(rule.status, {}, b"" if self.command == "HEAD" else text.encode())
            return
        way = http.client.HTTPConnection(self.upstream.hostname or "", self.upstream.port, timeout=PATIENCE)
        way.request(self.command, self.path, body, dict(self.headers))
        answer = way.getresponse()
        headers = {key: value for key, value in answer.getheaders() if key.lower() not in HOP_BY_HOP}
        self._send(answer.status, headers, answer.read())
        way.close()

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        given = {key.lower() for key in headers}
        for key, value in headers.items():
            if key.lower() != "content-length" or self.command == "HEAD":
                self.send_header(key, value)
        if self.command != "HEAD" or "content-length" not in given:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass
