"""`serve` for many models: the keeper first, while this process is one thread, then gunicorn around the routes (M-01).

/ping says that the front's processes and the keeper are up, and depends on no model (M-09).
"""

import logging
import os
import shutil
import signal
import socket
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from serve import server, sizing
from serve.app import create_app
from serve.doorman import listen
from serve.metrics import Metrics
from serve.models import keeper, routes
from serve.models.process import BACKLOG
from serve.models.remote import Link
from serve.readiness import Board
from serve.shared import Shared
from serve.watch import Watch
from tiffin import cgroup, limits
from tiffin.settings import Settings

log = logging.getLogger(__name__)

_SLOW_MODELS = 8  # so many may have all the requests they can hold, and the others still find a thread
_SIGN_OF_LIFE = 30 * limits.SECONDS  # of a process of the front, which only waits
_KEEPER_ENDS = 3 * limits.SECONDS  # it kills, waits and tidies; what is left of H-18's 30 seconds is more


class _Board(Board):
    """Ready while the keeper is up, too."""

    def __init__(self, places: int, link: Link) -> None:
        super().__init__(places)
        self._link = link

    def all_ready(self) -> bool:
        return super().all_ready() and self._link.is_up()


def serve_models(settings: Settings) -> int:
    """Raises SettingsError when the port cannot be had."""
    listener = listen(settings)
    folder = Path(tempfile.mkdtemp(prefix="tiffin-models-", dir="/tmp"))  # S-05, S-06: always writable; 0700
    master = os.getpid()
    pid, lifeline = keeper.start(settings, folder)
    try:
        return _serve(settings, Link(folder, lifeline), listener)
    finally:
        if os.getpid() == master:  # a process that gunicorn forked leaves through here, too
            lifeline.close()
            _wait_for(pid)
            shutil.rmtree(folder, ignore_errors=True)


def _serve(settings: Settings, link: Link, listener: socket.socket) -> int:
    workers, why = sizing.choose(settings, cgroup.usable_cores(), cgroup.read(), sizing.peak_memory())
    log.info("many models, each a process of %d threads; %d processes before them: %s", settings.threads, workers, why)
    # no doorman, as nothing is loaded before the port is served; the watch is for models in processes like these
    shared = Shared(_Board(workers, link), Metrics(workers, 0.0), Watch(), None)
    app = create_app(None, settings, shared, partial(routes.figures, link))
    routes.add(app, link, settings)
    threads = _SLOW_MODELS * (settings.threads + BACKLOG + 1)  # they only wait, and come into being when needed
    timeout = max(settings.timeout, _SIGN_OF_LIFE)  # the setting is the models' (serve.models.remote)
    return server.run(app, None, replace(settings, workers=workers, threads=threads, timeout=timeout), shared, listener)


def _wait_for(pid: int) -> None:
    deadline = time.monotonic() + _KEEPER_ENDS
    try:
        while not os.waitpid(pid, os.WNOHANG)[0]:
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.005)
    except ChildProcessError:  # gunicorn, which waits for every child, has seen it end
        return
