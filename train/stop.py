"""SIGTERM in a training job (T-35), the only module of `train` that touches signals.

Rules: the first SIGTERM or SIGINT raises `Stopped` in the main thread, wherever it is; later ones do nothing, so
that whoever catches `Stopped` can finish. After `hold()` nothing is raised: what runs then runs to its end. After
`forward(to)` the first signal, were it an earlier one that was held, calls `to` instead.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from tiffin.errors import Stopped


class StopSignals:
    def __init__(self) -> None:
        self._seen = False
        self._held = False
        self._to: Callable[[], None] | None = None

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

    def forward(self, to: Callable[[], None]) -> None:
        self._to = to
        if self._seen:
            to()

    @property
    def seen(self) -> bool:
        return self._seen

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  signal's own signature
        if self._seen:
            return
        self._seen = True
        if self._to is not None:
            self._to()
        elif not self._held:
            raise Stopped(signal.Signals(number).name)
