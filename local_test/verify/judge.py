"""Judge an image: which containers are started, in which order, and what is asked of each.

A training job and a server come first: the artifact and the answers of these two are what all else is compared with.
What does not mind company runs beside each other; what is timed under load runs by itself, at the end.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from local_test.engine.elsewhere import not_at, places
from local_test.verify import causes
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
from local_test.verify.server import FIRST, OK, Server, at_once, serving, tail
from local_test.verify.subject import Court, Subject, unpack
from local_test.verify.verdict import Judgement, Status, Verdict, failed, passed, skipped
from tiffin import limits

Progress = Callable[[Verdict], None]
Scene = Callable[[], Iterator[Verdict]]
BESIDE = 2  # scenes at a time, beside the server's own checks
SPOILT = 15.0  # seconds that a start with a spoilt model is watched beyond what a good start takes
AGAIN = 5.0  # seconds that a second start is given beyond what the first took to fail
UNLOADED = 15.0  # seconds in which a server that was not ready after all may become so
ON_PATH = Check("C-02", "`serve` on PATH, or an ENTRYPOINT", skipped)
TRAIN_ON_PATH = Check("C-02", "`train` on PATH, or an ENTRYPOINT", skipped)
READ_ONLY = Check("H-19", "a read-only model directory", skipped)
PLATFORM = Check("C-13", "for this processor", skipped)
STARTS, PORT, PING, IN_TIME = hosting.READY[:4]
UNTRAINED = "its model directory is empty, as the training job left no model: mend that first, or give --model"
SLOW_PING = "/ping has 2 s: load the model before listening, or answer 503 until it is there, and from another thread."
NO_MODEL = "Give the judge the artifact, --model DIR_OR_TAR, or --channel NAME=PATH to train one; then read the log."
INVOCATION = hosting.INVOKED[1]
ENDS_IT = "Read the log that is quoted: an invocation that fails is answered, and leaves the server as it was."
BEGUN: Mapping[str, Check[Any]] = {"C-01": STARTS, "C-02": ON_PATH, "C-13": PLATFORM}
TRAINED: Sequence[Sequence[Check[Any]]] = (plain.PLAIN, jobs.OTHERS, channels.CHECKS, hosts.CHECKS, twists.TWISTED)
ASKED: Sequence[Sequence[Check[Any]]] = (
    hosting.READY,
    streams.CHECKS,
    hosting.INVOKED,
    bodies.CHECKS,
    batch.CHECKS,
    sql.CHECKS,
    hosting.AFTER,
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
        said = tail(base.ended.log) if base.ended.code else ""
    except NotStarted as error:
        base, said = None, str(error)
    if base is None or causes.is_of_a_start(said):
        identity, seen = causes.not_started(court.engine, "train", said)
        check = {"C-02": TRAIN_ON_PATH, "C-13": PLATFORM}.get(identity, plain.PLAIN[0])
        others: Sequence[Check[Any]] = [
            *plain.PLAIN[1:],
            *jobs.OTHERS,
            *channels.CHECKS,
            *hosts.CHECKS,
            *twists.TWISTED,
        ]
        skips = skip_all(others, f"`train` does not start ({check.id})", court.wanted)
        return replace(court, without_model="" if court.subject.model else UNTRAINED), None, [check.say(seen), *skips]
    verdicts = [TRAIN_ON_PATH.say(passed("`train` is found"))]
    for check in plain.PLAIN:
        if check.id in plain.OF_AN_END and base.ended.code:
            verdicts.append(check.say(skipped("the job failed (C-01)")))
        elif check.id == "T-01" and not base.ended.good:
            verdicts.append(check.say(skipped("the job failed, with numbers too (C-01)")))
        else:
            verdicts.append(check.run(base))
    if not court.subject.model:
        left = {"model": base.ended.base / "model"} if base.ended.good else {"without_model": UNTRAINED}
        court = replace(court, **left)
    return court, base, verdicts


def _open(stack: ExitStack, court: Court) -> Opened:
    try:
        server = stack.enter_context(serving(court, court.serve()))
    except NotStarted as error:
        return _closed(court, [_not_started(court, str(error))])
    if server.readiness.exit_code is not None and causes.is_of_a_start(server.readiness.log):
        return _closed(court, [_not_started(court, server.readiness.log)])
    verdicts = [ON_PATH.say(passed("`serve` is found"))]
    if not server.readiness.ready and not server.readiness.redirected:
        said = str(server.readiness)
        if elsewhere_listening := _listens_elsewhere(server):
            return _closed(court, [*verdicts, PORT.say(failed(elsewhere_listening))])
        court = _writable(court)
        server = stack.enter_context(serving(court, court.serve(), window=_again(server)))
        if not server.readiness.ready:
            return _closed(court, [*verdicts, _never_ready(court, server, said)])
        verdicts.append(READ_ONLY.say(failed(f"with a model directory that cannot be written: {said}")))
    else:
        verdicts.append(READ_ONLY.say(passed("it starts with a model directory that cannot be written")))
    server = _asked_at_once(server)
    if server.payload and server.ping().status == 0 and (code := server.container.wait(1.0)) is not None:
        text = f"the first invocations end it, with exit code {code}; its log ends: {tail(server.container.log())}"
        return _closed(court, [*verdicts, INVOCATION.say(failed(text, ENDS_IT))])
    return Opened(court, server, verdicts)


def _never_ready(court: Court, server: Server, said: str) -> Verdict:
    if elsewhere_listening := _listens_elsewhere(server):  # this time it came so far
        return PORT.say(failed(elsewhere_listening))
    if court.without_model:
        return IN_TIME.say(skipped(f"{said}; {court.without_model}"))
    mend = causes.mend(server.readiness.log) or (SLOW_PING if server.readiness.ping.is_late else "")
    if server.readiness.exit_code is None and not server.container.listeners():
        said += "; it listens on no port yet"
    if not any(court.model.iterdir()):
        said, mend = f"with an empty /opt/ml/model {said}", mend or NO_MODEL
    return IN_TIME.say(failed(said, mend))


def _not_started(court: Court, said: str) -> Verdict:
    identity, seen = causes.not_started(court.engine, "serve", said)
    return BEGUN.get(identity, STARTS).say(seen)


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
    found = not_at(limits.PORT, server.container.listeners())
    if not found:
        return ""  # nowhere: it has not come so far (H-04)
    seconds = server.readiness.seconds
    return f"nothing answers on 0.0.0.0:{limits.PORT}; after {seconds:.0f} s it listens on {places(found)}"


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
    if why_not and server.court.without_model:
        why_not = f"the payload is answered {server.usual}; {server.court.without_model}"
    always = {"H-06", "H-09"} if server.payload and not server.court.without_model else set()
    first: Sequence[Check[Server]] = (*hosting.READY, *streams.CHECKS)
    for check in (*first, *invoked, *sql.CHECKS, *hosting.AFTER):
        if not wanted(check.id):
            continue
        reason = "" if check in first or check.id in always else why_not
        if check in sql.CHECKS:
            reason = reason or sql.why_not(server)
        verdict = check.say(skipped(reason)) if reason else check.run(server)
        yield verdict
        if verdict.status is Status.FAIL and not reason and not why_not and server.ping().status == 0:
            code = server.container.exit_code()
            ended = "" if code is None else f", and ended with exit code {code}"
            why_not = f"it answered nothing any more after {check.id}{ended}"
    if why_not or server.ping().status == 0:
        yield from skip_all(load.CHECKS, why_not or "it answers nothing any more", wanted)
    elif _wanted(server.court, load.CHECKS):
        when_calm()
        yield from run_all(load.CHECKS, load.measured(server), wanted)


def _beside(opened: Opened, base: plain.Plain | None) -> Sequence[Scene]:
    """The scenes with containers of their own, the longest first."""
    court = opened.court
    if opened.server and opened.server.usual.status != OK:  # what is wrong with the payload is said once (H-09)
        court = replace(court, subject=replace(court.subject, payload=None))
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
        add([check.id for check in elsewhere.CHECKS], lambda: elsewhere.judge(court))
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
