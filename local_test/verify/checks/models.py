"""Multi-model endpoints (section 4): the API by which the platform loads and unloads."""

import json
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from local_test.verify.checks import memory, neighbours
from local_test.verify.checks.check import Check, run_all, skip_all
from local_test.verify.checks.memory import MEASURABLE
from local_test.verify.models import ROOT, Models, document, said
from local_test.verify.probe import Mount, NotStarted
from local_test.verify.server import OK, serving
from local_test.verify.subject import Court
from local_test.verify.verdict import Seen, Verdict, failed, passed, skipped
from local_test.verify.wire import Answer

# Opaque, as the platform's own are (M-07).
NAMES = ("4b825dc642cb6eb9a060e54bf8d69288", "fbee4904f3b8d3ac7d1f5e0a0cfa7d25", "9daeafb9864cf43055ae93beb0afd6c7")
NEVER = "00000000000000000000000000000000"
NO_PAYLOAD = "give --payload FILE"
NOT_FOUND, CONFLICT, MULTIPLE = 404, 409, 300
SETTLE = 1.0  # seconds in which the kernel's count comes down
CYCLES = 3
STRANGE = ("lunch box", "../../../etc/passwd", f"../models/{NAMES[0]}", "menü", "a%2Fb", ".hidden")
PAGES = 20  # of a list of three: more of them have no end


def starts_empty(models: Models) -> Seen:
    return passed(f"SAGEMAKER_MULTI_MODEL=true: {models.server.readiness} without a model")


def lists(models: Models) -> Seen:
    empty = models.list()
    if empty.status != OK or document(empty).get("models") != []:
        return failed(f"GET /models without a model is {said(empty)}, not {{'models': []}}")
    for name in NAMES:
        models.load(name)
    try:
        listed = models.list()
        found = [str(one.get("modelName")) for one in document(listed).get("models", [])]
        page, pages = listed, 1
        while (token := document(page).get("nextPageToken")) and pages < PAGES:
            page, pages = models.list(str(token)), pages + 1
            found += [str(one.get("modelName")) for one in document(page).get("models", [])]
    finally:
        for name in NAMES:
            models.unload(name)
    if sorted(found) != sorted(NAMES):
        over = f", and over {pages} pages has {len(found)} names" if pages > 1 else ""
        return failed(f"GET /models with three models is {said(listed)}{over}")
    return passed(f"GET /models lists what is loaded, on {pages} page(s)")


def loads(models: Models) -> Seen:
    first = models.load(NAMES[0])
    if not OK <= first.status < MULTIPLE:
        return failed(f"POST /models is {said(first)}")
    again = models.load(NAMES[0])
    if again.status != CONFLICT:
        return failed(f"POST /models of a loaded model is {said(again)}, not 409")
    missing = models.load(NEVER)
    if not missing.status or missing.status < MULTIPLE:
        return failed(f"POST /models of files that are not there is {said(missing)}")
    return passed(f"a load is {first} in {first.seconds:.2f} s, the same again 409, files that are not there {missing}")


def describes(models: Models) -> Seen:
    known, unknown = models.describe(NAMES[0]), models.describe(NEVER)
    described = document(known)
    if isinstance(found := _first(known), dict):
        described = found  # multi-model-server answers a list of one
    if known.status != OK or "modelName" not in described:
        return failed(f"GET /models/NAME is {said(known)}")
    if unknown.status != NOT_FOUND:
        return failed(f"GET /models/NAME of one that is not loaded is {said(unknown)}, not 404")
    return passed("GET /models/NAME describes it, or is 404")


def _first(answer: Answer) -> object:
    try:
        found = json.loads(answer.body)
    except ValueError:
        return None
    return found[0] if isinstance(found, list) and found else None


def invokes(models: Models) -> Seen:
    if models.server.payload is None:
        return skipped(NO_PAYLOAD)
    known, unknown = models.invoke(NAMES[0]), models.invoke(NEVER)
    if known.status != OK:
        return failed(f"POST /models/NAME/invoke is {said(known)}")
    if unknown.status != NOT_FOUND:
        return failed(f"POST /models/NAME/invoke of one that is not loaded is {said(unknown)}, not 404")
    return passed(f"POST /models/NAME/invoke is 200: {known.text[:30].strip()!r}; 404 where it is not loaded")


def opaque(models: Models) -> Seen:
    """M-07: a name is looked up as it is; none of these is loaded, and none is a path."""
    for name in STRANGE:
        quoted = quote(name, safe="")
        for what, answer in (("GET", models.describe(quoted)), ("DELETE", models.unload(quoted))):
            if answer.status != NOT_FOUND:
                return failed(f"{what} /models/{quoted}, which is not loaded, is {said(answer)}, not 404")
    return passed(f"{len(STRANGE)} names with spaces, slashes, dots and letters beyond ASCII are 404 like others")


def depends_on_none(models: Models) -> Seen:
    models.load(NEVER)
    ping = models.server.ping()
    return passed("/ping is 200 after a load that failed") if ping.status == OK else failed(f"/ping is {ping}")


