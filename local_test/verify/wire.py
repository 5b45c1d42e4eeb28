"""One HTTP exchange with a container, with its time, and one that is halved."""

import http.client
import select
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from local_test import wire

PATIENCE = 60.0  # H-09
_LATE = "no answer within"


@dataclass(frozen=True)
class Answer:
    """`status` 0: no whole answer came, and `error` says why."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    body: bytes = b""
    seconds: float = 0.0
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
class Address(wire.Address):
    def ask(
        self,
        method: str,
        path: str,
        body: wire.Body = None,
        headers: Mapping[str, str] | None = None,
        patience: float = PATIENCE,
    ) -> Answer:
        """`patience` is for all of it. Headers are those given, and no Accept among them."""
        named = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items()).encode("latin-1")
        if body is None and method == "POST":  # it says that it has none
            body = b""
        connection = wire.Connection(self)
        start = time.monotonic()
        try:
            reply = connection.request(f"{method} {path}", named, body, patience)
        except OSError as error:
            seconds = time.monotonic() - start
            return Answer(0, {}, b"", seconds, _reason(error, seconds))
        finally:
            connection.close()
        return Answer(reply.status, reply.headers, reply.body, time.monotonic() - start)

    def half(self, path: str, body: bytes, headers: Mapping[str, str], patience: float = PATIENCE) -> "Half":
        """A request of which the server has its head and half of its body."""
        return Half(self, path, body, headers, patience)

    def connect_time(self, patience: float = 5.0) -> float:
        """Seconds; `patience` when it never stood."""
        start = time.monotonic()
        try:
            with self.connect(patience):
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
            self._connection.sock = address.connect(patience)
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
            return Answer(0, {}, b"", seconds, _reason(error, seconds))
        finally:
            self._connection.close()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, named, content, time.monotonic() - self._start)

    def close(self) -> None:
        self._connection.close()


def _reason(error: Exception, seconds: float) -> str:
    match error:
        case TimeoutError():
            return f"{_LATE} {seconds:.0f} s"
        case ConnectionRefusedError():
            return "connection refused"
        case wire.BrokenAnswer():
            return str(error)
        case http.client.IncompleteRead():
            return f"the answer broke off after {len(error.partial)} bytes"
        case ConnectionError():
            return "the connection was cut without an answer"
        case _:
            return f"{type(error).__name__}: {error}"
