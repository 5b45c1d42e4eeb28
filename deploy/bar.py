"""How far an upload or a download is: a bar on a terminal, nothing where nobody looks."""

import sys
import threading
import time
from typing import TextIO

WIDTH, PAUSE = 30, 0.1  # characters; seconds between two drawings
UNITS = ("B", "kB", "MB", "GB", "TB")
STEP = 1000.0


class Bar:
    """Told of bytes by many threads."""

    def __init__(self, total: int, out: TextIO = sys.stderr) -> None:
        self._total, self._done, self._out = total, 0, out
        self._lock = threading.Lock()
        self._drawn = 0.0
        self._is_seen = out.isatty()

    def add(self, many: int) -> None:
        with self._lock:
            self._done += many
            if self._is_seen and time.monotonic() - self._drawn > PAUSE:
                self._draw()

    def close(self) -> None:
        if self._is_seen:
            self._draw()
            self._out.write("\n")

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        part = min(self._done / self._total, 1.0) if self._total else 1.0
        bar = ("#" * int(part * WIDTH)).ljust(WIDTH)
        self._out.write(f"\r[{bar}] {part:4.0%} of {size(self._total)}")
        self._out.flush()


def size(many: float) -> str:
    for unit in UNITS:
        if many < STEP or unit == UNITS[-1]:
            return f"{many:.0f} {unit}" if unit == UNITS[0] else f"{many:.1f} {unit}"
        many /= STEP
    raise AssertionError
