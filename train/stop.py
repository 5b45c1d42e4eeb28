"""SIGTERM in a training job (T-35), the only module of `train` that touches signals.

Rules: the first SIGTERM or SIGINT raises `Stopped` in the main thread, wherever it is; later ones do nothing, so
that whoever catches `Stopped` can finish. After `hold()` nothing is raised: what runs then runs to its end.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tiffin.errors import Stopped


class StopSignals:
    def __init__(self) -> None:
        self._seen = False
        self._held = False

    @contextmanager
    def raised(self) -> Iterator[None]:
        previous = {number: signal.signal(number, self._handle) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def hold(self) -> None:
        self._held = True

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  signal's own signature
        if self._seen:
            return
        self._seen = True
        if not self._held:
            raise Stopped(signal.Signals(number).name)
