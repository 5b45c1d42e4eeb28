"""What this machine's kernel shows of a container, by its first process; nothing, where the engine runs on another."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_LISTEN = "0A"  # a socket's state in /proc/net/tcp
_SIGTERM_BIT = 1 << 14
_RUNC = " init"


@dataclass(frozen=True)
class Listener:
    address: str
    port: int

    @property
    def is_loopback(self) -> bool:
        return self.address.startswith("127.") or self.address == "::1"


def hears_sigterm(pid: int) -> bool | None:
    """Whether it catches SIGTERM; the kernel drops it for a PID 1 that does not."""
    # The engine's own process catches every signal until it becomes the program: who it is is asked first. In the
    # midst of that it has no command line, and still the engine's handlers.
    said = command_line(pid)
    if not said or said.endswith(_RUNC):
        return None
    for line in _proc(pid, "status").splitlines():
        if line.startswith("SigCgt:"):
            return bool(int(line.split()[1], 16) & _SIGTERM_BIT)
    return None


def command_line(pid: int) -> str:
    return _proc(pid, "cmdline").replace("\0", " ").strip()


def zombies(pid: int) -> int:
    """Children that have ended, and for which it has not waited."""
    ended = 0
    for thread in Path(f"/proc/{pid}/task").glob("*/children") if pid else ():
        with suppress(OSError):
            states = [_proc(int(child), "stat").rpartition(")")[2].split() for child in thread.read_text().split()]
            ended += sum(state[:1] == ["Z"] for state in states)
    return ended


def listeners(pid: int) -> Sequence[Listener]:
    """Every TCP socket that listens inside."""
    found = []
    for table in ("net/tcp", "net/tcp6"):
        for line in _proc(pid, table).splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            if state == _LISTEN:
                address, port = local.split(":")
                found.append(Listener(_address(address), int(port, 16)))
    return [one for one in found if one.address != "127.0.0.11"]  # the engine's own name server


def _proc(pid: int, name: str) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace") if pid else ""
    return ""


def _address(hexadecimal: str) -> str:
    """As /proc/net/tcp writes it, words in the machine's order."""
    raw = bytes.fromhex(hexadecimal)
    words = b"".join(raw[i : i + 4][::-1] for i in range(0, len(raw), 4))
    if len(words) == 4:  # noqa: PLR2004
        return ".".join(map(str, words))
    if words == b"\0" * 15 + b"\1":
        return "::1"
    return "::" if not any(words) else words.hex(":", 2)
