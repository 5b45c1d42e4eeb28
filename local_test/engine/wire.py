"""HTTP to a container, as the platform's front end speaks it: connections are kept, and time is limited as a whole."""

import http.client
import queue
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tiffin import limits

_READ = 256 * 1024  # bytes at a time


class WireError(Exception):
    """No answer; its text says why."""


class Unreachable(WireError):
    """Nobody accepted the connection."""


class TimedOut(WireError):
    """The answer was not there in time."""


class Broken(WireError):
    """The connection ended before the answer was complete."""


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes


@dataclass(frozen=True)
class _Question:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None


@dataclass(frozen=True)
class _Exchange:
    connection: http.client.HTTPConnection
    response: http.client.HTTPResponse
    sock: socket.socket  # the connection forgets it where the server is going to close


class Client:
    """For many threads at once; each request has a connection to itself."""

    def __init__(self, host: str, port: int, connect_timeout: float = limits.CONNECT_TIMEOUT) -> None:
        self.host, self.port = host, port
        self._connect_timeout = connect_timeout
        self._idle: queue.LifoQueue[http.client.HTTPConnection] = queue.LifoQueue()

    def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout: float = limits.INVOCATION_TIMEOUT,
    ) -> Reply:
        """Raises WireError. `timeout` is for all of it, until the last byte of the answer."""
        deadline = time.monotonic() + timeout
        exchange = self._answered(_Question(method, path, headers or {}, body), deadline)
        return Reply(exchange.response.status, _lower(exchange.response), b"".join(self._rest(exchange, deadline)))

    def stream(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout: float = limits.STREAM_TIMEOUT,
    ) -> tuple[Reply, Iterator[bytes]]:
        """The answer's head, with an empty body, and the body's bytes as they come; the iterator raises WireError."""
        deadline = time.monotonic() + timeout
        exchange = self._answered(_Question(method, path, headers or {}, body), deadline)
        return Reply(exchange.response.status, _lower(exchange.response), b""), self._rest(exchange, deadline)

    def close(self) -> None:
        while True:
            try:
                self._idle.get_nowait().close()
            except queue.Empty:
                return

    def _rest(self, exchange: _Exchange, deadline: float) -> Iterator[bytes]:
        try:
            yield from _read(exchange, deadline)
        except BaseException:
            exchange.response.close()
            exchange.connection.close()
            raise
        if exchange.response.will_close:
            exchange.connection.close()
        else:
            self._idle.put(exchange.connection)

    def _answered(self, question: _Question, deadline: float) -> _Exchange:
        while True:
            connection, was_kept = self._connection()
            try:
                return _ask(connection, question, deadline)
            except (ConnectionError, http.client.RemoteDisconnected, http.client.BadStatusLine) as error:
                connection.close()
                if not was_kept:  # else it had been closed while it was idle, and nothing was read
                    raise Broken(f"the connection ended before an answer came ({type(error).__name__})") from None
            except BaseException:
                connection.close()
                raise

    def _connection(self) -> tuple[http.client.HTTPConnection, bool]:
        try:
            return self._idle.get_nowait(), True
        except queue.Empty:
            pass
        connection = http.client.HTTPConnection(self.host, self.port, timeout=self._connect_timeout)
        try:
            connection.connect()
        except TimeoutError:
            late = f"did not accept a connection within {self._connect_timeout * 1000:.0f} ms (H-02)"
            raise Unreachable(f"{self.host}:{self.port} {late}") from None
        except OSError as error:
            raise Unreachable(f"nobody answers at {self.host}:{self.port} ({error.strerror or error})") from None
        return connection, False


def _ask(connection: http.client.HTTPConnection, question: _Question, deadline: float) -> _Exchange:
    sock = connection.sock
    try:
        _limit(sock, deadline)
        connection.request(question.method, question.path, question.body, dict(question.headers))
        _limit(sock, deadline)
        return _Exchange(connection, connection.getresponse(), sock)
    except TimeoutError:
        raise TimedOut("no answer came in time") from None
    except http.client.HTTPException as error:
        if isinstance(error, ConnectionError | http.client.BadStatusLine):
            raise
        raise Broken(f"what came back is not HTTP ({type(error).__name__}: {error})") from None


def _read(exchange: _Exchange, deadline: float) -> Iterator[bytes]:
    response = exchange.response
    try:
        while True:
            _limit(exchange.sock, deadline)
            part = response.read1(_READ)
            if not part:
                if response.length:
                    raise Broken(f"the connection ended {response.length} bytes before the answer did")
                response.close()  # so that the connection may be used again
                return
            yield part
    except TimeoutError:
        raise TimedOut("the answer was not complete in time") from None
    except (OSError, http.client.HTTPException) as error:
        raise Broken(f"the connection ended in the middle of the answer ({type(error).__name__})") from None


def _limit(sock: socket.socket, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    sock.settimeout(left)


def _lower(response: http.client.HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.getheaders()}
