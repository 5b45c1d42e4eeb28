"""A WebSocket's caller, as the platform is one: its frames, and a server's as they come (RFC 6455)."""

import os
import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

from local_test.verify.wire import Address

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
SWITCHING = 101
_KEY = "dGhlIHNhbXBsZSBub25jZQ=="
_SHORT, _LONG = 126, 127
_PIECE = 65536


@dataclass(frozen=True)
class Frame:
    opcode: int
    data: bytes
    is_last: bool = True

    @property
    def close_code(self) -> int:
        """1005: none was told."""
        return struct.unpack("!H", self.data[:2])[0] if len(self.data) > 1 else 1005


@dataclass(frozen=True)
class Refusal:
    """What a handshake was answered instead; `status` 0: nothing."""

    status: int
    body: str
    error: str = ""

    def __str__(self) -> str:
        return f"{self.status}: {self.body[:120].strip()!r}" if self.status else self.error


class Broken(Exception):
    """What came is no frame of a server's; its text says why."""


class WebSocket:
    """Use as a context. `refusal` is None where the handshake was taken."""

    def __init__(self, address: Address, path: str, patience: float = 10.0) -> None:
        self._buffer = b""
        self.refusal: Refusal | None = None
        self._socket: socket.socket | None = None
        try:
            self._socket = address.connect(patience)
            self._socket.sendall(
                (
                    f"GET {path} HTTP/1.1\r\nHost: container\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    f"Sec-WebSocket-Key: {_KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
                ).encode()
            )
            self._shake(time.monotonic() + patience)
        except OSError as error:
            self.refusal = Refusal(0, "", f"no answer: {error}")

    def _shake(self, deadline: float) -> None:
        while b"\r\n\r\n" not in self._buffer and self._more(deadline):
            pass
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        lines = head.decode(errors="replace").split("\r\n")
        words = lines[0].split()
        status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
        if status == SWITCHING:
            return
        length = next((line.partition(":")[2] for line in lines if line.lower().startswith("content-length:")), "")
        while len(self._buffer) < int(length.strip() or 0) and self._more(deadline):
            pass
        said = "the connection was cut without an answer" if not head else f"no HTTP: {lines[0][:60]!r}"
        self.refusal = Refusal(status, self._buffer.decode(errors="replace"), said)

    def __enter__(self) -> "WebSocket":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is not None:
            self._socket.close()

    def send(self, opcode: int, data: bytes = b"", is_last: bool = True) -> None:
        """What cannot be sent is not: what the server says shows it."""
        assert self._socket is not None  # noqa: S101
        size = len(data)
        head = bytes([opcode | is_last << 7])
        if size < _SHORT:
            head += bytes([size | 0x80])
        elif size < _PIECE:
            head += struct.pack("!BH", _SHORT | 0x80, size)
        else:
            head += struct.pack("!BQ", _LONG | 0x80, size)
        mask = os.urandom(4)
        stream = (mask * (size // 4 + 1))[:size]
        masked = (int.from_bytes(data) ^ int.from_bytes(stream)).to_bytes(size)
        with suppress(OSError):
            self._socket.sendall(head + mask + masked)

    def receive(self, patience: float) -> Frame | None:
        """None where no frame came in time, or the connection is at its end. Raises Broken."""
        deadline = time.monotonic() + patience
        if not self._has(2, deadline):
            return None
        first, size = self._buffer[0], self._buffer[1]
        if first & 0x70 or size & 0x80:
            raise Broken(f"a server's frame cannot begin with {self._buffer[:2].hex()}")
        wide = {_SHORT: 2, _LONG: 8}.get(size, 0)
        if not self._has(2 + wide, deadline):
            return None
        length = int.from_bytes(self._buffer[2 : 2 + wide]) if wide else size
        end = 2 + wide + length
        if not self._has(end, deadline):
            return None
        data, self._buffer = self._buffer[2 + wide : end], self._buffer[end:]
        return Frame(first & 0x0F, data, first >= 0x80)  # noqa: PLR2004

    def _has(self, size: int, deadline: float) -> bool:
        while len(self._buffer) < size:
            if not self._more(deadline):
                return False
        return True

    def _more(self, deadline: float) -> bool:
        assert self._socket is not None  # noqa: S101
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        self._socket.settimeout(left)
        try:
            piece = self._socket.recv(_PIECE)
        except OSError:
            return False
        self._buffer += piece
        return bool(piece)
