"""Multi-model endpoints (section 4): the API by which the platform loads and unloads."""

import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_test.verify.checks.check import Check, run_all, skip_all
from local_test.verify.probe import Mount, NotStarted
from local_test.verify.server import OK, Server, serving
from local_test.verify.subject import Court
from local_test.verify.verdict import Seen, Verdict, failed, passed, skipped, warned
from local_test.verify.wire import Answer

# Opaque, as the platform's own are (M-07).
NAMES = ("4b825dc642cb6eb9a060e54bf8d69288", "fbee4904f3b8d3ac7d1f5e0a0cfa7d25", "9daeafb9864cf43055ae93beb0afd6c7")
NEVER = "00000000000000000000000000000000"
ROOT = "/opt/ml/models"
NOT_FOUND, CONFLICT, MULTIPLE, NO_ROOM = 404, 409, 300, 507
MEASURABLE = 8 * 1024 * 1024  # bytes that the models take together
SETTLE = 1.0  # seconds in which the kernel's count comes down
CYCLES = 3
ROOM = 2.5  # models that the tight container has memory for
SLACK = 1.25  # of what it takes without a model
UP_TO = 12  # models that are loaded into it


@dataclass(frozen=True)
class Models:
    server: Server
    idle: int  # bytes, before the first load

    def load(self, name: str, folder: str | None = None) -> Answer:
        document = {"model_name": name, "url": f"{ROOT}/{folder or name}/model"}
        return self._ask("POST", "/models", json.dumps(document).encode())

    def unload(self, name: str) -> Answer:
        return self._ask("DELETE", f"/models/{name}")

    def describe(self, name: str) -> Answer:
        return self._ask("GET", f"/models/{name}")

    def list(self) -> Answer:
        return self._ask("GET", "/models")

    def invoke(self, name: str) -> Answer:
        payload = self.server.payload
        assert payload is not None  # noqa: S101
        headers = {"Content-Type": payload.content_type, "X-Amzn-SageMaker-Target-Model": f"{name}.tar.gz"}
        return self.server.address.ask("POST", f"/models/{name}/invoke", payload.body, headers)

    def _ask(self, method: str, path: str, body: bytes | None = None) -> Answer:
        return self.server.address.ask(method, path, body, {"Content-Type": "application/json"} if body else {})


def _document(answer: Answer) -> Mapping[str, Any]:
    try:
        found = json.loads(answer.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _said(answer: Answer) -> str:
    return f"{answer}: {answer.text[:80].strip()!r}"


def starts_empty(models: Models) -> Seen:
    return passed(f"SAGEMAKER_MULTI_MODEL=true: {models.server.readiness} without a model")


def lists(models: Models) -> Seen:
    empty = models.list()
    if empty.status != OK or _document(empty).get("models") != []:
        return failed(f"GET /models without a model is {_said(empty)}, not {{'models': []}}")
    for name in NAMES:
        models.load(name)
    try:
        listed = models.list()
        found = {str(one.get("modelName")) for one in _document(listed).get("models", [])}
    finally:
        for name in NAMES:
            models.unload(name)
    if found != set(NAMES):
        return failed(f"GET /models with three models is {_said(listed)}")
    return passed("GET /models lists what is loaded")


def loads(models: Models) -> Seen:
    first = models.load(NAMES[0])
    if not OK <= first.status < MULTIPLE:
        return failed(f"POST /models is {_said(first)}")
    again = models.load(NAMES[0])
    if again.status != CONFLICT:
        return failed(f"POST /models of a loaded model is {_said(again)}, not 409")
    missing = models.load(NEVER)
    if not missing.status or missing.status < MULTIPLE:
        return failed(f"POST /models of files that are not there is {_said(missing)}")
    return passed(f"a load is {first} in {first.seconds:.2f} s, the same again 409, files that are not there {missing}")


def describes(models: Models) -> Seen:
    known, unknown = models.describe(NAMES[0]), models.describe(NEVER)
    document = _document(known)
    if isinstance(found := _first(known), dict):
        document = found  # multi-model-server answers a list of one
    if known.status != OK or "modelName" not in document:
        return failed(f"GET /models/NAME is {_said(known)}")
    if unknown.status != NOT_FOUND:
        return failed(f"GET /models/NAME of one that is not loaded is {_said(unknown)}, not 404")
    return passed("GET /models/NAME describes it, or is 404")


def _first(answer: Answer) -> object:
    try:
        found = json.loads(answer.body)
    except ValueError:
        return None
    return found[0] if isinstance(found, list) and found else None


def invokes(models: Models) -> Seen:
    if models.server.payload is None:
        return skipped("give --payload FILE")
    known, unknown = models.invoke(NAMES[0]), models.invoke(NEVER)
    if known.status != OK:
        return failed(f"POST /models/NAME/invoke is {_said(known)}")
    if unknown.status != NOT_FOUND:
        return failed(f"POST /models/NAME/invoke of one that is not loaded is {_said(unknown)}, not 404")
    return passed(f"POST /models/NAME/invoke is 200: {known.text[:30].strip()!r}; 404 where it is not loaded")


def depends_on_none(models: Models) -> Seen:
    ping = models.server.ping()
    return passed("/ping is 200 after a load that failed") if ping.status == OK else failed(f"/ping is {ping}")


def unloads(models: Models) -> Seen:
    models.load(NAMES[0])
    gone = models.unload(NAMES[0])
    if not OK <= gone.status < MULTIPLE:
        return failed(f"DELETE /models/NAME is {_said(gone)}")
    if (after := models.describe(NAMES[0])).status != NOT_FOUND:
        return failed(f"after DELETE, GET /models/NAME is {_said(after)}, not 404")
    if (again := models.unload(NAMES[0])).status != NOT_FOUND:
        return failed(f"DELETE of one that is not loaded is {_said(again)}, not 404")
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
            return failed(f"load and unload again and again: {_said(loaded)}, then {_said(gone)}")
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
    Check("M-09", "/ping depends on no model", depends_on_none),
    Check("M-05", "unloads, and gives memory back", unloads),
    Check("M-10", "loads and unloads again and again", cycles),
)
NO_ROOM_CHECK: Check[Any] = Check("M-02", "507 without memory", skipped)


