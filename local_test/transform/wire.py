"""HTTP/1.1 to a container over one kept connection, with one deadline over all of a request.

http.client's timeout is for each read, so that an answer of a byte a second never ends; and its parsing of headers
costs more than a small model's answer.
"""

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_BLOCK = 256 * 1024
_HEAD = 64 * 1024
_NO_BODY = frozenset({204, 304})

Body = bytes | Callable[[], Iterator[bytes]]  # a callable begins the body anew; it is sent chunked


class BrokenAnswer(ConnectionError):
    """What came is no HTTP, or ended too early."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes


class Connection:
    """Opened by the first request. One thread's."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._socket: socket.socket | None = None
        self._received = b""
        self._deadline = 0.0

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket, self._received = None, b""

    def request(self, line: str, headers: bytes, body: Body, timeout: float) -> Answer:
        """`line`: `POST /invocations`; `headers`: each with its line end.

        Tried once more on a new connection where the container had closed the kept one meanwhile. Raises OSError,
        of which TimeoutError is one.
        """
        self._deadline = time.monotonic() + timeout
        if self._socket is not None:
            try:
                return self._exchange(self._socket, line, headers, body)
            except ConnectionError:
                pass
        return self._exchange(self._open(), line, headers, body)

    def _open(self) -> socket.socket:
        opened = socket.create_connection((self._host, self._port), self._left())
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = opened
        return opened

    def _exchange(self, sock: socket.socket, line: str, headers: bytes, body: Body) -> Answer:
        host = f"[{self._host}]" if ":" in self._host else self._host
        head = f"{line} HTTP/1.1\r\nHost: {host}:{self._port}\r\n".encode() + headers
        try:
            try:
                self._send(sock, head, body)
            except (BrokenPipeError, ConnectionResetError):
                # A refusal may come before the whole body was read: it is there to be read, and the connection is not.
                answer, _ = self._receive(sock)
                keeps = False
            else:
                answer, keeps = self._receive(sock)
        except BaseException:
            self.close()
            raise
        if not keeps:
            self.close()
        return answer

    def _send(self, sock: socket.socket, head: bytes, body: Body) -> None:
        sock.settimeout(self._left())
        if isinstance(body, bytes):
            sock.sendall(b"%sContent-Length: %d\r\n\r\n%s" % (head, len(body), body))
            return
        sock.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        for block in body():
            sock.settimeout(self._left())
            sock.sendall(b"%x\r\n%s\r\n" % (len(block), block))
        sock.sendall(b"0\r\n\r\n")

    def _receive(self, sock: socket.socket) -> tuple[Answer, bool]:
        """The answer, and whether the connection may be used again."""
        status = 100
        while 100 <= status < 200:  # noqa: PLR2004  interim answers
            version, status, fields = self._head(sock)
        keeps = version == b"HTTP/1.1" and fields.get(b"connection", b"").lower() != b"close"
        if status in _NO_BODY:
            return Answer(status, b""), keeps
        if b"chunked" in fields.get(b"transfer-encoding", b"").lower():
            return Answer(status, self._chunks(sock)), keeps
        if b"content-length" in fields:
            return Answer(status, self._exactly(sock, _number(fields[b"content-length"], 10))), keeps
        return Answer(status, self._to_the_end(sock)), False

    def _head(self, sock: socket.socket) -> tuple[bytes, int, dict[bytes, bytes]]:
        while b"\r\n\r\n" not in self._received:
            if len(self._received) > _HEAD:
                raise BrokenAnswer("the answer's headers do not end")
            self._received += self._more(sock, "the container closed it without an answer")
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        version, _, rest = first.partition(b" ")
        if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
            raise BrokenAnswer(f"the answer is no HTTP: {first[:40]!r}")
        pairs = (line.partition(b":") for line in lines)
        return version, int(rest[:3]), {name.strip().lower(): value.strip() for name, _, value in pairs}

    def _chunks(self, sock: socket.socket) -> bytes:
        parts = []
        while size := _number(self._line(sock).partition(b";")[0], 16):
            parts.append(self._exactly(sock, size))
            self._line(sock)
        while self._line(sock):  # trailers
            pass
        return b"".join(parts)

    def _line(self, sock: socket.socket) -> bytes:
        while b"\r\n" not in self._received:
            if len(self._received) > _HEAD:
                raise BrokenAnswer("the answer's chunks have no lengths")
            self._received += self._more(sock, "the answer ended within its chunks")
        line, _, self._received = self._received.partition(b"\r\n")
        return line

    def _exactly(self, sock: socket.socket, size: int) -> bytes:
        parts, have = [self._received], len(self._received)
        while have < size:
            parts.append(self._more(sock, f"the answer ended after {have} of {size} bytes"))
            have += len(parts[-1])
        data = b"".join(parts)
        self._received = data[size:]
        return data[:size]

    def _to_the_end(self, sock: socket.socket) -> bytes:
        parts = [self._received]
        while block := self._some(sock):
            parts.append(block)
        return b"".join(parts)

    def _more(self, sock: socket.socket, otherwise: str) -> bytes:
        if block := self._some(sock):
            return block
        raise BrokenAnswer(otherwise)

    def _some(self, sock: socket.socket) -> bytes:
        sock.settimeout(self._left())
        return sock.recv(_BLOCK)

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def _number(text: bytes, base: int) -> int:
    try:
        return int(text, base)
    except ValueError:
        raise BrokenAnswer(f"the answer's length is no number: {text[:40]!r}") from None
