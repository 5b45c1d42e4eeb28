"""What POST /models names: a folder of the platform's, below `/opt/ml/models` and nowhere else (M-02, M-08)."""

import os
from pathlib import Path

from tiffin.errors import BadPayload
from tiffin.table import shortened

_FILES = 10_000  # looked at for a size; an artifact of more is larger than it looks


def find(url: str, models: Path) -> Path:
    """The folder, without symbolic links; raises BadPayload where it is none below `models`."""
    try:
        folder = Path(url).resolve(strict=True)
        inside = Path(url).is_absolute() and models.resolve() in folder.parents and folder.is_dir()
    except (OSError, ValueError, RuntimeError):  # not there, no path at all, links in a circle
        inside = False
    if not inside:
        raise BadPayload(f"url is {shortened(url)}; it must be an existing folder below {models}, as <model>/model is")
    return folder


def size(folder: Path) -> int:
    """Of its files in bytes: about what loading it takes, at the least."""
    total = seen = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            seen += 1
            if seen > _FILES:
                return total
            try:
                total += (Path(parent) / name).lstat().st_size
            except OSError:  # it has gone, or is not ours to see
                continue
    return total
