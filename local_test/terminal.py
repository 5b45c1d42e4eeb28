"""What the commands print: colour where a person looks, plain text where a program reads (NO_COLOR is honoured)."""

import os
import re
import sys
from collections.abc import Callable


def _coloured() -> bool:
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def say(text: str = "") -> None:
    """In one write, so that what another thread says comes before it or after."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def step(number: int, of: int, text: str) -> None:
    say(f"\033[1m[{number}/{of}] {text}\033[0m" if _coloured() else f"[{number}/{of}] {text}")


def log_lines(source: str) -> Callable[[str], None]:
    """A sink for another program's log: each line behind its name, dimmed, so that it is never taken for ours.

    An event of several lines, a traceback, arrives as one with `\\n` in it, and is shown as the lines it is.
    """

    def log(line: str) -> None:
        for part in line.split("\\n") if "Traceback" in line else [line]:
            say(f"\033[2m  {source} | {part}\033[0m" if _coloured() else f"  {source} | {part}")

    return log


def swatch(red: int, green: int, blue: int) -> str:
    return f"\033[48;2;{red};{green};{blue}m      \033[0m" if _coloured() else f"#{red:02x}{green:02x}{blue:02x}"


def rgb_of(row: str) -> tuple[int, int, int] | None:
    """The colour of a payload's row, R,G,B or hex, to be shown; None when it is neither."""
    if match := re.fullmatch(r"\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*", row):
        red, green, blue = map(int, match.groups())
        return (red, green, blue) if max(red, green, blue) < 256 else None  # noqa: PLR2004
    if match := re.fullmatch(r"\s*#?([0-9a-fA-F]{6})\s*", row):
        red, green, blue = bytes.fromhex(match[1])
        return red, green, blue
    return None
