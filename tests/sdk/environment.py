"""AWS's own clients, each in an environment of its own that is kept until its pins change.

python -m tests.sdk.environment v3 v2 cli

Environments lie in $XDG_CACHE_HOME/tiffin, named by the digest of pins and Python; one that is not whole has no mark,
and is made anew. What makes them takes a lock.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "requirements"
NAMES = ("v3", "v2", "cli")
PATIENCE = 900  # seconds; 700 MB over a slow line


def environment(name: str) -> Path:
    """The folder of its programs: `python`, and `aws` in cli."""
    folder = _folder(name)
    if not _mark(folder).is_file():
        _make(name, folder)
    return folder / "bin"


def _make(name: str, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _mark(folder).is_file():  # by who held the lock before
            return
        for old in folder.parent.glob(f"{name}-*/"):  # of other pins, or broken off
            shutil.rmtree(old)
        pins = REQUIREMENTS / f"{name}.txt"
        venv.create(folder, with_pip=name == "uv", symlinks=True)
        python = folder / "bin" / "python"
        if name == "uv":
            _run(python, "-m", "pip", *PIP, pins)
        else:
            tools = environment("uv")
            try:
                _run(tools / "uv", "pip", "install", "--quiet", "--require-hashes", "--python", python, "-r", pins)
            except SystemExit:  # it knows no pip.conf; pip is slower, and reaches what made this environment
                _run(tools / "python", "-m", "pip", "--python", python, *PIP, pins)
        _mark(folder).touch()


PIP = ("install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r")


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, timeout=PATIENCE, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")


def _folder(name: str) -> Path:
    pins = (REQUIREMENTS / f"{name}.txt").read_bytes()
    digest = hashlib.sha256(pins + f"{sys.version} {sys.base_prefix}".encode()).hexdigest()[:12]
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "tiffin" / f"{name}-{digest}"


def _mark(folder: Path) -> Path:
    return folder / "whole"


if __name__ == "__main__":
    for name in sys.argv[1:] or NAMES:
        begin = time.monotonic()
        place = environment(name)
        print(f"{name}: {place.parent.name}, {time.monotonic() - begin:.1f} s")
