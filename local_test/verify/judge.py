"""Judge an image: which containers are started, in which order, and what is asked of each.

A training job and a server come first: the artifact and the answers of these two are what all else is compared with.
What does not mind company runs beside each other; what is timed under load runs by itself, at the end.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from local_test.verify.checks import (
    batch,
    bodies,
    channels,
    credentials,
    elsewhere,
    hosting,
    hosts,
    image,
    load,
    loading,
    models,
    plain,
    sql,
    stopping,
    streams,
    twists,
)
from local_test.verify.checks import training as jobs
from local_test.verify.checks.check import Check, run_all, skip_all
from local_test.verify.probe import Engine, NotStarted
from local_test.verify.server import FIRST, OK, Server, at_once, serving
from local_test.verify.subject import Court, Subject, unpack
from local_test.verify.verdict import Judgement, Status, Verdict, failed, passed, skipped
from tiffin import limits

Progress = Callable[[Verdict], None]
Scene = Callable[[], Iterator[Verdict]]
BESIDE = 2  # scenes at a time, beside the server's own checks
SPOILT = 15.0  # seconds that a start with a spoilt model is watched beyond what a good start takes
AGAIN = 5.0  # seconds that a second start is given beyond what the first took to fail
UNLOADED = 15.0  # seconds in which a server that was not ready after all may become so
NOT_FOUND = "executable file not found"
ON_PATH = Check("C-02", "`serve` on PATH, or an ENTRYPOINT", skipped)
TRAIN_ON_PATH = Check("C-02", "`train` on PATH, or an ENTRYPOINT", skipped)
READ_ONLY = Check("H-19", "a read-only model directory", skipped)
STARTS, PORT, PING, IN_TIME = hosting.READY[:4]
TRAINED: Sequence[Sequence[Check[Any]]] = (plain.PLAIN, jobs.OTHERS, channels.CHECKS, hosts.CHECKS, twists.TWISTED)
ASKED: Sequence[Sequence[Check[Any]]] = (
    hosting.READY,
    streams.CHECKS,
    hosting.INVOKED,
    bodies.CHECKS,
    batch.CHECKS,
    sql.CHECKS,
    load.CHECKS,
)
OF_THEIR_OWN: Sequence[Sequence[Check[Any]]] = (stopping.CHECKS, loading.CHECKS, elsewhere.CHECKS, models.ALL)


@dataclass(frozen=True)
class Opened:
    """The server that most checks ask, or none; the court, changed where the start taught something; the verdicts."""

    court: Court
    server: Server | None
    verdicts: Sequence[Verdict]


def judge(subject: Subject, progress: Progress, only: Sequence[str] = ()) -> Judgement:
    """Raises EngineError and SubjectError. `only`: contract ids; empty means all."""
    start = time.monotonic()
    verdicts: list[Verdict] = []

    def take(verdict: Verdict) -> None:
        if not only or verdict.id in only:
            verdicts.append(verdict)
            progress(verdict)

    engine = Engine(subject.image)
    folder = Path(tempfile.mkdtemp(prefix="verify-"))
    try:
        empty = folder / "no-model"
        empty.mkdir()
        given = unpack(subject.model, folder / "given") if subject.model else empty
        court = Court(subject, engine, folder, given, lambda identity: not only or identity in only)
        with engine.answering():
            for verdict in _all(court, take):
                take(verdict)
    finally:
        engine.close()
        shutil.rmtree(folder, ignore_errors=True)
    return Judgement(subject.image, tuple(verdicts), time.monotonic() - start)


def _all(court: Court, take: Progress) -> Iterator[Verdict]:
    if _wanted(court, image.CHECKS):
        yield from run_all(image.CHECKS, image.Image.of(court), court.wanted)
    serves = _wanted(court, *ASKED, [ON_PATH, READ_ONLY], *OF_THEIR_OWN)
    base = None
    if _wanted(court, *TRAINED) or (serves and not court.subject.model):
        court, base, verdicts = _train(court)
        yield from verdicts
    if not serves:
        yield from credentials.judge(court)
        if base:
            yield from jobs.judge(court, base)
        return
    with ExitStack() as stack:
        opened = _open(stack, court)
        yield from opened.verdicts
        with ThreadPoolExecutor(BESIDE) as pool:
            waiting = [pool.submit(_drain, scene, take) for scene in _beside(opened, base)]
            if opened.server:
                yield from _ask(opened.server, lambda: [future.result() for future in waiting])
            for future in waiting:
                future.result()


def _wanted(court: Court, *tables: Sequence[Check[Any]]) -> bool:
    return any(court.wanted(check.id) for checks in tables for check in checks)


def _drain(scene: Scene, take: Progress) -> None:
    for verdict in scene():
        take(verdict)


def _train(court: Court) -> tuple[Court, plain.Plain | None, list[Verdict]]:
    """The plain job; its artifact serves where the user gave none."""
    if not court.subject.channels:
        everything = [check for checks in TRAINED for check in checks]
        return court, None, list(skip_all(everything, "give --channel NAME=PATH", court.wanted))
    try:
        base = plain.plain(court)
    except NotStarted as error:
        check = TRAIN_ON_PATH if NOT_FOUND in str(error) else plain.PLAIN[0]
        others: Sequence[Check[Any]] = (
            *plain.PLAIN[1:],
            *jobs.OTHERS,
            *channels.CHECKS,
            *hosts.CHECKS,
            *twists.TWISTED,
        )
        skips = skip_all(others, f"`train` does not start ({check.id})", court.wanted)
        return court, None, [check.say(failed(f"`docker run IMAGE train`: {error}")), *skips]
    verdicts = [TRAIN_ON_PATH.say(passed("`train` is found"))]
    for check in plain.PLAIN:
        if check.id in plain.OF_AN_END and base.ended.code:
            verdicts.append(check.say(skipped("the job failed (C-01)")))
        elif check.id == "T-01" and not base.ended.good:
            verdicts.append(check.say(skipped("the job failed, with numbers too (C-01)")))
        else:
            verdicts.append(check.run(base))
    if base.ended.good and not court.subject.model:
        court = replace(court, model=base.ended.base / "model")
    return court, base, verdicts


def _open(stack: ExitStack, court: Court) -> Opened:
    try:
        server = stack.enter_context(serving(court, court.serve()))
    except NotStarted as error:
        check = ON_PATH if NOT_FOUND in str(error) else STARTS
        return _closed(court, [check.say(failed(f"`docker run IMAGE serve`: {error}"))])
    verdicts = [ON_PATH.say(passed("`serve` is found"))]
    if not server.readiness.ready and not server.readiness.redirected:
        said = str(server.readiness)
        if elsewhere_listening := _listens_elsewhere(server):
            return _closed(court, [*verdicts, PORT.say(failed(elsewhere_listening))])
        court = _writable(court)
        server = stack.enter_context(serving(court, court.serve(), window=_again(server)))
        if not server.readiness.ready:
            return _closed(court, [*verdicts, IN_TIME.say(failed(said))])
        verdicts.append(READ_ONLY.say(failed(f"with a model directory that cannot be written: {said}")))
    else:
        verdicts.append(READ_ONLY.say(passed("it starts with a model directory that cannot be written")))
    return Opened(court, _asked_at_once(server), verdicts)


def _closed(court: Court, verdicts: list[Verdict]) -> Opened:
    """No server: all that would be asked of it is not applicable."""
    told = {verdict.id for verdict in verdicts}
    everything = [check for checks in ([READ_ONLY], *ASKED) for check in checks if check.id not in told]
    first = verdicts[-1].id
    return Opened(
        court, None, [*verdicts, *skip_all(everything, f"the server cannot be asked ({first})", court.wanted)]
    )


def _listens_elsewhere(server: Server) -> str:
    """Where it listens, if it runs and not where the platform asks; empty otherwise."""
    if server.readiness.exit_code is not None or server.readiness.ping.status:
        return ""
    found = server.container.listeners()
    if any(one.port == limits.PORT and not one.is_loopback for one in found):
        return ""
    text = ", ".join(sorted(f"{one.address}:{one.port}" for one in found)) or "no port at all"
    return f"nothing answers on 0.0.0.0:{limits.PORT}; after {server.readiness.seconds:.0f} s it listens on {text}"


def _writable(court: Court) -> Court:
    copy = court.folder / "writable"
    shutil.copytree(court.model, copy)
    return replace(court, model=copy, writable_model=True)


def _again(server: Server) -> float:
    """A second start is given what the first took to fail, with room, and no whole window again."""
    return min(server.court.subject.start_window, server.readiness.seconds + AGAIN)


def _asked_at_once(server: Server) -> Server:
    if server.payload is None:
        return server
    first = at_once(FIRST, server.invoke)
    usual = server.invoke()
    deadline = time.monotonic() + UNLOADED
    while (usual.status == 0 or usual.status >= bodies.ERROR) and time.monotonic() < deadline:
        if server.container.exit_code() is not None:
            break
        time.sleep(0.5)
        usual = server.invoke()
    return replace(server, first=first, usual=usual)


def _ask(server: Server, when_calm: Callable[[], object]) -> Iterator[Verdict]:
    """Until it gives no sign of life any more: what is asked then would say nothing of the check that asks."""
    wanted = server.court.wanted
    invoked: Sequence[Check[Server]] = (*hosting.INVOKED, *batch.CHECKS, *bodies.CHECKS)
    if server.payload is None:
        why_not = "give --payload FILE"
    else:
        why_not = "" if server.usual.status == OK else "the payload itself is not answered 200 (H-09)"
    always = {"H-06", "H-09"} if server.payload else set()
    first: Sequence[Check[Server]] = (*hosting.READY, *streams.CHECKS)
    for check in (*first, *invoked, *sql.CHECKS):
        if not wanted(check.id):
            continue
        reason = "" if check in first or check.id in always else why_not
        if check in sql.CHECKS:
            reason = reason or sql.why_not(server)
        verdict = check.say(skipped(reason)) if reason else check.run(server)
        yield verdict
        if verdict.status is Status.FAIL and not reason and not why_not and server.ping().status == 0:
            why_not = f"it answered nothing any more after {check.id}"
    if why_not or server.ping().status == 0:
        yield from skip_all(load.CHECKS, why_not or "it answers nothing any more", wanted)
    elif _wanted(server.court, load.CHECKS):
        when_calm()
        yield from run_all(load.CHECKS, load.busy(server), wanted)


def _beside(opened: Opened, base: plain.Plain | None) -> Sequence[Scene]:
    """The scenes with containers of their own, the longest first."""
    court = opened.court
    scenes: list[Scene] = []

    def add(identities: Sequence[str], scene: Scene) -> None:
        if any(court.wanted(identity) for identity in identities):
            scenes.append(scene)

    add(["C-15"], lambda: credentials.judge(court))
    if base:
        add([check.id for checks in TRAINED[1:] for check in checks], lambda: jobs.judge(court, base))
    if opened.server:
        window = 3 * opened.server.readiness.seconds + SPOILT
        add(["H-18"], lambda: stopping.judge(court))
        add(["H-06", "B-11"], lambda: loading.judge(court, window))
        add([*(twist.id for twist in elsewhere.TWISTS), "P-03"], lambda: elsewhere.judge(court))
        add([check.id for check in models.ALL], lambda: models.judge(court))
    else:
        everything = [check for checks in OF_THEIR_OWN for check in checks]
        scenes.append(lambda: skip_all(everything, "the server cannot be asked", court.wanted))
    return scenes


def checked() -> frozenset[str]:
    """The lines of the contract that some check is about."""
    tables: Sequence[Sequence[Check[Any]]] = (
        image.CHECKS,
        credentials.CHECKS,
        [ON_PATH, READ_ONLY],
        *TRAINED,
        *ASKED,
        *OF_THEIR_OWN,
    )
    return frozenset(check.id for checks in tables for check in checks)
