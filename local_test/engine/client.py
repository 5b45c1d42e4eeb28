"""Requests to a container, as the platform's front end sends them: connections kept, time limited as a whole."""

import queue
from collections.abc import Iterator, Mapping

from local_test.wire import Address, Connection, NotAccepted, Reply
from tiffin import limits


class WireError(Exception):
    """No answer; its text says why."""


class Unreachable(WireError):
    """Nobody accepted the connection."""


class TimedOut(WireError):
    """The answer was not there in time."""


class Broken(WireError):
    """The connection ended before the answer was complete."""


class Client:
    """For many threads at once; each request has a connection to itself."""

    def __init__(self, address: Address, connect_timeout: float = limits.CONNECT_TIMEOUT) -> None:
        self.address = address
        self._connect_timeout = connect_timeout
        self._idle: queue.LifoQueue[Connection] = queue.LifoQueue()

    def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout: float = limits.INVOCATION_TIMEOUT,
    ) -> Reply:
        """Raises WireError. `timeout` is for all of it, until the last byte of the answer."""
        head, parts = self.stream(method, path, headers, body, timeout)
        return Reply(head.status, head.headers, b"".join(parts))

    def stream(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout: float = limits.STREAM_TIMEOUT,
    ) -> tuple[Reply, Iterator[bytes]]:
        """The answer's head, with an empty body, and the body's bytes as they come; the iterator raises WireError."""
        connection = self._connection()
        lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items()).encode("latin-1")
        try:
            head, parts = connection.begin(f"{method} {path}", lines, body, timeout)
        except OSError as error:
            raise self._said(error, "no answer came in time") from None
        return head, self._rest(connection, parts)

    def close(self) -> None:
        while True:
            try:
                self._idle.get_nowait().close()
            except queue.Empty:
                return

    def _connection(self) -> Connection:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            return Connection(self.address, self._connect_timeout)

    def _rest(self, connection: Connection, parts: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from parts
        except OSError as error:
            raise self._said(error, "the answer was not complete in time") from None
        self._idle.put(connection)

    def _said(self, error: OSError, late: str) -> WireError:
        match error:
            case NotAccepted():
                return Unreachable(f"{self.address.netloc}: {error}")
            case ConnectionRefusedError():
                return Unreachable(f"nobody answers at {self.address.netloc}")
            case TimeoutError():
                return TimedOut(late)
            case ConnectionError():
                return Broken(f"the connection broke: {error}")
            case _:  # no such name, no way there
                return Unreachable(f"{self.address.netloc} cannot be reached: {error.strerror or error}")
