"""Invocations of an endpoint: several batches under way at once, their answers in order.

A name goes to AWS's API (`local_test up`, or any address), or straight to a container's where that was given.
"""

import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from local_test import wire
from local_test.sql.counters import Counters
from local_test.sql.errors import INTERRUPTED, UNKNOWN, NotHere, SqlError
from local_test.wire import BrokenAnswer, Connection, Reply
from tiffin import limits

# Requests of a statement at once: on two cores 1.0 to 1.2 times as quick as one by one, more where there are instances.
IN_FLIGHT = 4
PATIENCE = limits.INVOCATION_TIMEOUT + 10 * limits.SECONDS  # the platform's own limit answers first
RETRIES = (0.2, 1.0)  # seconds before each, after 429 and 503
_BUSY = frozenset({429, 503})
_SHOWN = 200  # characters of an error's body
# The local API wants a signature and does not verify it.
_SIGNED = (
    "Authorization: AWS4-HMAC-SHA256 Credential={key}/20260101/{region}/sagemaker/aws4_request, "
    "SignedHeaders=content-type;host;x-amz-date, Signature=0\r\n"
)


@dataclass(frozen=True)
class Address:
    host: str
    port: int
    path: str = ""

    @classmethod
    def of(cls, url: str) -> "Address":
        """Raises NotHere."""
        parts = urlsplit(url if "://" in url else f"http://{url}")
        try:
            port = parts.port or 80
        except ValueError:
            port = 0
        if parts.scheme != "http" or not parts.hostname or not port:
            raise NotHere(f"{url!r} is no address; write http://HOST:PORT")
        return cls(parts.hostname, port, parts.path.rstrip("/"))


@dataclass(frozen=True)
class Access:
    """How an endpoint's name becomes an address."""

    api: Callable[[], str | None]  # asked at each statement: `up` may start later
    straight: Mapping[str, str]  # endpoint -> a container's address
    accept: str | None = None  # which Accept Aurora sends is not documented; none is the harder case
    key: str = "LOCALONLYNOTAREALKEY"
    region: str = "us-east-1"

    def route(self, endpoint: str) -> tuple[Address, str, bytes]:
        """Address, request line and headers. Raises SqlError."""
        headers = "Content-Type: text/csv\r\n" + (f"Accept: {self.accept}\r\n" if self.accept else "")
        if url := self.straight.get(endpoint):
            address = Address.of(url)
            return address, f"POST {address.path.removesuffix('/invocations')}/invocations", headers.encode()
        if not (url := self.api()):
            raise SqlError(
                UNKNOWN,
                f"Endpoint {endpoint!r} cannot be called: there is no address of AWS's API (set AWS_ENDPOINT_URL, or "
                "start `local_test up`), and none of its own (--endpoint NAME=URL)",
            )
        try:
            address = Address.of(url)
        except NotHere as error:  # of the environment, which nobody has looked at before
            raise SqlError(UNKNOWN, f"Endpoint {endpoint!r} cannot be called: {error}") from None
        signed = _SIGNED.format(key=self.key, region=self.region)
        line = f"POST {address.path}/endpoints/{quote(endpoint, safe='')}/invocations"
        return address, line, (headers + signed).encode()


class _Kept(Connection):
    _is_broken_off = False

    def break_off(self) -> None:
        """From another thread: who waits for its answer gets an error at once, and asks no second time."""
        self._is_broken_off = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def _open(self) -> socket.socket:
        if self._is_broken_off:
            raise BrokenAnswer("nobody waits for it any more")
        return super()._open()


@dataclass
class _Statement:
    """What one call of `predict` has under way."""

    endpoint: str
    address: Address
    line: str
    headers: bytes
    cancelled: threading.Event
    busy: set[_Kept] = field(default_factory=set)
    is_over: bool = False


class Endpoints:
    """Kept connections by address; each is one request's at a time."""

    def __init__(self, access: Access, counters: Counters) -> None:
        self._access, self._counters = access, counters
        self._lock = threading.Lock()
        self._idle: dict[Address, list[_Kept]] = {}

    def predict(self, endpoint: str, bodies: Sequence[bytes], cancelled: threading.Event) -> list[bytes]:
        """The answers' CSV, one for each body. Raises SqlError, of the first that failed."""
        if not bodies:
            return []
        statement = _Statement(endpoint, *self._access.route(endpoint), cancelled)
        with ThreadPoolExecutor(min(IN_FLIGHT, len(bodies)), thread_name_prefix=f"sql-{endpoint}") as pool:
            under_way = [pool.submit(self._ask, statement, body) for body in bodies]
            try:
                _wait(under_way, cancelled)
            finally:
                for future in under_way:
                    future.cancel()
                with self._lock:
                    statement.is_over = True
                    for connection in statement.busy:  # nobody waits for these answers any more
                        connection.break_off()
            return [future.result() for future in under_way]

    def close(self) -> None:
        with self._lock:
            for connections in self._idle.values():
                for connection in connections:
                    connection.close()
            self._idle.clear()

    def _ask(self, statement: _Statement, body: bytes) -> bytes:
        named = f"Endpoint {statement.endpoint!r}"
        reply = self._once(statement, body)
        for delay in RETRIES:
            if reply.status not in _BUSY or statement.cancelled.wait(delay):
                break
            self._counters.add(retry_request=1)
            reply = self._once(statement, body)
        if reply.status != 200:  # noqa: PLR2004
            text = reply.body.decode("utf-8", "replace").strip()
            raise SqlError(UNKNOWN, f"{named} answered {reply.status}: {text[:_SHOWN] or '(nothing)'}")
        kind = reply.headers.get("content-type", "text/csv").partition(";")[0].strip().lower()
        if kind != "text/csv":
            was_asked = (
                "it was asked for it" if self._access.accept else "no Accept was sent: --accept text/csv sends one"
            )
            raise SqlError(UNKNOWN, f"{named} answered {kind} where text/csv is needed; {was_asked}")
        return reply.body

    def _once(self, statement: _Statement, body: bytes) -> Reply:
        address = statement.address
        with self._lock:
            if statement.is_over:
                raise SqlError(INTERRUPTED, "Query execution was interrupted")
            idle = self._idle.setdefault(address, [])
            connection = idle.pop() if idle else _Kept(wire.Address(address.host, address.port))
            statement.busy.add(connection)
        self._counters.add(actual_request=1)
        try:
            reply = connection.request(statement.line, statement.headers, body, PATIENCE)
        except OSError as error:
            connection.close()
            raise SqlError(UNKNOWN, f"Endpoint {statement.endpoint!r} gave no answer: {_why(error, address)}") from None
        finally:
            with self._lock:
                statement.busy.discard(connection)
        self._counters.add(actual_response=1)
        with self._lock:
            self._idle[address].append(connection)
        return reply


def _wait(under_way: Sequence[Future[bytes]], cancelled: threading.Event) -> None:
    """Until all are done, one has failed, or the statement was cancelled; raises what the first to fail raised."""
    left = set(under_way)
    while left:
        done, left = wait(left, timeout=0.2, return_when=FIRST_COMPLETED)
        for future in done:
            future.result()
        if cancelled.is_set():
            raise SqlError(INTERRUPTED, "Query execution was interrupted")


def _why(error: OSError, address: Address) -> str:
    if isinstance(error, TimeoutError):
        return f"none within {PATIENCE:.0f} s from {address.host}:{address.port}"
    return f"{error.strerror or error} ({address.host}:{address.port})"
