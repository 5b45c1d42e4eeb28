"""SIGTERM to a server with a request in flight (H-18)."""

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from local_test.verify.checks.check import Check, run_all, skip_all
from local_test.verify.probe import NotStarted
from local_test.verify.server import OK, Server, serving
from local_test.verify.subject import Court
from local_test.verify.verdict import Seen, Verdict, failed, passed, skipped, warned
from local_test.verify.wire import Answer
from tiffin import limits

SHELLS = re.compile(r"(\S*/)?(ba|da|a|z)?sh\b")
SHELL = "Its PID 1 is a shell, which hands no signal on: write exec before the last command of the script."
DEAF = 3.0  # seconds after which one whose PID 1 cannot hear is waited for no more
BETWEEN = 0.3  # seconds from SIGTERM to the second half of the request
WORTH = 0.4  # seconds: an invocation that takes so long is in flight by itself


@dataclass(frozen=True)
class Stopped:
    usual: Answer | None  # None: no payload, or not answered 200
    in_flight: tuple[Answer, ...]
    seconds: float  # from SIGTERM to the end
    code: int | None  # None: it still ran
    hears: bool | None
    first_process: str


def stop(server: Server) -> Stopped | None:
    """None where it ended before."""
    usual = server.invoke() if server.payload else None
    hears, first = server.container.hears_sigterm(), server.container.first_process()
    answers: list[Answer] = []
    waiting: list[threading.Thread] = []
    half = None
    if usual and usual.status == OK and server.payload:
        half = server.address.half(server.path, server.payload.body, {"Content-Type": server.payload.content_type})
        if usual.seconds > WORTH:
            waiting = [threading.Thread(target=lambda: answers.append(server.invoke()), daemon=True)]
            waiting[0].start()
        time.sleep(WORTH / 2)  # so that it is inside
    if server.container.exit_code() is not None:
        return None
    start = time.monotonic()
    server.container.signal("SIGTERM")
    if half:
        time.sleep(BETWEEN)
        answers.append(half.finish())
    for thread in waiting:
        thread.join(limits.STOP_GRACE_SERVE)
    patience = DEAF if hears is False else limits.STOP_GRACE_SERVE - (time.monotonic() - start)
    code = server.container.wait(patience)
    known = usual if usual and usual.status == OK else None
    return Stopped(known, tuple(answers), time.monotonic() - start, code, hears, first)


def ends(seen: Stopped) -> Seen:
    if seen.code is None and seen.hears is False:
        return failed(
            f"it still ran {seen.seconds:.0f} s after SIGTERM, and its PID 1, {seen.first_process[:60]!r}, catches no "
            "SIGTERM: it will be killed, and what it was doing with it",
            SHELL if SHELLS.match(seen.first_process) else "",
        )
    if seen.code is None:
        return failed(f"it still ran {seen.seconds:.0f} s after SIGTERM, and would be killed")
    if seen.code:
        return warned(f"it ended {seen.seconds:.1f} s after SIGTERM, with exit code {seen.code}, not 0")
    return passed(f"it ended {seen.seconds:.1f} s after SIGTERM, with exit code 0")


def finishes(seen: Stopped) -> Seen:
    if not seen.usual:
        return skipped("give --payload FILE that is answered 200")
    if seen.code is None and seen.hears is False:
        return skipped("SIGTERM does not reach it")
    for answer in seen.in_flight:
        if answer.status != OK or answer.body.strip() != seen.usual.body.strip():
            return failed(f"a request that was in flight at SIGTERM: {answer}")
    return passed(f"{len(seen.in_flight)} request(s) in flight at SIGTERM were answered whole")


CHECKS = (Check("H-18", "ends on SIGTERM", ends), Check("H-18", "finishes what is in flight", finishes))


def judge(court: Court) -> Iterator[Verdict]:
    try:
        with serving(court, court.serve()) as server:
            if server.readiness.ready or server.readiness.redirected:
                seen = stop(server)
                if seen:
                    yield from run_all(CHECKS, seen, court.wanted)
                else:
                    yield from skip_all(CHECKS, "it ended by itself, before SIGTERM came", court.wanted)
    except NotStarted:
        return  # said by who started it first
