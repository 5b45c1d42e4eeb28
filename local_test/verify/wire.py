"""One HTTP exchange with a container, with its times, and those a library would not send: halved, chunked, unread."""

import http.client
import select
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

PATIENCE = 60.0  # H-09
_LATE = "no answer within"


@dataclass(frozen=True)
class Answer:
    """`status` 0: no whole answer came, and `error` says why."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    body: bytes = b""
    seconds: float = 0.0
    connected: float = 0.0  # seconds until TCP's connection stood
    error: str = ""

    @property
    def is_late(self) -> bool:
        """Nothing came in time, and nothing said that nothing would."""
        return self.error.startswith(_LATE)

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")

    @property
    def media_type(self) -> str:
        return self.content_type.partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    def __str__(self) -> str:
        return f"{self.status}" if self.status else self.error


@dataclass(frozen=True)
class Address:
    host: str
    port: int

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        patience: float = PATIENCE,
    ) -> Answer:
        """A body that is no bytes goes in chunks (B-03). Headers are those given, and no Accept among them."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=patience)
        start = time.monotonic()
        connected = 0.0
        try:
            connection.connect()
            connected = time.monotonic() - start
            try:
                connection.request(
                    method, path, body, dict(headers or {}), encode_chunked=not isinstance(body, bytes | None)
                )
            except (BrokenPipeError, ConnectionResetError):
                if connection.sock is None:
                    raise
            # a server may refuse early: what it said is still there to read
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            return Answer(0, {}, b"", time.monotonic() - start, connected, _reason(error, time.monotonic() - start))
        finally:
            connection.close()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, named, content, time.monotonic() - start, connected)

    def half(self, path: str, body: bytes, headers: Mapping[str, str], patience: float = PATIENCE) -> "Half":
        """A request of which the server has its head and half of its body."""
        return Half(self, path, body, headers, patience)

    def connect_time(self, patience: float = 5.0) -> float:
        """Seconds; `patience` when it never stood."""
        start = time.monotonic()
        try:
            with socket.create_connection((self.host, self.port), timeout=patience):
                return time.monotonic() - start
        except OSError:
            return patience


class Half:
    def __init__(self, address: Address, path: str, body: bytes, headers: Mapping[str, str], patience: float) -> None:
        self._connection = http.client.HTTPConnection(address.host, address.port, timeout=patience)
        self._start = time.monotonic()
        self._rest = body[len(body) // 2 :]
        self._refused: OSError | None = None
        self._connection.putrequest("POST", path, skip_accept_encoding=True)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self._connection.putheader(name, value)
        try:
            self._connection.endheaders(body[: len(body) // 2])
        except OSError as error:
            self._refused = error

    def answered_early(self, patience: float) -> bool:
        """Whether the server answers, or cuts the connection, without having read it all."""
        if self._refused or self._connection.sock is None:
            return True
        return bool(select.select([self._connection.sock], [], [], patience)[0])

    def finish(self) -> Answer:
        try:
            if self._refused:
                raise self._refused
            self._connection.send(self._rest)
            response = self._connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            seconds = time.monotonic() - self._start
            return Answer(0, {}, b"", seconds, 0.0, _reason(error, seconds))
        finally:
            self._connection.close()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, named, content, time.monotonic() - self._start)

    def close(self) -> None:
        self._connection.close()


def _reason(error: Exception, seconds: float) -> str:
    if isinstance(error, TimeoutError):
        return f"{_LATE} {seconds:.0f} s"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, http.client.IncompleteRead):
        return f"the answer broke off after {len(error.partial)} bytes"
    if isinstance(error, http.client.RemoteDisconnected | ConnectionResetError | BrokenPipeError):
        return "the connection was cut without an answer"
    return f"{type(error).__name__}: {error}"
