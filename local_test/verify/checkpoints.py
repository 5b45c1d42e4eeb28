"""Checkpoints that are restored before a job (T-38), and whether it read them: by the times that the kernel keeps."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

BEFORE = 1.0  # the time of the last reading, long before any of writing: the next reading is then kept by every kernel


@dataclass(frozen=True)
class Traces:
    files: Sequence[Path]  # further names of them: a job may remove its own, or write them anew
    are_kept: bool  # by this file system

    @classmethod
    def of(cls, source: Path, target: Path, aside: Path) -> "Traces":
        """Restores them from `source`; `aside` is a folder of the same file system that the job does not see."""
        shutil.copytree(source, target, dirs_exist_ok=True)
        canary = aside / "canary"
        canary.write_bytes(b"lunch")
        _forget(canary)
        canary.read_bytes()
        files: list[Path] = []
        for path in (path for path in target.rglob("*") if path.is_file()):
            files.append(aside / str(len(files)))
            files[-1].hardlink_to(path)
            _forget(path)
        return cls(files, canary.stat().st_atime != BEFORE)

    def were_read(self) -> bool | None:
        """None: it cannot be told here."""
        return any(path.stat().st_atime != BEFORE for path in self.files) if self.are_kept else None


def _forget(path: Path) -> None:
    os.utime(path, (BEFORE, path.stat().st_mtime))
