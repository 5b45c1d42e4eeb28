"""A peer as it runs: pinned to its cores, ready by polling, its memory, and its end.

Each program starts a session of its own; what is measured and ended is exactly what is in these sessions, and what came
of them and went on in sessions of its own (BentoML's workers, Ray's), known by a variable that they inherited.
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench import wire

PATIENCE = 60.0
GRACE = 10.0
MARK = "TIFFIN_BENCH_FOLDER"


class StartError(Exception):
    """A peer did not start; its text, with the end of its log, is for the user."""


@dataclass(frozen=True)
class Command:
    line: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Running:
    port: int
    seconds_to_ready: float
    sessions: tuple[int, ...]
    folder: Path

    def pss(self) -> float:
        """MB: proportional set size, added up over all processes."""
        return sum(map(_pss, _members(self.sessions, self.folder))) / 1e6


@contextmanager
def running(commands: Sequence[Command], cores: str, folder: Path, port: int, ready: str) -> Iterator[Running]:
    """Raises StartError when `ready` does not answer 200 within PATIENCE."""
    log = folder / "log"
    processes: list[subprocess.Popen[bytes]] = []
    with log.open("ab") as stream:
        started = time.perf_counter()
        try:
            for command in commands:
                processes.append(_start(command, cores, folder, stream.fileno()))
            took = _wait(processes, port, ready, started, log)
            yield Running(port, took, tuple(process.pid for process in processes), folder)
        finally:
            _end(processes, folder)


def _start(command: Command, cores: str, folder: Path, log: int) -> "subprocess.Popen[bytes]":
    inherited = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}}
    return subprocess.Popen(
        ["taskset", "-c", cores, *command.line],
        env={**inherited, **command.environment, MARK: str(folder)},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


def _wait(processes: Sequence["subprocess.Popen[bytes]"], port: int, ready: str, started: float, log: Path) -> float:
    while time.perf_counter() - started < PATIENCE:
        if wire.answers_200(port, ready):
            return time.perf_counter() - started
        if any(process.poll() is not None for process in processes):
            break
        time.sleep(0.01)
    raise StartError(f"it did not become ready; the end of its log:\n{log.read_text(errors='replace')[-3000:]}")


def _end(processes: Sequence["subprocess.Popen[bytes]"], folder: Path) -> None:
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        with suppress(subprocess.TimeoutExpired):  # what is left of its session ends below
            process.wait(GRACE)
    for pid in _members(tuple(process.pid for process in processes), folder):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for process in processes:
        process.wait()


def _members(sessions: tuple[int, ...], folder: Path) -> list[int]:
    """The processes of these sessions, and those that carry the mark of `folder`, by /proc."""
    mark = f"{MARK}={folder}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            session = int((process / "stat").read_text().rpartition(")")[2].split()[3])
            if session in sessions or mark in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
        except OSError:  # it has ended, or is somebody else's
            continue
    return found


def _pss(pid: int) -> int:
    """Bytes; 0 for a process that has ended."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
