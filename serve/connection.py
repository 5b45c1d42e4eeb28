"""A connection that is in the worker's loop, and a request of it that waits for its answer."""

import socket
from typing import Any


class Connection:
    """One in the loop. `chunks` are the bytes of a request that is not whole yet, `unsent` those of an answer.

    `busy`: its request waits for the model, and nothing is read from it, so that answers keep the requests' order.
    """

    __slots__ = ("busy", "chunks", "client", "deadline", "fileno", "needed", "server", "size", "sock", "unsent")

    def __init__(self, sock: socket.socket, client: Any, server: Any, deadline: float) -> None:
        self.sock, self.client, self.server, self.deadline = sock, client, server, deadline
        self.fileno = sock.fileno
        self.chunks: list[bytes] = []
        self.size = self.needed = 0
        self.unsent: bytes | memoryview = b""
        self.busy = False


# A plain invocation: its connection, head, body, and what came behind it. A tuple, as one is made for every request.
Plain = tuple[Connection, bytes, bytes, bytes]