def judge(court: Court) -> Iterator[Verdict]:
    everything: Sequence[Check[Any]] = (*CHECKS, NO_ROOM_CHECK)
    if not court.claims("multi-models"):
        yield from skip_all(everything, "the image's label does not claim multi-models", court.wanted)
        return
    if not any(court.wanted(check.id) for check in everything):
        return
    if not any(court.model.iterdir()):
        yield from skip_all(everything, "there is no artifact: give --model, or --channel to train one", court.wanted)
        return
    shelf = court.workspace("models")
    for name in (*NAMES, *_more(UP_TO)):
        (shelf / name).mkdir()
        _link(court.model, shelf / name / "model")
    start = court.serve(mounts=(Mount(shelf, ROOT),), environment={"SAGEMAKER_MULTI_MODEL": "true"})
    try:
        with serving(court, start) as server:
            if not server.readiness.ready:
                if court.wanted("M-01"):
                    yield CHECKS[0].say(failed(str(server.readiness)))
                yield from skip_all(everything[1:], "it does not start among many models (M-01)", court.wanted)
                return
            models = Models(server, server.container.memory())
            yield from run_all(CHECKS, models, court.wanted)
            if not court.wanted("M-02"):
                return
            models.unload(NAMES[0])
            before = _settled(models, models.idle)
            models.load(NAMES[0])
            if models.server.payload:
                models.invoke(NAMES[0])
            each = server.container.memory() - before
        yield NO_ROOM_CHECK.say(_tight(court, shelf, before, each))
    except NotStarted as error:
        yield from skip_all(everything, f"not started: {error}", court.wanted)


def _tight(court: Court, shelf: Path, idle: int, each: int) -> Seen:
    """Models until the memory is full: a 507, and nobody dies of it."""
    if each < MEASURABLE / 4:
        return skipped(f"a model takes {max(0, each) / 1e6:.1f} MB: memory is not soon full of it")
    memory = int(idle * SLACK + ROOM * each)
    start = court.serve(mounts=(Mount(shelf, ROOT),), environment={"SAGEMAKER_MULTI_MODEL": "true"}, memory=memory)
    with serving(court, start) as server:
        if not server.readiness.ready:
            return skipped(f"it does not start in {memory / 1e6:.0f} MB, which hold {ROOM} models: {server.readiness}")
        models = Models(server, 0)
        for count, name in enumerate(_more(UP_TO)):
            answer = models.load(name)
            if answer.status == NO_ROOM:
                ping = server.ping()
                if ping.status != OK:
                    return failed(f"a load without memory is 507, and /ping {ping} then")
                return passed(f"in {memory / 1e6:.0f} MB, {count} models were loaded; the next is 507, and /ping 200")
            if not OK <= answer.status < MULTIPLE:
                dead = ", and the container is dead" if server.container.exit_code() is not None else ""
                return failed(f"in {memory / 1e6:.0f} MB, load {count + 1} is {_said(answer)}, not 507{dead}")
    return warned(f"{UP_TO} models were loaded into {memory / 1e6:.0f} MB, where {ROOM} have room, and none refused")


def _more(count: int) -> tuple[str, ...]:
    return tuple(f"{number:032x}" for number in range(1, count + 1))


def _link(source: Path, target: Path) -> None:
    shutil.copytree(source, target, copy_function=_hard_link)


def _hard_link(source: str, target: str) -> None:
    try:
        Path(target).hardlink_to(source)
    except OSError:
        shutil.copy(source, target)
