"""The keeper: one process, one thread, that owns the models' processes and knows the registry (M-02 … M-06).

Rules:
- It is forked before gunicorn starts, so that it outlives the front's processes; no user code, no blocking.
- A question is a connection of its own; its answer may come later, when a load or an unload is over.
- A name goes LOADING → READY → (RESTING → LOADING → …) → ENDING → gone. Of several loads one is at work, and the others
  hear 409 once it has succeeded or its own failure; a load that comes while the name is ENDING begins when
  that is over; an unload of a model that is LOADING ends the load.
- An unload is answered when the process, and what it started, is gone and waited for: its memory is free (M-05).
- While models load, the memory that is left is looked at again and again; before it is gone the newest load is killed,
  and answered 507 (M-02). A model that is loaded is never unloaded unasked (M-15).
- `lifeline` ends when the front has gone. Then all models are killed, the folder is removed, and the keeper ends.
"""

import gc
import logging
import os
import selectors
import shutil
import signal
import socket
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from serve.models import frames, process, registry
from serve.models.child import Child
from serve.models.faults import already_loaded, failure, fault, not_loaded
from serve.models.frames import Fields
from serve.models.registry import Artifact, Asker, Model, State
from serve.models.settings import ModelSettings
from tiffin import cgroup, limits
from tiffin.errors import BadPayload, NotReady, OutOfMemory, PublicError
from tiffin.settings import Settings
from tiffin.table import shortened

log = logging.getLogger(__name__)

_PROCESS = 8 * limits.MIB  # what a model's process takes before it has read anything
_RESERVE = 32 * limits.MIB  # a load is killed when less is left: a fast one takes some 10 MiB between two looks
_LOOK, _LOOK_CLOSELY = 0.02 * limits.SECONDS, 0.005 * limits.SECONDS
_STRAGGLER = 0.005 * limits.SECONDS
_LONGEST = 64 * 1024  # of a question, in bytes


def own_address(folder: Path) -> str:
    """The socket of the keeper."""
    return str(folder / "keeper")


def address_of(folder: Path, name: str) -> str:
    """The socket of a model: a name is opaque, and never a path (M-07)."""
    return str(folder / sha256(name.encode()).hexdigest()[:32])


