"""output/failure: what the job's owner reads as FailureReason (T-32)."""

import sysconfig
import traceback
from pathlib import Path

from tiffin import limits
from tiffin.errors import TiffinError


def cause(error: BaseException) -> str:
    """One paragraph: our own sentences as they are, anything else with its class and the line it came from."""
    if isinstance(error, TiffinError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    # a library's innermost line says less than the line that called it
    frame = next((frame for frame in reversed(frames) if not _of_a_library(frame.filename)), None)
    where = f" ({Path(frame.filename).name}, line {frame.lineno}, in {frame.name})" if frame else ""
    return f"{type(error).__name__}: {error}{where}"


def write(file: Path, error: BaseException, details: str | None = None) -> None:
    """The cause within the first 1024 characters, `details` or the traceback after them.

    One the user wrote stays as it is.
    """
    if file.exists() and file.stat().st_size:
        return
    head = cause(error)
    if len(head) > limits.FAILURE_REASON_CHARS:
        head = head[: limits.FAILURE_REASON_CHARS - 1] + "…"
    file.parent.mkdir(parents=True, exist_ok=True)
    text = f"{head}\n\n{''.join(traceback.format_exception(error)) if details is None else details}"
    # a file name that is not UTF-8 has characters that UTF-8 cannot write
    file.write_text(text, encoding="utf-8", errors="backslashreplace")


def _of_a_library(file: str) -> bool:
    return file.startswith((sysconfig.get_path("stdlib"), "<")) or "-packages" in file
