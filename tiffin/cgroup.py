"""What this container may use of the machine, by its control group (version 1 or 2), not by the host's cores.

Paths are below `root`, so that other machines' trees can be read from a folder.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

Number = TypeVar("Number", int, float)

_UNLIMITED = 1 << 60  # version 1 says "no limit" by a number larger than any memory


@dataclass(frozen=True)
class Resources:
    """`cores` may be a fraction; `memory` is in bytes, None where nothing limits it. `source` says where from."""

    cores: float | None
    memory: int | None
    source: str


def read(root: Path = Path("/")) -> Resources:
    """The narrowest limit of the process's own group and those above it, as far as they can be seen."""
    groups = root / "sys" / "fs" / "cgroup"
    if (groups / "cgroup.controllers").is_file():
        folders = _chain(groups, _own_path(root, ""))
        return Resources(_least(map(_cores_2, folders)), _least(map(_memory_2, folders)), "cgroup v2")
    cpu = _chain(groups / "cpu", _own_path(root, "cpu"))
    memory = _chain(groups / "memory", _own_path(root, "memory"))
    cores, limit = _least(map(_cores_1, cpu)), _least(map(_memory_1, memory))
    return Resources(cores, limit, "no cgroup limit" if cores is limit is None else "cgroup v1")


def _own_path(root: Path, controller: str) -> str:
    """Of this process within the hierarchy of `controller`; "" for version 2's only one."""
    try:
        lines = (root / "proc" / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return "/"
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return path
    return "/"


def _chain(base: Path, path: str) -> list[Path]:
    """The group and all above it. In a container its path may be the host's: then only the base is there."""
    own = base / path.lstrip("/")
    below = [folder for folder in (own, *own.parents) if folder != base and base in folder.parents]
    return [folder for folder in (*below, base) if folder.is_dir()]


def _least(values: Iterable[Number | None]) -> Number | None:
    return min((value for value in values if value is not None), default=None)


def _cores_2(folder: Path) -> float | None:
    quota, _, period = _text(folder / "cpu.max").partition(" ")
    return int(quota) / int(period or "100000") if quota.isdecimal() else None


def _memory_2(folder: Path) -> int | None:
    text = _text(folder / "memory.max")
    return int(text) if text.isdecimal() else None


def _cores_1(folder: Path) -> float | None:
    quota, period = _text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() and int(quota) else None


def _memory_1(folder: Path) -> int | None:
    text = _text(folder / "memory.limit_in_bytes")
    return int(text) if text.isdecimal() and int(text) < _UNLIMITED else None


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""


def usable_cores() -> int:
    """Those this process may run on, whatever a quota says."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
