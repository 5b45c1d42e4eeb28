"""What is going on, for people: steps as lines, and on a terminal one line that changes."""

import shutil
import sys
from collections import deque
from typing import TextIO

TAIL = 20  # lines that a failure shows
BAR = 30
WIDTH = 160  # a RUN may be a page long


class Progress:
    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self._is_terminal = self._out.isatty()
        self._tail: deque[str] = deque(maxlen=TAIL)
        self._quarter = 0

    @property
    def tail(self) -> tuple[str, ...]:
        return tuple(self._tail)

    def step(self, text: str) -> None:
        self._clear()
        self._out.write(f"{text if len(text) <= WIDTH else text[: WIDTH - 2] + ' …'}\n")
        self._out.flush()
        self._tail.append(text)

    def line(self, text: str) -> None:
        """What the step prints: kept for a failure, and seen on a terminal until the next one."""
        self._tail.append(text)
        self._show(f"  {text}")

    def share(self, what: str, done: int, total: int) -> None:
        """A bar; without a terminal a line at each quarter."""
        part = done / total if total else 0.0
        if self._is_terminal:
            full = int(part * BAR)
            self._show(f"{what} [{'#' * full}{'.' * (BAR - full)}] {done / 1e6:.0f} of {total / 1e6:.0f} MB")
        elif int(part * 4) > self._quarter:
            self._quarter = int(part * 4)
            self.step(f"{what}: {done / 1e6:.0f} of {total / 1e6:.0f} MB")

    def end(self) -> None:
        self._clear()

    def _show(self, text: str) -> None:
        if self._is_terminal:
            width = shutil.get_terminal_size().columns - 1
            plain = "".join(letter for letter in text if letter.isprintable())
            self._out.write(f"\r\033[K{plain[:width]}")
            self._out.flush()

    def _clear(self) -> None:
        if self._is_terminal:
            self._out.write("\r\033[K")
            self._out.flush()
