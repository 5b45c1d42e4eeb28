"""The same server under what SageMaker may add: no network, another user, another port, batch transform's variables.

All of it at once first: who starts so passes. Who does not is started with each by itself.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any

from local_test.verify.checks.check import Check, run_all
from local_test.verify.probe import NotStarted
from local_test.verify.server import OK, Server, serving
from local_test.verify.subject import Court
from local_test.verify.verdict import Seen, Verdict, failed, passed, skipped, warned
from local_test.verify.wire import Answer
from tiffin import limits

REACHES_HOST = "this machine's own addresses it could reach, as only root may enter a container's network from here"
PORT, SAFE = 18455, (18460, 18499)
OTHER_USER = "10001:10001"
MAX_PAYLOAD = 100  # MB, B-03
PATIENCE = 30.0  # seconds for so much: a limit refuses sooner
BATCH = {
    "SAGEMAKER_BATCH": "true",
    "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(MAX_PAYLOAD),
    "SAGEMAKER_BATCH_STRATEGY": "MULTI_RECORD",
    "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "1",
}
FULL = {f"OWN_{number:02}": "x" * 1000 for number in range(30)}  # C-09: 32 KB in all, 1,024 bytes each
# C-11: values of 10,240 bytes, twelve of them: with batch transform's own four that is all a job may set
TRANSFORM = {f"TRANSFORM_{number:02}": "x" * 10_000 for number in range(12)}
BOUND = {"SAGEMAKER_BIND_TO_PORT": str(PORT), "SAGEMAKER_SAFE_PORT_RANGE": f"{SAFE[0]}-{SAFE[1]}"}


@dataclass(frozen=True)
class Twist:
    id: str
    title: str
    changes: Mapping[str, Any]
    broken: Callable[[str], Seen]
    said: str
    port: int = limits.PORT


TWISTS = (
    Twist("C-09", "a full environment", {"environment": FULL}, failed, "30 variables of 1,000 bytes are borne"),
    Twist("T-15", "serves without a network", {"isolated": True}, warned, "it needs no network to start"),
    Twist("C-11", "a transform job's variables", {"environment": TRANSFORM}, failed, "12 of 10,000 bytes are borne"),
    Twist("B-01", "batch transform's variables", {"environment": BATCH}, failed, "it starts for batch transform"),
    Twist(
        "S-05",
        "another user, only /tmp written",
        {"user": OTHER_USER, "read_only": True, "environment": {"HOME": "/nonexistent"}},
        warned,
        "it serves as another user who can write /tmp only",
    ),
    Twist("S-06", "no /dev/shm", {"shared_memory": False}, warned, "it serves without /dev/shm and semaphores"),
    Twist("P-02", "another port", {"environment": BOUND}, failed, f"it listens on SAGEMAKER_BIND_TO_PORT={PORT}", PORT),
)


def further_ports(server: Server) -> Seen:
    ports = {one.port for one in server.container.listeners()} - {PORT}
    outside = sorted(port for port in ports if not SAFE[0] <= port <= SAFE[1])
    if outside:
        return failed(f"it also listens on {', '.join(map(str, outside))}, outside {SAFE[0]}-{SAFE[1]}")
    return passed("it listens on no other port" if not ports else f"its other ports are in {SAFE[0]}-{SAFE[1]}")


def largest(server: Server) -> Seen:
    """B-03: the most that a job may ask for, without Content-Length."""
    payload = server.payload
    block = payload.grown(1_000_000) if payload and payload.lines else None
    if payload is None or block is None:
        return skipped(f"give --payload with CSV or JSON lines: {MAX_PAYLOAD} MB are sent of its rows")
    named = {"Content-Type": payload.content_type}

    def sent(megabytes: int) -> Answer:
        return server.address.ask("POST", server.path, lambda: repeat(block, megabytes), named, PATIENCE)

    if (small := sent(1)).status != OK:
        return skipped(f"1 MB of its rows in chunks is answered {small}")
    answer = sent(MAX_PAYLOAD)
    if answer.is_late:
        return skipped(f"{MAX_PAYLOAD} MB in chunks are not refused within {PATIENCE:.0f} s, and were not awaited")
    if answer.status == OK:
        return passed(f"{MAX_PAYLOAD} MB in chunks in {answer.seconds:.1f} s, where MaxPayloadInMB allows it")
    return warned(f"where MaxPayloadInMB allows it, {MAX_PAYLOAD} MB in chunks are answered {answer}")


SAFE_PORTS = Check("P-03", "further ports in the safe range", further_ports)
LARGEST = Check("B-03", "a body as large as a job may ask for", largest)
THEN: Mapping[str, Check[Server]] = {"P-02": SAFE_PORTS, "B-01": LARGEST}  # asked of a server that was started so
CHECKS: Sequence[Check[Any]] = (*(Check(twist.id, twist.title, skipped) for twist in TWISTS), *THEN.values())


def judge(court: Court) -> Iterator[Verdict]:
    twists = [
        twist for twist in TWISTS if court.wanted(twist.id) or any(court.wanted(check.id) for check in _then([twist]))
    ]
    claimed = court.claims("accept-bind-to-port")
    if not claimed:
        for check in (Check("P-02", "another port", skipped), SAFE_PORTS):
            if court.wanted(check.id):
                yield check.say(skipped("the image's label does not claim accept-bind-to-port"))
        twists = [twist for twist in twists if twist.id != "P-02"]
    if not twists:
        return
    with ExitStack() as stack:
        server, why = _start(stack, court, _together(twists))
        if server:
            for twist in twists:
                yield _say(twist, _borne(court, twist))
            yield from run_all(_then(twists), server, court.wanted)
            return
    if len(twists) == 1:
        yield _say(twists[0], twists[0].broken(why))
        return
    with ThreadPoolExecutor(2) as pool:
        yield from (verdict for found in pool.map(lambda twist: _alone(court, twist), twists) for verdict in found)


def _alone(court: Court, twist: Twist) -> Sequence[Verdict]:
    with ExitStack() as stack:
        server, why = _start(stack, court, twist)
        if not server:
            return [_say(twist, twist.broken(why))]
        return [_say(twist, _borne(court, twist)), *run_all(_then([twist]), server, court.wanted)]


def _borne(court: Court, twist: Twist) -> Seen:
    if "isolated" not in twist.changes or court.engine.enters:
        return passed(twist.said)
    return passed(f"{twist.said}; {REACHES_HOST}")


def _then(twists: Sequence[Twist]) -> Sequence[Check[Server]]:
    return [THEN[twist.id] for twist in twists if twist.id in THEN]


def _say(twist: Twist, seen: Seen) -> Verdict:
    return Check(twist.id, twist.title, lambda _: seen).say(seen)


def _together(twists: Sequence[Twist]) -> Twist:
    changes: dict[str, Any] = {}
    for twist in twists:
        environment = {**changes.get("environment", {}), **twist.changes.get("environment", {})}
        changes = {**changes, **twist.changes, "environment": environment}
    return replace(twists[-1], changes=changes, port=max(twist.port for twist in twists))


def _start(stack: ExitStack, court: Court, twist: Twist) -> tuple[Server | None, str]:
    """A server that answers the payload; or none, and why."""
    try:
        server = stack.enter_context(serving(court, court.serve(**twist.changes), twist.port))
    except NotStarted as error:
        return None, str(error)
    if server.readiness.redirected:
        return server, ""
    if not server.readiness.ready:
        return None, str(server.readiness)
    if server.payload:
        answer = server.invoke()
        if answer.status != OK:
            return None, f"/ping was 200, but the payload is answered {answer}: {json.dumps(answer.text[:100])}"
    return server, ""
