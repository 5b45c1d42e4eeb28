"""gunicorn around the application: the model is loaded once, then the processes are forked from it.

Rules: the master loads, forks and waits for its children; it never predicts. While it loads, the doorman answers 503;
a process takes part once it has warmed up, and /ping is 200 when each one has (H-06). SIGTERM to the master stops the
accepting, lets requests in flight finish within `DRAIN`, and ends with exit code 0 (H-18); while the model is still
loading it ends the process at once, which the kernel would not do for PID 1 by itself. A model that cannot be loaded
ends the process with exit code 1, having answered nothing but 503, with the reason in the log (B-11).
"""

import gc
import logging
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import Any

from gunicorn import glogging
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from serve import sizing
from serve.app import create_app
from serve.doorman import BACKLOG, Doorman, listen
from serve.metrics import Metrics
from serve.readiness import Board
from serve.shared import Shared
from serve.watch import Watch
from serve.worker import Worker
from tiffin import cgroup, limits, loader
from tiffin.errors import TiffinError
from tiffin.predictor import Predictor
from tiffin.settings import Settings

log = logging.getLogger(__name__)

DRAIN = limits.STOP_GRACE_SERVE - 5 * limits.SECONDS  # H-18: SIGKILL comes at 30
KEEP_ALIVE = 75 * limits.SECONDS  # longer than the platform's poller, so that the poller closes first
MOST_CONNECTIONS = 4096


def serve(settings: Settings) -> int:
    signal.signal(signal.SIGTERM, _end_while_loading)  # until gunicorn sets its own
    started = time.monotonic()
    try:
        if settings.multi_model:
            from serve.models.front import serve_models  # in this mode only: it costs the start

            return serve_models(settings)
        listener = listen(settings)
        doorman = Doorman(listener)
        log.info("loading the model; %s:%d answers 503 until it is there", *listener.getsockname()[:2])
        predictor = loader.load_predictor(settings)
    except TiffinError as error:
        log.error("cannot serve: %s", error, exc_info=error.__cause__)
        return 1
    workers, why = sizing.choose(settings, cgroup.usable_cores(), cgroup.read(), sizing.peak_memory())
    settings = replace(settings, workers=workers)
    log.info("%d processes of %d threads: %s", workers, settings.threads, why)
    shared = Shared(Board(workers), Metrics(workers, time.monotonic() - started), Watch(), doorman)
    app = create_app(predictor, settings, shared)
    return run(app, predictor, settings, shared, listener)


def run(app: Any, predictor: Predictor | None, settings: Settings, shared: Shared, listener: socket.socket) -> int:
    """Until SIGTERM; the exit code of the process."""
    server = _Server(app, predictor, settings, shared, listener)
    gc.collect()
    gc.freeze()  # the collector of a child must not touch, and so copy, what the master loaded
    master = os.getpid()
    try:
        server.run()
    except SystemExit as end:
        if os.getpid() != master:
            raise  # a process of ours ends, and gunicorn reads its code
        return 1 if end.code else 0
    return 0


def _end_while_loading(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  signal's own signature
    log.info("stopped while the model was loading")
    os._exit(0)  # not an exception: the model's own code could catch that


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """What a `serve.worker.Worker` finds as its `app`."""

    def __init__(
        self,
        app: Any,
        predictor: Predictor | None,
        settings: Settings,
        shared: Shared,
        listener: socket.socket,
    ) -> None:
        self.predictor, self.settings = predictor, settings
        self.board, self.metrics, self.watch = shared.board, shared.metrics, shared.watch
        self.streams = _streams() if predictor is not None and predictor.converse is not None else None
        self._app = app
        self._options = {"bind": f"fd://{listener.detach()}", **_options(settings, predictor, shared)}
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return self._app


def _streams() -> Any:
    """Imported before the processes are forked, and only for a model that is streamed to."""
    from serve.stream import Streams

    return Streams


class _Log(glogging.Logger):  # type: ignore[misc]
    """gunicorn's words in our log, in our format."""

    def setup(self, cfg: Any) -> None:  # noqa: ARG002  gunicorn's own signature
        self.error_log.setLevel(logging.WARNING)
        self.error_log.propagate = True
        self.access_log.disabled = True


def _warm_up(predictor: Predictor, worker: Any) -> None:
    try:
        with _signs_of_life(worker):
            predictor.warm_up()
    except TiffinError as error:
        log.error("cannot serve: %s", error, exc_info=error.__cause__)
        sys.exit(Arbiter.WORKER_BOOT_ERROR)  # which ends the server: the next process would fare no better


@contextmanager
def _signs_of_life(worker: Any) -> Iterator[None]:
    """For gunicorn, which would replace a process that warms up for longer than the timeout."""
    done = threading.Event()

    def notify() -> None:
        while not done.wait(1 * limits.SECONDS):
            worker.notify()

    thread = threading.Thread(target=notify, name="warming-up")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _connections() -> int:
    """Of one process: more than requests may wait, so that pings get in, and within its limit of open files."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(64, min(MOST_CONNECTIONS, files - 64))


def _options(settings: Settings, predictor: Predictor | None, shared: Shared) -> dict[str, Any]:
    def when_ready(arbiter: Any) -> None:
        host, port = arbiter.LISTENERS[0].sock.getsockname()[:2]  # the port that was taken, where 0 was asked for
        log.info("listening on %s:%d", host, port)

    def pre_fork(_arbiter: Any, worker: Any) -> None:
        worker.place = shared.board.take(worker.age)

    def post_worker_init(worker: Any) -> None:
        shared.metrics.use(worker.place)
        if predictor is not None:
            _warm_up(predictor, worker)
        shared.board.sign(worker.place)
        if shared.doorman is not None:
            shared.doorman.dismiss()

    def child_exit(_arbiter: Any, worker: Any) -> None:
        shared.board.release(worker.age)
        shared.metrics.process_ended()

    return {
        "workers": settings.workers,
        "worker_class": Worker,
        "threads": settings.threads,
        "worker_connections": _connections(),
        "timeout": settings.timeout,
        "graceful_timeout": DRAIN,
        "keepalive": KEEP_ALIVE,
        "backlog": BACKLOG,
        "preload_app": True,
        "http_parser": "python",  # the same answers whether gunicorn_h1c, which takes bare LF, is installed or not
        "control_socket_disable": True,  # it opens one under the home directory, which may be read-only (H-21)
        "logger_class": _Log,
        "when_ready": when_ready,
        "pre_fork": pre_fork,
        "post_worker_init": post_worker_init,
        "child_exit": child_exit,
    }
