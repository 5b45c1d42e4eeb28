"""A WebSocket caller by hand, one frame at a time and wrong where a test wants it so; its bytes are RFC 6455's."""

import base64
import hashlib
import os
import socket
import struct
from collections.abc import Sequence

from tests.server import PATIENCE

PATH = "/invocations-bidirectional-stream"
CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
KEY = base64.b64encode(bytes(range(16))).decode()
ACCEPT = base64.b64encode(hashlib.sha1(f"{KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest())  # noqa: S324
HANDSHAKE = ("Host: x", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {KEY}")
VERSION = "Sec-WebSocket-Version: 13"

Frame = tuple[int, bytes, bool]  # opcode, data, whether it is the message's last


def frame(opcode: int, data: bytes, last: bool = True, reserved: int = 0, masked: bool = True) -> bytes:
    first = opcode | last << 7 | reserved << 4
    if len(data) < 126:
        head = struct.pack("!BB", first, len(data) | masked << 7)
    elif len(data) < 1 << 16:
        head = struct.pack("!BBH", first, 126 | masked << 7, len(data))
    else:
        head = struct.pack("!BBQ", first, 127 | masked << 7, len(data))
    if not masked:
        return head + data
    mask = os.urandom(4)
    stream = (mask * (len(data) // 4 + 1))[: len(data)]
    return head + mask + (int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(data), "big")


def handshake(
    path: str = PATH, headers: Sequence[str] = (*HANDSHAKE, VERSION), start: str = "GET {} HTTP/1.1"
) -> bytes:
    return "\r\n".join((start.format(path), *headers, "", "")).encode()


class Caller:
    """`behind` is sent in one piece with the handshake. `status` is 0 when the connection was closed without a word."""

    def __init__(
        self, port: int, path: str = PATH, behind: bytes = b"", request: bytes = b"", receive_buffer: int = 0
    ) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", port))
        self.stream = self.socket.makefile("rb")
        self.socket.sendall((request or handshake(path)) + behind)
        line = self.stream.readline()
        self.status = int(line.split()[1]) if line else 0
        self.headers: dict[str, str] = {}
        while line and (header := self.stream.readline().strip()):
            name, _, value = header.decode().partition(": ")
            self.headers[name.lower()] = value
        self.body = self.stream.read(int(self.headers.get("content-length", 0)))
        assert self.status != 101 or self.headers["sec-websocket-accept"] == ACCEPT.decode()

    def __enter__(self) -> "Caller":
        return self

    def __exit__(self, *exception: object) -> None:
        self.stream.close()
        self.socket.close()

    def send(self, opcode: int, data: bytes = b"", last: bool = True) -> None:
        self.socket.sendall(frame(opcode, data, last))

    def receive(self) -> Frame | None:
        """None at the end of the connection."""
        head = self.stream.read(2)
        if len(head) < 2:
            return None
        assert head[0] & 0x70 == 0
        assert head[1] < 128, "a server does not mask"
        length = head[1]
        if length == 126:
            (length,) = struct.unpack("!H", self.stream.read(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self.stream.read(8))
        return head[0] & 15, self.stream.read(length), head[0] >= 128

    def closed(self) -> tuple[int, str]:
        """The next frame, which is the close, and that nothing comes behind it; answered as a caller does."""
        found = self.receive()
        assert found is not None
        assert found[0] == CLOSE, found
        code, reason = struct.unpack("!H", found[1][:2])[0], found[1][2:].decode()
        self.send(CLOSE, found[1][:2])
        assert self.receive() is None
        return code, reason
