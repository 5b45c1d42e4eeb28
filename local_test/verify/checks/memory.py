"""Many models in a container that has memory for a few (M-02, M-15)."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from local_test.verify.checks.check import Check
from local_test.verify.models import ROOT, Models, said
from local_test.verify.probe import Mount
from local_test.verify.server import OK, Server, serving
from local_test.verify.subject import Court
from local_test.verify.verdict import Seen, Status, Verdict, failed, passed, skipped, warned

MEASURABLE = 8 * 1024 * 1024  # bytes that models take together
LEAST = MEASURABLE // 4  # of one, or memory is not soon full of them
ROOM = 2.5  # models that the tight container has memory for
SLACK = 1.25  # of what it takes without a model
UP_TO = 12  # models that are loaded into it
NOT_FOUND, MULTIPLE, NO_ROOM = 404, 300, 507


def _tight(court: Court, shelf: Path, idle: int, each: int) -> tuple[Seen, Seen]:
    """Models until the memory is full: a 507 (M-02), nobody dies of it, and all are still there (M-15)."""
    if each < LEAST:
        return (skipped(f"a model takes {max(0, each) / 1e6:.1f} MB: memory is not soon full of it"),) * 2
    memory = int(idle * SLACK + ROOM * each)
    start = court.serve(mounts=(Mount(shelf, ROOT),), environment={"SAGEMAKER_MULTI_MODEL": "true"}, memory=memory)
    with serving(court, start) as server:
        if not server.readiness.ready:
            text = f"it does not start in {memory / 1e6:.0f} MB, which hold {ROOM} models: {server.readiness}"
            return (skipped(text),) * 2
        return _filled(server, memory)


def _filled(server: Server, memory: int) -> tuple[Seen, Seen]:
    models = Models(server, 0)
    for count, name in enumerate(names()):
        answer = models.load(name)
        if answer.status == NO_ROOM:
            ping = server.ping()
            if ping.status != OK:
                return failed(f"a load without memory is 507, and /ping {ping} then"), skipped("see M-02")
            text = f"in {memory / 1e6:.0f} MB, {count} models were loaded; the next is 507, and /ping 200"
            return passed(text), _kept(models, names(count))
        if not OK <= answer.status < MULTIPLE:
            dead = ", and the container is dead" if server.container.exit_code() is not None else ""
            text = f"in {memory / 1e6:.0f} MB, load {count + 1} is {said(answer)}, not 507{dead}"
            return failed(text), skipped("see M-02")
    kept = _kept(models, names())
    if kept.status is Status.FAIL:
        return skipped("it makes room by itself (M-15)"), kept
    text = f"{UP_TO} models were loaded into {memory / 1e6:.0f} MB, where {ROOM} have room, and none refused"
    return warned(text), kept


def _kept(models: Models, loaded: Sequence[str]) -> Seen:
    gone = [name for name in loaded if models.describe(name).status == NOT_FOUND]
    if gone:
        return failed(f"{len(gone)} of {len(loaded)} models that were loaded are gone, and nobody unloaded them")
    return passed(f"all {len(loaded)} models are still loaded when memory is full")


def names(count: int = UP_TO) -> tuple[str, ...]:
    return tuple(f"{number:032x}" for number in range(1, count + 1))


def judge(court: Court, shelf: Path, idle: int, each: int) -> Iterator[Verdict]:
    """`idle`, `each`: bytes that the container takes without a model, and for one."""
    for check, seen in zip(CHECKS, _tight(court, shelf, idle, each), strict=True):
        if court.wanted(check.id):
            yield check.say(seen)


CHECKS: Sequence[Check[Any]] = (
    Check("M-02", "507 without memory", skipped),
    Check("M-15", "unloads nothing by itself", skipped),
)
