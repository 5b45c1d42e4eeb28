"""A connection as gunicorn's threads see it, so that no slow caller holds one of the few threads.

Rules: the request's bytes come from what the loop has read, in memory or in a file, and only then from the socket,
which waits for more no longer than STALL. The answer goes into the socket as far as that takes it at once; the loop
sends the rest. A streamed answer alone waits for its reader.
"""

import socket
import struct
from contextlib import suppress
from typing import IO, Any

from gunicorn.http import get_parser
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn

from serve.connection import Connection
from tiffin import limits

STALL = 30 * limits.SECONDS  # without a byte in either direction
_STALL = struct.pack("ll", STALL, 0)
_AT_ONCE = 1024 * 1024


class Lent:
    """The socket, which the application finds as `gunicorn.socket`.

    It sets `streams` for an answer whose parts are sent as they come (H-22). `asked`: the short way has declined.
    """

    def __init__(self, sock: socket.socket, asked: bool) -> None:
        self.sock, self.asked = sock, asked
        self.streams = False
        self._unsent: list[bytes | memoryview] = []
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _STALL)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _STALL)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sock, name)

    def sendall(self, data: bytes) -> None:
        if self.streams:
            self.sock.sendall(self.take_unsent() + data)
            return
        sent = 0
        if not self._unsent:
            with suppress(BlockingIOError):
                sent = self.sock.send(data, socket.MSG_DONTWAIT)
        if sent < len(data):
            self._unsent.append(memoryview(data)[sent:])

    def take_unsent(self) -> bytes:
        unsent, self._unsent = b"".join(self._unsent), []
        return unsent


class Received(SocketUnreader):  # type: ignore[misc]  # gunicorn has no types
    """Bytes of a request: those in `file`, then `data`, then what the socket still sends."""

    def __init__(self, sock: Any, file: IO[bytes] | None, data: bytes) -> None:
        super().__init__(sock)
        self._file = file
        if file is None:
            self.unread(data)
            self._data = b""
        else:
            file.seek(0)
            self._data = data

    def chunk(self, size_hint: int | None = None) -> bytes:
        if self._file is not None:
            found = self._file.read(min(max(size_hint or 0, self.mxchunk), _AT_ONCE))
            if found:
                return found
            self._file.close()
            self._file = None
            if self._data:
                return self._data
        return super().chunk(size_hint)  # type: ignore[no-any-return]


def lend(config: Any, connection: Connection, data: bytes, asked: bool) -> Any:
    """What gunicorn's `enqueue_req` takes. `data` comes behind what the connection has in its file."""
    sock = Lent(connection.sock, asked)
    conn = TConn(config, sock, connection.client, connection.server)
    conn.parser = get_parser(config, sock, connection.client)
    conn.parser.unreader = Received(sock, connection.take_file(), data)
    conn.data_ready = True
    return conn
