"""HTTP/1.1 to a container over one kept connection, with one deadline over all of a request.

http.client's timeout is for each read, so that an answer of a byte a second never ends; and its parsing of headers
costs more than a small model's answer.
"""

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from tiffin import limits

_BLOCK = 256 * 1024
_HEAD = 64 * 1024
_NO_BODY = frozenset({204, 304})

Body = bytes | Callable[[], Iterator[bytes]] | None  # a callable begins the body anew; it is sent chunked


class BrokenAnswer(ConnectionError):
    """What came is no HTTP, or ended too early."""


class NotAccepted(OSError):
    """The connection was not accepted in time."""


@dataclass(frozen=True)
class Address:
    """Of a container. `sockets` makes those by which it is reached, where any of this process's does not (door.py)."""

    host: str
    port: int
    sockets: Callable[[], socket.socket] | None = None

    @classmethod
    def of(cls, url: str) -> "Address":
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname or parts.path.strip("/"):
            raise ValueError(f"{url!r} is not the address of a container: http://host:port")
        return cls(parts.hostname, parts.port or limits.PORT)

    @property
    def netloc(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def connect(self, timeout: float) -> socket.socket:
        """Raises OSError."""
        if self.sockets is None:
            return socket.create_connection((self.host, self.port), timeout)
        opened = self.sockets()
        try:
            opened.settimeout(timeout)
            opened.connect((self.host, self.port))
        except BaseException:
            opened.close()
            raise
        return opened


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes


class Connection:
    """Opened by the first request. One thread's."""

    def __init__(self, address: Address, connect_timeout: float | None = None) -> None:
        """`connect_timeout` None: a connection may take as long as the whole of a request."""
        self._address, self._connect_timeout = address, connect_timeout
        self._socket: socket.socket | None = None
        self._received = b""
        self._deadline = 0.0

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket, self._received = None, b""

    def request(self, line: str, headers: bytes, body: Body, timeout: float) -> Reply:
        """`line`: `POST /invocations`; `headers`: each with its line end.

        Tried once more on a new connection where the container had closed the kept one meanwhile. Raises OSError,
        of which TimeoutError is one.
        """
        head, parts = self.begin(line, headers, body, timeout)
        return Reply(head.status, head.headers, b"".join(parts))

    def begin(self, line: str, headers: bytes, body: Body, timeout: float) -> tuple[Reply, Iterator[bytes]]:
        """The answer's head, with an empty body, and its body's bytes as they come; the iterator raises OSError.

        Until the iterator is at its end the connection takes no other request; one that is given up closes it.
        """
        self._deadline = time.monotonic() + timeout
        if self._socket is not None:
            try:
                return self._exchange(self._socket, line, headers, body)
            except ConnectionError:
                return self._exchange(self._open_again(), line, headers, body)
        return self._exchange(self._open(), line, headers, body)

    def _open_again(self) -> socket.socket:
        """Where nobody listens any more, the container may have read the request and ended over it."""
        try:
            return self._open()
        except (ConnectionRefusedError, NotAccepted) as error:
            raise BrokenAnswer(f"the container ended it without an answer, and then: {error}") from None

    def _open(self) -> socket.socket:
        left = self._left()
        try:
            opened = self._address.connect(left if self._connect_timeout is None else min(left, self._connect_timeout))
        except TimeoutError:
            if self._connect_timeout is None:
                raise
            raise NotAccepted(f"no connection within {self._connect_timeout * 1000:.0f} ms (H-02)") from None
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = opened
        return opened

    def _exchange(self, sock: socket.socket, line: str, headers: bytes, body: Body) -> tuple[Reply, Iterator[bytes]]:
        head = f"{line} HTTP/1.1\r\nHost: {self._address.netloc}\r\n".encode() + headers
        is_whole = True
        try:
            try:
                self._send(sock, head, body)
            except (BrokenPipeError, ConnectionResetError):
                # A refusal may come before the whole body was read: it is there to be read, and the connection is not.
                is_whole = False
            version, status, fields = self._head(sock)
            while 100 <= status < 200:  # noqa: PLR2004  interim answers
                version, status, fields = self._head(sock)
        except BaseException:
            self.close()
            raise
        keeps = is_whole and version == b"HTTP/1.1" and fields.get("connection", "").lower() != "close"
        if "chunked" in fields.get("transfer-encoding", "").lower():
            parts = self._chunks(sock)
        elif status in _NO_BODY:
            parts = iter(())
        elif "content-length" in fields:
            parts = self._exactly(sock, fields["content-length"])
        else:
            parts, keeps = self._to_the_end(sock), False
        return Reply(status, fields, b""), self._body(parts, keeps)

    def _body(self, parts: Iterator[bytes], keeps: bool) -> Iterator[bytes]:
        is_whole = False
        try:
            yield from parts
            is_whole = True
        finally:
            if not (is_whole and keeps):
                self.close()

    def _send(self, sock: socket.socket, head: bytes, body: Body) -> None:
        sock.settimeout(self._left())
        if body is None:
            sock.sendall(head + b"\r\n")
            return
        if isinstance(body, bytes):
            sock.sendall(b"%sContent-Length: %d\r\n\r\n%s" % (head, len(body), body))
            return
        sock.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        for block in body():
            sock.settimeout(self._left())
            sock.sendall(b"%x\r\n%s\r\n" % (len(block), block))
        sock.sendall(b"0\r\n\r\n")

    def _head(self, sock: socket.socket) -> tuple[bytes, int, dict[str, str]]:
        while b"\r\n\r\n" not in self._received:
            if len(self._received) > _HEAD:
                raise BrokenAnswer("the answer's headers do not end")
            self._received += self._more(sock, "the container closed it without an answer")
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        version, _, rest = first.partition(b" ")
        if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
            raise BrokenAnswer(f"the answer is no HTTP: {first[:40]!r}")
        pairs = (line.decode("latin-1").partition(":") for line in lines)
        return version, int(rest[:3]), {name.strip().lower(): value.strip() for name, _, value in pairs}

    def _chunks(self, sock: socket.socket) -> Iterator[bytes]:
        while size := _number(self._line(sock).partition(b";")[0], 16):
            yield from self._counted(sock, size)
            self._line(sock)
        while self._line(sock):  # trailers
            pass

    def _line(self, sock: socket.socket) -> bytes:
        while b"\r\n" not in self._received:
            if len(self._received) > _HEAD:
                raise BrokenAnswer("the answer's chunks have no lengths")
            self._received += self._more(sock, "the answer ended within its chunks")
        line, _, self._received = self._received.partition(b"\r\n")
        return line

    def _exactly(self, sock: socket.socket, length: str) -> Iterator[bytes]:
        yield from self._counted(sock, _number(length.encode("latin-1"), 10))

    def _counted(self, sock: socket.socket, size: int) -> Iterator[bytes]:
        have = 0
        while have < size:
            block = self._received or self._more(sock, f"the answer ended after {have} of {size} bytes")
            part, self._received = block[: size - have], block[size - have :]
            have += len(part)
            yield part

    def _to_the_end(self, sock: socket.socket) -> Iterator[bytes]:
        block, self._received = self._received, b""
        while block:
            yield block
            block = self._some(sock)

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
