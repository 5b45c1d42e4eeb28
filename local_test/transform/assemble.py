"""One output file of one input file: whole, or not there at all (B-06, B-07)."""

from contextlib import suppress
from pathlib import Path

SUFFIX = ".out"  # AWS's, behind the whole name of the input


class Assembly:
    """Answers in their order. `target` appears at `finish` and never before; of a job before, it goes at once."""

    def __init__(self, target: Path, assemble_with: str) -> None:
        """Raises OSError, as the other methods do."""
        self._target = target
        self._partial = target.with_name(f".{target.name}.partial")
        self._ending = b"\n" if assemble_with == "Line" else b""  # B-06: after each answer, however it ends
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        self._file = self._partial.open("wb")

    def add(self, answer: bytes) -> None:
        self._file.write(answer)
        self._file.write(self._ending)

    def finish(self) -> None:
        self._file.close()
        self._partial.replace(self._target)

    def discard(self) -> None:
        """Safe after `finish`, and after an add that failed on a full disk."""
        with suppress(OSError):
            self._file.close()
        self._partial.unlink(missing_ok=True)
