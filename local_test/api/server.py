"""The API on its port: what is started here is stopped here, on Ctrl-C, SIGTERM and SIGHUP alike.

Start: the journal is read back with nothing running, S3's objects are given to moto, then what should run is started
(`reconcile` of each part), then the port answers. Stop: no new connections, every job and endpoint stopped, the journal
closed.
"""

import fcntl
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from local_test import terminal
from local_test.api import buckets, enforced, hooks, inner, late, regions, room, runtime, training
from local_test.api.bridge import address
from local_test.api.command import PORT_FILE, NotHere
from local_test.api.control import ControlPlane
from local_test.api.front import Answer, Front, Handler, PortTaken, Request
from local_test.api.journal import Call, Journal, newest
from local_test.api.logs import LogFiles
from local_test.api.metrics import MetricFiles
from local_test.api.objects import Objects
from local_test.api.platform import Platform
from local_test.api.registry import Registry
from local_test.engine import docker_runner, process_runner
from local_test.engine.choose import engine

LOOPBACK = "127.0.0.1"
STOP = (
    10  # seconds for all that runs, at the end; what is left is killed by its owner's end and reaped at the next start
)

# Asked before the control plane, each None for what is not theirs; invocations come first: theirs is the hot path.
Route = Callable[[Platform, Request], Answer | None]
ROUTES: tuple[Route, ...] = (
    runtime.route,
    regions.unknown,
    buckets.expired,
    room.refusal,
    training.interruption,
)


def run(state: Path, port: int, use_docker: bool | None, *, fresh: bool = False) -> int:
    """Serve until a signal; raises NotHere with a sentence for the user."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    with serving(state, port, use_docker, fresh=fresh) as platform:
        terminal.say(f"AWS's API is at http://{LOOPBACK}:{platform.port} (Ctrl-C stops it); in another shell:")
        terminal.say(f"  eval $(python -m local_test env --state {state})")
        while not ended.wait(3600):
            pass
        terminal.say("stopping")
    return 0


@contextmanager
def serving(state: Path, port: int, use_docker: bool | None, *, fresh: bool = False) -> Iterator[Platform]:
    with ExitStack() as stack:
        stack.enter_context(_owned(state))
        if fresh:
            for part in state.iterdir():
                if part.name != LOCK:
                    shutil.rmtree(part) if part.is_dir() else part.unlink()
        journal = Journal(state / "journal.jsonl")
        stack.callback(journal.close)
        registry = Registry(state / "registry")
        stack.callback(registry.stop)
        objects, logs, metrics = Objects(state / "objects"), LogFiles(state / "logs"), MetricFiles(state / "metrics")
        platform = Platform(state, journal, objects, logs, metrics, registry, terminal.say, use_docker)
        try:
            enforced.here()
            hooks.install(platform)
        except (late.HookMoved, enforced.LimitError) as error:
            raise NotHere(str(error)) from None
        control = ControlPlane(
            journal.add, platform.objects.flush, lambda service: late.install(service, inner.client(control.inner))
        )
        platform.bridge = address() if use_docker is not False else None
        addresses = [LOOPBACK] + ([platform.bridge] if platform.bridge else [])
        try:
            front = Front(addresses, port, _handler(platform, control))
        except PortTaken as error:
            raise NotHere(str(error)) from None
        stack.callback(front.stop)
        platform.port = front.port
        os.environ["MOTO_PORT"] = str(front.port)  # where moto tells its Lambda containers to call
        for gone in _reaped(use_docker):
            platform.say(f"ended what an earlier start left running: {gone}")
        shutil.rmtree(platform.work)  # trees of what a kill has ended
        registry.resume()
        read_back(platform, control)
        for reconcile in hooks.RECONCILE:
            reconcile()
        front.start()
        stack.callback(_stop, platform)
        stack.callback(front.stop)
        (state / PORT_FILE).write_text(f"{front.port}\n", encoding="utf-8")
        stack.callback((state / PORT_FILE).unlink)
        yield platform


def read_back(platform: Platform, control: ControlPlane) -> None:
    """The journal's calls and facts in their order, then S3's objects; said in a line where there was anything."""
    entries, broken = platform.journal.read()
    kept = list(newest(entries))
    platform.replaying = True
    refused = 0
    for entry in kept:
        if isinstance(entry, Call):
            refused += control.replay(entry).status >= 300  # noqa: PLR2004
        else:
            hooks.FACTS.get(entry.kind, _unknown)(entry.key, entry.value)
    loaded, lost = platform.objects.load()
    platform.logs.load()
    platform.metrics.load()
    platform.replaying = False
    platform.journal.rewrite(iter(kept))
    if entries or loaded:
        calls = sum(isinstance(entry, Call) for entry in kept)
        platform.say(f"back from {platform.state}: {calls} calls, {loaded} objects")
    for count, what in (
        (broken, "lines of the journal could not be read and are left out"),
        (refused, "calls of the journal were not accepted again"),
        (lost, "objects have no bucket, or not all their bytes, and are left out"),
    ):
        if count:
            platform.say(f"warning: {count} {what}")


def _handler(platform: Platform, control: ControlPlane) -> Handler:
    def handle(request: Request) -> Answer:
        for route in ROUTES:
            if (answer := route(platform, request)) is not None:
                return answer
        return control.answer(request)

    return handle


def _unknown(_key: str, _value: Any) -> None:
    """Of another version of Tiffin."""


def _reaped(use_docker: bool | None) -> list[str]:
    gone = process_runner.reap()
    client = engine()[0] if use_docker is not False else None
    return gone + (docker_runner.reap(client) if client is not None else [])


def _stop(platform: Platform) -> None:
    left = platform.works.stop_all(STOP)
    for name in left:
        platform.say(f"warning: {name} did not stop within {STOP} s")


LOCK = "lock"


@contextmanager
def _owned(state: Path) -> Iterator[None]:
    state.mkdir(parents=True, exist_ok=True)
    with (state / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotHere(f"another `up` works in {state}; stop it, or choose another --state") from None
        yield
