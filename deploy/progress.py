"""What is going on, for people: lines that stay, and on a terminal one line that changes."""

import shutil
import sys
import threading
import time
from collections import deque
from typing import TextIO

TAIL = 20  # lines that a failure shows
WIDTH = 160  # a RUN may be a page long
BAR = 30  # characters
PAUSE = 0.1  # seconds between two drawings of a bar
UNITS = ("B", "kB", "MB", "GB", "TB")
STEP = 1000.0
CLEAR = "\r\033[K"


class Line:
    """The last one of a terminal, which is written again; nothing where nobody looks."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self.is_seen = self._out.isatty()

    def show(self, text: str) -> None:
        if self.is_seen:
            width = shutil.get_terminal_size().columns - 1
            self._write("".join(filter(str.isprintable, text))[:width])

    def say(self, text: str) -> None:
        """In its place one that stays."""
        self._write(f"{text}\n")

    def end(self) -> None:
        self._write("")

    def _write(self, text: str) -> None:
        self._out.write(f"{CLEAR if self.is_seen else ''}{text}")
        self._out.flush()


class Progress(Line):
    """Of what goes in steps, a build or a push."""

    def __init__(self, out: TextIO | None = None) -> None:
        super().__init__(out)
        self._tail: deque[str] = deque(maxlen=TAIL)
        self._quarter = 0

    @property
    def tail(self) -> tuple[str, ...]:
        return tuple(self._tail)

    def step(self, text: str) -> None:
        self.say(text if len(text) <= WIDTH else text[: WIDTH - 2] + " …")
        self._tail.append(text)

    def line(self, text: str) -> None:
        """What the step prints: kept for a failure, and seen on a terminal until the next one."""
        self._tail.append(text)
        self.show(f"  {text}")

    def share(self, what: str, done: int, total: int) -> None:
        """A bar; without a terminal a line at each quarter."""
        quarter = int(done / total * 4) if total else 0
        if self.is_seen:
            self.show(f"{what} {bar(done, total)}")
        elif quarter > self._quarter:
            self._quarter = quarter
            self.step(f"{what}: {done / 1e6:.0f} of {total / 1e6:.0f} MB")


class Transfer:
    """Of an upload or a download: a bar, told of bytes by many threads; nothing where nobody looks."""

    def __init__(self, total: int, out: TextIO | None = None) -> None:
        self._total, self._done, self._line = total, 0, Line(out)
        self._lock = threading.Lock()
        self._drawn = 0.0

    def add(self, many: int) -> None:
        with self._lock:
            self._done += many
            if time.monotonic() - self._drawn > PAUSE:
                self._drawn = time.monotonic()
                self._line.show(bar(self._done, self._total))

    def close(self) -> None:
        if self._line.is_seen:
            self._line.say(bar(self._done, self._total))


def bar(done: int, total: int) -> str:
    part = min(done / total, 1.0) if total else 1.0
    return f"[{('#' * int(part * BAR)).ljust(BAR, '.')}] {part:4.0%} of {size(total)}"


def size(many: float) -> str:
    for unit in UNITS:
        if many < STEP or unit == UNITS[-1]:
            return f"{many:.0f} {unit}" if unit == UNITS[0] else f"{many:.1f} {unit}"
        many /= STEP
    raise AssertionError
