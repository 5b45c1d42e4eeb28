"""Who started something, so that a later start can tell whether that is still there: more than a process's number."""

import os
import subprocess
from pathlib import Path


def of(pid: int) -> str | None:
    """None when there is no such process. A number that is given anew gets another text."""
    stat, boot = Path(f"/proc/{pid}/stat"), Path("/proc/sys/kernel/random/boot_id")
    if boot.is_file():
        try:
            after_name = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            return None
        if after_name[0] == "Z":
            return None
        return f"{pid}.{after_name[19]}.{boot.read_text(encoding='ascii').strip()}"
    started = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    text = "-".join(started.stdout.split())
    return f"{pid}.{text}" if text else None


def this_process() -> str:
    return of(os.getpid()) or ""


def is_alive(owner: str) -> bool:
    pid = owner.partition(".")[0]
    return pid.isdecimal() and of(int(pid)) == owner
