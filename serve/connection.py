"""A connection that is in the worker's loop, and a request of it that waits for its answer."""

import logging
import socket
import tempfile
from typing import IO, Any

log = logging.getLogger(__name__)


class Connection:
    """One in the loop. `chunks` are the bytes of a request that is not whole yet, `unsent` those of an answer.

    `size` of the request's bytes are in memory; where it is large, they are in `file` instead. `needed` is what the
    whole of it has, 0 while that is not known.
    `busy`: its request waits for the model, and nothing is read from it, so that answers keep the requests' order.
    `last`: it is closed once the answer has gone out.
    """

    __slots__ = (
        *("busy", "chunks", "client", "deadline", "file", "fileno", "last", "needed", "server", "size", "sock"),
        *("spooled", "unsent"),
    )

    def __init__(self, sock: socket.socket, client: Any, server: Any, deadline: float) -> None:
        self.sock, self.client, self.server, self.deadline = sock, client, server, deadline
        self.fileno = sock.fileno
        self.chunks: list[bytes] = []
        self.size = self.needed = self.spooled = 0
        self.file: IO[bytes] | None = None
        self.unsent: bytes | memoryview = b""
        self.busy = self.last = False

    def take(self) -> bytes:
        """What is in memory of the request."""
        data = b"".join(self.chunks)
        self.chunks, self.size = [], 0
        return data

    def spool(self) -> bool:
        """Move what is in memory to the file, under /tmp, opened the first time; False when there is no room."""
        try:
            if self.file is None:
                self.file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  it lives as long as the request
            data = memoryview(b"".join(self.chunks))
            while data:
                data = data[self.file.write(data) :]
        except OSError as error:
            log.warning("a large body stays in memory: it cannot be written under %s: %s", tempfile.gettempdir(), error)
            if self.file is not None:
                self.file.truncate(self.spooled)
            return False
        self.spooled += self.size
        self.chunks, self.size = [], 0
        return True

    def take_file(self) -> IO[bytes] | None:
        file, self.file, self.spooled = self.file, None, 0
        return file

    def close(self) -> None:
        self.sock.close()
        if self.file is not None:
            self.file.close()


# A plain invocation: its connection, head, body, and what came behind it. A tuple, as one is made for every request.
Plain = tuple[Connection, bytes, bytes, bytes]
