"""Which threads are in the model's code, and since when: a process whose every thread is stuck there serves nobody.

Each thread writes its own entry; the worker's loop reads them.
"""

import sys
import threading
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class Watch:
    def __init__(self) -> None:
        self._since: dict[int, float] = {}

    @contextmanager
    def predicting(self) -> Iterator[None]:
        thread = threading.get_ident()
        self._since[thread] = time.monotonic()
        try:
            yield
        finally:
            del self._since[thread]

    def each(self, parts: Iterable[bytes]) -> Iterator[bytes]:
        """Of a streamed answer, where each part is a sign of life."""
        iterator = iter(parts)
        while True:
            with self.predicting():
                part = next(iterator, None)
            if part is None:
                return
            yield part

    def overdue(self, seconds: float) -> list[int]:
        """The threads that have been in there for longer than this."""
        limit = time.monotonic() - seconds
        return [thread for thread, since in list(self._since.items()) if since < limit]


def where(thread: int) -> str:
    """The stack of a thread, for the log."""
    frame = sys._current_frames().get(thread)
    return "".join(traceback.format_stack(frame)) if frame is not None else "(it has gone)\n"