def unloads(models: Models) -> Seen:
    models.load(NAMES[0])
    gone = models.unload(NAMES[0])
    if not OK <= gone.status < MULTIPLE:
        return failed(f"DELETE /models/NAME is {said(gone)}")
    if (after := models.describe(NAMES[0])).status != NOT_FOUND:
        return failed(f"after DELETE, GET /models/NAME is {said(after)}, not 404")
    if (again := models.unload(NAMES[0])).status != NOT_FOUND:
        return failed(f"DELETE of one that is not loaded is {said(again)}, not 404")
    before = models.server.container.memory()
    for name in NAMES:
        models.load(name)
        if models.server.payload:
            models.invoke(name)
    full = models.server.container.memory()
    for name in NAMES:
        models.unload(name)
    after_all = _settled(models, before)
    took, kept = full - before, after_all - before
    if took < MEASURABLE:
        return passed(f"DELETE is {gone}; three models take {took / 1e6:.0f} MB: too little to tell what comes back")
    if kept > took / 2:
        return failed(f"three models took {took / 1e6:.0f} MB, and {kept / 1e6:.0f} MB of it were kept after DELETE")
    return passed(f"three models took {took / 1e6:.0f} MB; {max(0, kept) / 1e6:.0f} MB of it were kept after DELETE")


def _settled(models: Models, wanted: int) -> int:
    deadline = time.monotonic() + SETTLE
    while (now := models.server.container.memory()) > wanted + MEASURABLE // 4 and time.monotonic() < deadline:
        time.sleep(0.1)
    return now


def cycles(models: Models) -> Seen:
    """With the model cache disabled every invocation is a load and an unload."""
    models.load(NAMES[0])
    models.unload(NAMES[0])
    before = _settled(models, 0)
    start = time.monotonic()
    for _ in range(CYCLES):
        loaded, gone = models.load(NAMES[0]), models.unload(NAMES[0])
        if not (OK <= loaded.status < MULTIPLE and OK <= gone.status < MULTIPLE):
            return failed(f"load and unload again and again: {said(loaded)}, then {said(gone)}")
    each = (time.monotonic() - start) / CYCLES
    grown = (_settled(models, before) - before) / CYCLES
    if grown > MEASURABLE:
        return failed(f"each load and unload leaves {grown / 1e6:.0f} MB")
    return passed(f"a load and unload takes {each:.2f} s, and leaves {max(0.0, grown) / 1e6:.1f} MB")


CHECKS = (
    Check("M-01", "starts without a model", starts_empty),
    Check("M-03", "lists the models", lists),
    Check("M-02", "loads a model", loads),
    Check("M-04", "describes a model", describes),
    Check("M-06", "invokes a model", invokes),
    Check("M-07", "strange names", opaque),
    Check("M-09", "/ping depends on no model", depends_on_none),
    Check("M-05", "unloads, and gives memory back", unloads),
    Check("M-10", "loads and unloads again and again", cycles),
)
APART: Check[Models] = Check("M-13", "modules of two models", neighbours.apart)
ALL: Sequence[Check[Any]] = (*CHECKS, *memory.CHECKS, APART)


def judge(court: Court) -> Iterator[Verdict]:
    if not court.claims("multi-models"):
        yield from skip_all(ALL, "the image's label does not claim multi-models", court.wanted)
        return
    if not any(court.wanted(check.id) for check in ALL):
        return
    if not any(court.model.iterdir()):
        yield from skip_all(ALL, "there is no artifact: give --model, or --channel to train one", court.wanted)
        return
    shelf = court.workspace("models")
    for name in (*NAMES, *memory.names()):
        (shelf / name).mkdir()
        _link(court.model, shelf / name / "model")
    neighbours.lay_out(shelf)
    start = court.serve(mounts=(Mount(shelf, ROOT),), environment={"SAGEMAKER_MULTI_MODEL": "true"})
    try:
        with serving(court, start) as server:
            if not server.readiness.ready:
                if court.wanted("M-01"):
                    yield CHECKS[0].say(failed(str(server.readiness)))
                yield from skip_all(ALL[1:], "it does not start among many models (M-01)", court.wanted)
                return
            models = Models(server, server.container.memory())
            yield from run_all((*CHECKS, APART), models, court.wanted)
            costs = _costs(models) if any(court.wanted(check.id) for check in memory.CHECKS) else None
        if costs is None:
            return
        if costs[1] < memory.LEAST:  # what was freed before may have been kept to be used again
            with serving(court, start) as server:
                costs = _costs(Models(server, 0)) if server.readiness.ready else costs
        yield from memory.judge(court, shelf, *costs)
    except NotStarted as error:
        yield from skip_all(ALL, f"not started: {error}", court.wanted)


def _costs(models: Models) -> tuple[int, int]:
    """Bytes: without a model, and of one."""
    models.unload(NAMES[0])
    before = _settled(models, models.idle)
    models.load(NAMES[0])
    if models.server.payload:
        models.invoke(NAMES[0])
    return before, models.server.container.memory() - before


def _link(source: Path, target: Path) -> None:
    shutil.copytree(source, target, copy_function=_hard_link)


def _hard_link(source: str, target: str) -> None:
    try:
        Path(target).hardlink_to(source)
    except OSError:
        shutil.copy(source, target)
