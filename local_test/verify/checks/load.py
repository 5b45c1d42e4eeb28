"""The server while it is busy; nothing else may run on the machine meanwhile."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from local_test.verify.checks.check import Check
from local_test.verify.server import OK, PING_LIMIT, Server
from local_test.verify.verdict import Seen, failed, passed
from local_test.verify.wire import Answer

WORK = 10.0  # seconds of one request after the other, that many callers ask for at once
LARGEST = 4_000_000  # bytes of a caller's body
LONGEST = 0.5  # seconds that one such body may take by itself
CALLERS = range(8, 97)
HALVES = 16  # callers who have sent half of their request
CONNECT_LIMIT = 0.25  # seconds, H-02
HELD = 2.5  # seconds that the halves wait: longer than a ping may
EVERY = 0.1
PATIENCE = 15.0  # seconds of each caller: the work takes half of it, or less
AGAIN = 2  # further measurements where it may have been this machine that was late
LITTLE = 2.0  # times its limit: what is later than that is the server's


@dataclass(frozen=True)
class Busy:
    """What was seen while all of them waited for their answers."""

    pings: tuple[Answer, ...]
    connects: tuple[float, ...]
    seconds: float
    callers: int
    lost: tuple[Answer, ...]

    @property
    def slowest_ping(self) -> float:
        return max(ping.seconds for ping in self.pings)

    @property
    def slowest_connect(self) -> float:
        return max(self.connects)

    @property
    def refused(self) -> tuple[Answer, ...]:
        return tuple(ping for ping in self.pings if ping.status != OK)

    @property
    def is_a_little_late(self) -> bool:
        """And nothing else is wrong: whatever else runs on this machine makes a time longer, and never shorter."""
        late = (self.slowest_ping / PING_LIMIT, self.slowest_connect / CONNECT_LIMIT)
        return not self.lost and not self.refused and any(1 < times < LITTLE for times in late)

    def sooner_of(self, other: "Busy") -> "Busy":
        """Of both, what came sooner; what got no answer in the other is not forgotten."""
        if other.lost or other.refused:
            return other
        pings = self.pings if self.slowest_ping < other.slowest_ping else other.pings
        return replace(other, pings=pings, connects=min(self.connects, other.connects, key=max))


def measured(server: Server) -> Busy:
    """Up to three times, while a time is a little beyond its limit."""
    seen = busy(server)
    for _ in range(AGAIN):
        if not seen.is_a_little_late:
            break
        seen = seen.sooner_of(busy(server))
    return seen


def busy(server: Server) -> Busy:
    """So many callers that a server whose pings wait behind them is seconds late with a ping."""
    payload = server.payload
    assert payload is not None  # noqa: S101
    body, each = _portion(server)
    callers = max(CALLERS.start, min(CALLERS.stop - 1, int(WORK / each)))
    pings: list[Answer] = []
    connects: list[float] = []
    over = threading.Event()

    def connect() -> None:
        while not over.wait(EVERY):
            connects.append(server.address.connect_time())

    def ping() -> None:  # on its own: a connection that is not taken would keep it from being asked
        while not over.wait(EVERY):
            pings.append(server.ping())

    def held() -> Answer:
        half = server.address.half(server.path, payload.body, headers, PATIENCE)
        over.wait(HELD)
        return half.finish()

    watchers = [threading.Thread(target=watch, daemon=True) for watch in (connect, ping)]
    start = time.monotonic()
    headers = {"Content-Type": payload.content_type}
    for watcher in watchers:
        watcher.start()
    with ThreadPoolExecutor(callers + HALVES) as pool:
        calls = [pool.submit(held) for _ in range(HALVES)]
        calls += [pool.submit(server.invoke, body, patience=PATIENCE) for _ in range(callers)]
        answers = [call.result() for call in calls]
    over.set()
    for watcher in watchers:
        watcher.join()
    lost = tuple(answer for answer in answers if not answer.status and not answer.is_late)
    return Busy(tuple(pings), tuple(connects), time.monotonic() - start, callers + HALVES, lost)


def _portion(server: Server) -> tuple[bytes, float]:
    """A body, and the seconds that it takes by itself."""
    assert server.payload is not None  # noqa: S101
    size = LARGEST
    while body := server.payload.grown(size):
        answer = server.invoke(body)
        if answer.seconds <= LONGEST or not answer.status or size < len(server.payload.body):
            return body, max(answer.seconds, 1e-3)
        size = int(size * min(0.5, LONGEST / answer.seconds))
    return server.payload.body, max(server.usual.seconds, 1e-3)


def connections(seen: Busy) -> Seen:
    slowest = seen.slowest_connect
    if slowest > CONNECT_LIMIT:
        return failed(f"a connection took {slowest * 1000:.0f} ms while {seen.callers} callers waited")
    return passed(f"every connection stood within {slowest * 1000:.0f} ms while {seen.callers} callers waited")


def pings(seen: Busy) -> Seen:
    slowest = seen.slowest_ping
    if slowest > PING_LIMIT:
        return failed(f"/ping took {slowest:.1f} s while {seen.callers} callers waited; the platform gives it 2 s")
    if seen.refused:
        bad = len(seen.refused)
        return failed(f"{bad} of {len(seen.pings)} pings under load were answered {seen.refused[0]}")
    return passed(f"{len(seen.pings)} pings within {slowest * 1000:.0f} ms while {seen.callers} callers waited")


def unlost(seen: Busy) -> Seen:
    if seen.lost:
        return failed(f"{len(seen.lost)} of {seen.callers} callers at once got no answer: {seen.lost[0]}")
    return passed(f"{seen.callers} callers at once were all answered, in {seen.seconds:.1f} s")


CHECKS = (
    Check("H-02", "connections under load", connections),
    Check("H-08", "/ping under load", pings),
    Check("H-02", "many callers at once", unlost),
)
