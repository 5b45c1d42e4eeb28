"""HTTP/1.1 in front of everything: kept-alive connections, whole bodies, one write an answer.

moto's own choice, werkzeug's test server, closes each connection and then waits 10 ms for more of it; an invocation
would pay both. A thread a connection: its number is bounded by the clients of one machine.
"""

import re
import socketserver
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, unquote, urlsplit

IDLE = 300  # seconds a kept-alive connection may say nothing
BODY = 5 * 1024**3  # bytes: S3's limit of one PUT; all else is far below


@dataclass(frozen=True)
class Request:
    method: str
    target: str  # path and query as they were sent
    headers: Message
    body: bytes

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    @property
    def scope(self) -> "Scope":
        """Whose call it is, by its signature, of a presigned URL too; the signature itself is not verified."""
        if "Authorization" not in self.headers and "Signature=" in self.target:
            query = parse_qs(urlsplit(self.target).query)
            if "AWSAccessKeyId" in query:  # as S3 signed before
                return Scope(query["AWSAccessKeyId"][0], service="s3")
            return Scope.of(f"Credential={query.get('X-Amz-Credential', [''])[0]}")
        return Scope.of(self.headers.get("Authorization", ""))


@dataclass(frozen=True)
class Scope:
    access_key: str = ""
    region: str = "us-east-1"
    service: str = ""

    @classmethod
    def of(cls, authorization: str) -> "Scope":
        # AWS4-HMAC-SHA256 Credential=<key>/<date>/<region>/<service>/aws4_request, SignedHeaders=...
        _, found, rest = authorization.partition("Credential=")
        parts = rest.split(",")[0].split("/")
        return cls(parts[0], parts[2], parts[3].lower()) if found and len(parts) > 3 else cls()  # noqa: PLR2004


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = field(default_factory=dict)
    body: bytes | Iterable[bytes] = b""  # an iterable goes out in chunks, each as it comes


Handler = Callable[[Request], Answer]


def message_of(headers: Mapping[str, str]) -> Message:
    message = Message()
    for name, value in headers.items():
        message[name] = value
    return message


class PortTaken(Exception):
    """Its text is for the user."""


class Front:
    """Listens on one port of every address given; answers by `handler`, from many threads."""

    def __init__(self, addresses: Iterable[str], port: int, handler: Handler) -> None:
        """Raises PortTaken; port 0 takes one that is free on all of them."""
        addresses = list(addresses)
        for attempt in range(20):
            listeners: list[_Listener] = []
            try:
                for address in addresses:
                    listeners.append(_Listener((address, listeners[0].port if listeners else port), handler))
            except OSError as error:
                for listener in listeners:
                    listener.server_close()
                if port or attempt == 19:  # noqa: PLR2004
                    raise PortTaken(
                        f"port {port} of {address} cannot be had ({error.strerror}): another `up` may be running; "
                        "stop it, or choose another with --port (0 takes a free one)"
                    ) from None
            else:
                break
        self._listeners = listeners
        self.port = listeners[0].port
        self._threads = [
            threading.Thread(target=listener.serve_forever, args=(0.05,), name=f"front-{listener.server_address[0]!r}")
            for listener in listeners
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """No new connections; answers on their way are not waited for."""
        for listener, thread in zip(self._listeners, self._threads, strict=True):
            if thread.is_alive():
                listener.shutdown()
                thread.join()
            listener.server_close()


class _Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: Handler) -> None:
        self.handler = handler
        super().__init__(address, _Connection)
        self.port = int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no event; handlers answer for their own errors."""


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE
    server: _Listener

    def handle_one_request(self) -> None:
        try:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline:
                self.close_connection = True
                return
            if not self.parse_request():
                return
            body = self._body()
            if body is None:
                self._send(Answer(400, {"Connection": "close"}, b"the body is over 5 GiB, or its length is unclear"))
                self.close_connection = True
                return
            self._send(self.server.handler(Request(self.command, self.path, self.headers, body)))
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _body(self) -> bytes | None:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunks()
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > BODY:
            return None
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionResetError("the client left in the middle of its body")
        return body

    def _chunks(self) -> bytes | None:
        parts: list[bytes] = []
        total = 0
        while True:
            line = self.rfile.readline(100).split(b";")[0].strip()
            if not re.fullmatch(rb"[0-9a-fA-F]{1,12}", line):
                return None
            size = int(line, 16)
            total += size
            if total > BODY:
                return None
            if not size:
                while self.rfile.readline(65537).strip():  # trailers
                    pass
                return b"".join(parts)
            parts.append(self.rfile.read(size))
            self.rfile.readline(3)

    def _send(self, answer: Answer) -> None:
        headers = answer.headers.items() if isinstance(answer.headers, Mapping) else answer.headers
        whole = isinstance(answer.body, bytes)
        lines = [f"HTTP/1.1 {answer.status} {_reason(answer.status)}"]
        has_length = False
        for name, value in headers:
            low = name.lower()
            has_length = has_length or low == "content-length"
            if low == "connection" and value.lower() == "close":
                self.close_connection = True
            if low != "transfer-encoding" and not (low == "content-length" and not whole):
                lines.append(f"{name}: {value}")
        if not whole:
            lines.append("Transfer-Encoding: chunked")
        elif not has_length and answer.status not in (204, 304):
            lines.append(f"Content-Length: {len(answer.body)}")  # type: ignore[arg-type]
        lines.append(f"Date: {self.date_time_string()}")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
        if isinstance(answer.body, bytes):
            self.wfile.write(head if self.command == "HEAD" else head + answer.body)
            return
        self.wfile.write(head)
        for chunk in answer.body:
            if chunk:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """An access log is nobody's wish here."""


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
