"""A container that serves: until it is ready, and what to ask it."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from local_test.engine.elsewhere import Elsewhere
from local_test.verify.payload import Payload
from local_test.verify.probe import Container, Start
from local_test.verify.subject import Court
from local_test.verify.wire import Address, Answer
from tiffin import limits

PING_LIMIT = 2.0  # seconds, H-03
FIRST = 4  # invocations at once as soon as /ping says 200
_POLL = 0.1
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_TAIL = 300  # characters of a log in a verdict
OK = 200


@dataclass(frozen=True)
class Readiness:
    """How the start went. `ping` is the last answer of /ping; `zombies` are those that the start has left."""

    ready: bool
    seconds: float
    ping: Answer
    exit_code: int | None = None
    log: str = ""
    zombies: int = 0

    @property
    def redirected(self) -> bool:
        return self.ping.status in (301, 302, 303, 307, 308)

    def __str__(self) -> str:
        if self.ready:
            return f"/ping was 200 after {self.seconds:.1f} s"
        if self.exit_code is not None:
            return f"ended with exit code {self.exit_code} after {self.seconds:.1f} s; its log ends: {self.log}"
        said = f"{self.ping}: {self.ping.text[:100].strip()!r}" if self.ping.status else str(self.ping)
        return f"/ping was not 200 within {self.seconds:.0f} s, but {said}; its log ends: {self.log}"


@dataclass(frozen=True)
class Server:
    court: Court
    container: Container
    address: Address
    readiness: Readiness
    path: str = "/invocations"
    first: tuple[Answer, ...] = ()  # the answers of the first moment
    usual: Answer = field(default_factory=lambda: Answer(0, error="no payload was given"))

    @property
    def payload(self) -> Payload | None:
        return self.court.subject.payload

    def ping(self, method: str = "GET", patience: float = 10.0) -> Answer:
        return self.address.ask(method, "/ping", patience=patience)

    def invoke(
        self,
        body: bytes | None = None,
        content_type: str | None = None,
        headers: Mapping[str, str] | None = None,
        patience: float = limits.INVOCATION_TIMEOUT,
    ) -> Answer:
        """The user's payload where no other is given; no Accept unless it is among the headers."""
        payload = self.payload
        assert payload is not None, "checks without a payload invoke nothing"  # noqa: S101
        named = {"Content-Type": content_type or payload.content_type, **(headers or {})}
        return self.address.ask("POST", self.path, payload.body if body is None else body, named, patience)

    def alike(self, answer: Answer) -> bool:
        """Whether it says what the payload is usually answered."""
        return answer.status == OK and answer.body.strip() == self.usual.body.strip()


@contextmanager
def serving(court: Court, start: Start, port: int = limits.PORT, window: float | None = None) -> Iterator[Server]:
    """Until it is ready, has ended, or the window closes. Raises NotStarted."""
    with court.running(start) as container:
        address = container.address(port)
        readiness = wait(container, address, court.subject.start_window if window is None else window)
        yield Server(court, container, address, readiness)


def wait(container: Container, address: Address, window: float) -> Readiness:
    """Not to the end of the window where another port, or the loopback alone, has answered /ping for a while."""
    ping = Answer(0, error="nothing listens")
    elsewhere = Elsewhere(container, address.port)
    while True:
        passed = time.monotonic() - container.started
        if (code := container.exit_code()) is not None:
            return Readiness(False, passed, ping, code, tail(container.log()))
        ping = address.ask("GET", "/ping", patience=PING_LIMIT)
        passed = time.monotonic() - container.started
        if ping.status == OK:
            return Readiness(True, passed, ping, zombies=container.zombies())
        readiness = Readiness(False, passed, ping)
        if readiness.redirected or passed > window or (ping.status == 0 and elsewhere.is_settled()):
            return replace(readiness, log=tail(container.log()))
        time.sleep(_POLL)


def at_once(count: int, ask: Callable[[], Answer]) -> tuple[Answer, ...]:
    with ThreadPoolExecutor(count) as pool:
        return tuple(future.result() for future in [pool.submit(ask) for _ in range(count)])


def tail(log: str) -> str:
    plain = _COLOURS.sub("", log).rstrip()
    cut = "…" if len(plain) > _TAIL else ""
    return cut + " / ".join(line.strip() for line in plain[-_TAIL:].splitlines() if line.strip()) or "(empty)"
