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


def memory_left(root: Path = Path("/")) -> int | None:
    """Bytes that this container may still take: the narrowest of its groups', and of what the machine has left.

    Pages of files that nobody uses count as left: the kernel takes them back before it kills. None: nobody says.
    """
    groups = root / "sys" / "fs" / "cgroup"
    if (groups / "cgroup.controllers").is_file():
        left = map(_left_2, _chain(groups, _own_path(root, "")))
    else:
        left = map(_left_1, _chain(groups / "memory", _own_path(root, "memory")))
    return _least([*left, _kilobytes(root / "proc" / "meminfo", "MemAvailable:")])


def _left_2(folder: Path) -> int | None:
    return _left(_memory_2(folder), _text(folder / "memory.current"), folder, "inactive_file ")


def _left_1(folder: Path) -> int | None:
    return _left(_memory_1(folder), _text(folder / "memory.usage_in_bytes"), folder, "total_inactive_file ")


def _left(limit: int | None, usage: str, folder: Path, reclaimable: str) -> int | None:
    if limit is None or not usage.isdecimal():
        return None
    return max(0, limit - int(usage) + (_number(folder / "memory.stat", reclaimable) or 0))


def _kilobytes(file: Path, name: str) -> int | None:
    number = _number(file, name)
    return None if number is None else number * 1024


def _number(file: Path, name: str) -> int | None:
    """The first one after `name` at the start of a line."""
    for line in _text(file).splitlines():
        if line.startswith(name):
            word = line[len(name) :].split()[:1]
            return int(word[0]) if word and word[0].isdecimal() else None
    return None


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
