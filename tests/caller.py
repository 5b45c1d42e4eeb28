"""A caller over a bare socket: byte by byte, pipelined, half a request, a reset."""

import contextlib
import socket
import struct
from collections.abc import Iterator

from tests.server import PATIENCE, Server

PING = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"


def invocation(body: bytes, *headers: bytes) -> bytes:
    lines = (b"POST /invocations HTTP/1.1", b"Host: x", b"Content-Type: text/csv", b"Content-Length: %d" % len(body))
    return b"\r\n".join((*lines, *headers, b"", body))


def not_plain(body: bytes) -> bytes:
    return invocation(body, b"X-Amzn-SageMaker-Custom-Attributes: a=b")


class Caller:
    def __init__(self, server: Server, receive_buffer: int = 0) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", server.port))
        self.stream = self.socket.makefile("rb")

    def send(self, data: bytes) -> "Caller":
        self.socket.sendall(data)
        return self

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers with lower-case names, body; status 0 when the connection was closed."""
        line = self.stream.readline()
        if not line:
            return 0, {}, b""
        headers = {}
        while (header := self.stream.readline().strip()) != b"":
            name, _, value = header.decode().partition(": ")
            headers[name.lower()] = value
        return int(line.split()[1]), headers, self.stream.read(int(headers.get("content-length", 0)))

    def body(self) -> bytes:
        status, _, body = self.answer()
        assert status == 200, body
        return body

    def close(self) -> None:
        self.stream.close()
        self.socket.close()

    def vanish(self) -> None:
        """With a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


@contextlib.contextmanager
def callers(server: Server, count: int, receive_buffer: int = 0) -> Iterator[list[Caller]]:
    with contextlib.ExitStack() as stack:
        made = []
        for _ in range(count):
            made.append(Caller(server, receive_buffer))
            stack.callback(made[-1].close)
        yield made