class Keeper:
    def __init__(self, settings: Settings, folder: Path, listener: socket.socket, lifeline: socket.socket) -> None:
        self._settings, self._folder, self._listener, self._lifeline = settings, folder, listener, lifeline
        self._models: dict[str, Model] = {}
        self._askers: dict[Asker, bytes] = {}  # every open question, and what of it has come
        self._loads = self._unloads = self._deaths = 0
        self._child_ended = self._straggling = self._over = False
        left = cgroup.memory_left()
        self._reserve = _RESERVE if left is None else min(_RESERVE, left // 8)
        self._woken, self._waker = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._questions: dict[str, Callable[[Asker, Fields], None]] = {
            "load": self._load,
            "unload": self._unload,
            "get": self._get,
            "list": self._list,
            "wake": self._wake,
            "ended": self._ended,
            "kill": self._kill,
            "figures": self._figures,
        }

    def run(self) -> None:
        """Until the front has gone."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # H-18: requests in flight finish first; the lifeline tells the end
        for sock in (self._listener, self._woken, self._waker):
            sock.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waker.fileno())
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._woken, selectors.EVENT_READ, self._wakened)
        self._selector.register(self._lifeline, selectors.EVENT_READ, self._front_has_gone)
        gc.freeze()
        while not self._over:
            for key, _ in self._selector.select(self._patience()):
                if not self._over:
                    key.data(key.fileobj)
            self._look_after()
        self._end()

    # The loop's callbacks

    def _accept(self, listener: socket.socket) -> None:
        try:
            asker, _ = listener.accept()
        except OSError:  # who was there has gone
            return
        asker.setblocking(False)
        self._askers[asker] = b""
        self._selector.register(asker, selectors.EVENT_READ, self._question)

    def _question(self, asker: Asker) -> None:
        try:
            data = asker.recv(_LONGEST)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._askers[asker] += data
        try:
            asked = frames.decode(self._askers[asker])
        except ValueError:
            data, asked = b"", None
        if asked is None:
            if not data or len(self._askers[asker]) > _LONGEST:
                self._selector.unregister(asker)
                self._drop(asker)
            return
        self._selector.unregister(asker)
        self._put(asker, asked)

    def _put(self, asker: Asker, asked: Fields) -> None:
        try:
            self._questions[asked["ask"]](asker, asked)
        except PublicError as error:
            self._answer(asker, fault(error))

    def _answer(self, asker: Asker, fields: Fields) -> None:
        try:
            asker.send(frames.encode(fields))  # it fits: the socket's buffer is empty
        except OSError:  # who asked has gone
            log.debug("nobody waits for an answer any more")
        self._drop(asker)

    def _drop(self, asker: Asker) -> None:
        del self._askers[asker]
        asker.close()

    def _wakened(self, woken: socket.socket) -> None:
        woken.recv(4096)
        self._child_ended = True

    def _front_has_gone(self, lifeline: socket.socket) -> None:
        self._over = not lifeline.recv(1)

    # What has to be looked at again

    def _loading(self) -> list[Model]:
        """Oldest first."""
        return [m for m in self._models.values() if m.state is State.LOADING and m.child]

    def _patience(self) -> float | None:
        if self._straggling:
            return _STRAGGLER
        now = time.monotonic()
        times = [m.deadline - now for m in self._models.values() if m.state is State.ENDING]
        if any(m.state is State.LOADING for m in self._models.values()):
            left = cgroup.memory_left()
            times.append(_LOOK_CLOSELY if left is not None and left < 8 * self._reserve else _LOOK)
        soonest = min(times, default=float("inf"))
        return None if soonest == float("inf") else max(0.0, soonest)

    def _look_after(self) -> None:
        if loading := self._loading():
            left = cgroup.memory_left()
            newest = loading[-1].child
            if left is not None and left < self._reserve and newest is not None and not newest.reason:
                log.warning(
                    "model %s: killed while it loaded, %d MiB are left", shortened(loading[-1].name), left >> 20
                )
                newest.kill("memory")
        now = time.monotonic()
        for model in self._models.values():
            if model.state is State.ENDING and model.child and now > model.deadline:
                log.warning("model %s: killed, its last requests did not end", shortened(model.name))
                model.child.kill("unloaded")
                model.deadline = float("inf")
        if self._child_ended or self._straggling:
            self._child_ended = self._straggling = False
            for model in list(self._models.values()):
                self._look_at(model)

    def _look_at(self, model: Model) -> None:
        child = model.child
        if child is None:
            return
        if child.has_ended():
            self._gone(model, child)
        else:
            self._straggling = self._straggling or child.is_waited_for

    # Questions

    def _load(self, asker: Asker, asked: Fields) -> None:
        name = asked["name"]
        model = self._models.get(name)
        if model is None:
            artifact = Artifact(asked["url"], asked["folder"], asked["size"])
            model = Model(name, artifact, address_of(self._folder, name))
            self._start(model)
            self._models[name] = model
            model.waiting.append((asker, model.entry))
        elif model.state is State.ENDING:
            model.following.append((asker, asked))
        elif model.state is State.LOADING and not model.listed:
            model.waiting.append((asker, fault(already_loaded(name))))
        else:
            raise already_loaded(name)

    def _unload(self, asker: Asker, asked: Fields) -> None:
        model = self._models.get(asked["name"])
        if model is None or model.state is State.ENDING:
            raise not_loaded(asked["name"])
        was, model.state, model.listed = model.state, State.ENDING, False
        model.leaving.append(asker)
        self._unlink(model)
        if model.child is None:
            self._remove(model)
        elif was is State.LOADING:
            self._tell_waiting(model, fault(NotReady(f"model {shortened(model.name)} was unloaded while it loaded")))
            model.child.kill("unloaded")
        else:
            model.deadline = time.monotonic() + self._settings.timeout
            model.child.finish()

    def _get(self, asker: Asker, asked: Fields) -> None:
        self._answer(asker, self._listed(asked["name"]).entry)

    def _list(self, asker: Asker, asked: Fields) -> None:
        try:
            answer = registry.page(self._models.values(), asked["token"])
        except ValueError:
            raise BadPayload("next_page_token is none that this server gave") from None
        self._answer(asker, answer)

    def _wake(self, asker: Asker, asked: Fields) -> None:
        """Nobody listens on the model's socket: a process that has died is started again."""
        model = self._listed(asked["name"])
        self._look_at(model)
        if model.state is State.RESTING:
            self._start(model)
        if model.state is State.READY:
            self._answer(asker, model.entry)
        else:
            model.waiting.append((asker, model.entry))

    def _ended(self, asker: Asker, asked: Fields) -> None:
        model, pid = self._models.get(asked["name"]), asked["pid"]
        if model is not None and model.child is not None and model.child.pid == pid:
            model.watching.append((asker, pid))
            self._look_at(model)
        elif model is not None and model.last_end[0] == pid:
            self._answer(asker, {"how": model.last_end[1]})
        else:
            self._answer(asker, {"how": "unloaded"})

    def _kill(self, asker: Asker, asked: Fields) -> None:
        model = self._models.get(asked["name"])
        if model is not None and model.child is not None and model.child.pid == asked["pid"]:
            log.warning("model %s: killed, it did not answer in time", shortened(model.name))
            model.child.kill("timeout")
        self._ended(asker, asked)

    def _figures(self, asker: Asker, _asked: Fields) -> None:
        loaded = sum(model.listed for model in self._models.values())
        counts = {"loads": self._loads, "unloads": self._unloads, "deaths": self._deaths}
        self._answer(asker, {"loaded": loaded, **counts})

    def _listed(self, name: str) -> Model:
        model = self._models.get(name)
        if model is None or not model.listed:
            raise not_loaded(name)
        return model

    # A model's life

    def _start(self, model: Model) -> None:
        """Raises OutOfMemory where there is no room for it."""
        left, need = cgroup.memory_left(), model.artifact.size + _PROCESS
        under_way = sum(other.artifact.size for other in self._loading())
        if left is not None and left - under_way - need < self._reserve:
            raise OutOfMemory(
                f"model {shortened(model.name)} needs {need / limits.MIB:.0f} MiB or more; "
                f"{max(0, left - under_way - self._reserve) / limits.MIB:.0f} MiB are left"
            )
        try:
            model.child = Child(lambda control: self._become(model, control))
        except OSError as error:
            log.error("no process for model %s: %s", shortened(model.name), error)
            raise OutOfMemory(f"there is no room for a process of model {shortened(model.name)}") from None
        model.state = State.LOADING
        self._selector.register(model.child.control, selectors.EVENT_READ, lambda _: self._hear(model))

    def _become(self, model: Model, control: socket.socket) -> None:
        """In the model's process, which must hold nothing of the keeper's."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        children = [m.child.control for m in self._models.values() if m.child]
        for sock in (self._listener, self._lifeline, self._woken, self._waker, *self._askers, *children):
            sock.close()
        settings = ModelSettings.of(self._settings, Path(model.artifact.folder))
        process.run(settings, model.name, model.address, control)

    def _hear(self, model: Model) -> None:
        child = model.child
        if child is None:
            return
        if not child.read():
            self._selector.unregister(child.control)
        if child.report and "loaded" in child.report and model.state is State.LOADING:
            model.state, model.listed = State.READY, True
            self._loads += 1
            log.info("model %s: loaded", shortened(model.name))
            for asker, answer in _taken_out(model.waiting):
                self._answer(asker, answer)

    def _gone(self, model: Model, child: Child) -> None:
        """Its process has ended, and all that it started."""
        model.child, model.last_end = None, (child.pid, child.how)
        child.read()  # a report may have come together with the end
        if child.control.fileno() in self._selector.get_map():
            self._selector.unregister(child.control)
        child.control.close()
        self._unlink(model)
        for asker, pid in _taken_out(model.watching):
            self._answer(asker, {"how": child.how if pid == child.pid else "unloaded"})
        if model.state is State.ENDING:
            self._remove(model)
            return
        if model.state is State.READY:
            self._deaths += 1
            log.error("model %s: its process died (%s)", shortened(model.name), child.how)
        else:
            self._tell_waiting(model, fault(failure(model.name, child.how, child.report or {})))
        model.state = State.RESTING
        if not model.listed:
            self._remove(model)

    def _remove(self, model: Model) -> None:
        del self._models[model.name]
        if model.leaving:
            self._unloads += 1
            log.info("model %s: unloaded", shortened(model.name))
        for asker in _taken_out(model.leaving):
            self._answer(asker, {"unloaded": True})
        for asker, asked in _taken_out(model.following):
            self._put(asker, asked)

    def _tell_waiting(self, model: Model, answer: Fields) -> None:
        for asker, _ in _taken_out(model.waiting):
            self._answer(asker, answer)

    def _unlink(self, model: Model) -> None:
        Path(model.address).unlink(missing_ok=True)

    def _end(self) -> None:
        children = [model.child for model in self._models.values() if model.child]
        for child in children:
            child.kill("unloaded")
        while children := [child for child in children if not child.has_ended()]:
            self._selector.select(_STRAGGLER)
        shutil.rmtree(self._folder, ignore_errors=True)


def _taken_out(things: list[Any]) -> list[Any]:
    taken, things[:] = list(things), []
    return taken


def start(settings: Settings, folder: Path) -> tuple[int, socket.socket]:
    """Fork the keeper, which answers from now on; returns its process id and the front's lifeline."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(own_address(folder))
    listener.listen(512)
    front, own = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setpgid(0, 0)  # a Ctrl-C in a terminal is the front's
            front.close()
            Keeper(settings, folder, listener, own).run()
            code = 0
        except BaseException:
            log.exception("a defect in the keeper")
        finally:
            os._exit(code)
    own.close()
    listener.close()
    return pid, front
