"""A model's process as the keeper holds it: forked, told to end, killed, waited for."""

import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress

from serve.models import frames
from tiffin import limits

_STRAGGLERS = 2 * limits.SECONDS  # for what user code started to be gone once it has been killed


class Child:
    """`reason` is ours for killing it: "memory", "timeout" or "unloaded"; "" where it ended by itself."""

    def __init__(self, life: Callable[[socket.socket], None]) -> None:
        """Fork; the new process runs `life`, which does not return. Raises OSError where there can be no more."""
        ours, its = socket.socketpair()
        try:
            self.pid = os.fork()
        except OSError:
            ours.close()
            its.close()
            raise
        if self.pid == 0:
            os.setpgid(0, 0)
            ours.close()
            life(its)
            os._exit(1)
        with suppress(OSError):  # by both, as either may come first; it was, and has ended
            os.setpgid(self.pid, self.pid)
        its.close()
        ours.setblocking(False)
        self.control = ours
        self.report: frames.Fields | None = None
        self.reason = ""
        self._data = b""
        self._status: int | None = None
        self._patience = 0.0

    def read(self) -> bool:
        """What came over `control`; False when no more will."""
        try:
            data = self.control.recv(1 << 16)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._data += data
        try:
            self.report = self.report or frames.decode(self._data)
        except ValueError:  # user code found the socket and wrote into it
            return False
        return bool(data)

    def finish(self) -> None:
        """It takes no more, finishes what it has, and ends."""
        try:
            self.control.shutdown(socket.SHUT_WR)
        except OSError:  # it has ended
            return

    def kill(self, reason: str) -> None:
        if self._status is None:
            self.reason = self.reason or reason
            self._kill_group()

    def has_ended(self) -> bool:
        """Whether it is gone with all that it started, and waited for; its memory is then free."""
        if self._status is None:
            if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                return False
            self._kill_group()  # while the dead leader still holds the group's number
            _, self._status = os.waitpid(self.pid, 0)
            self._patience = time.monotonic() + _STRAGGLERS
        try:
            os.killpg(self.pid, 0)
        except OSError:
            return True
        return time.monotonic() > self._patience

    @property
    def is_waited_for(self) -> bool:
        return self._status is not None

    @property
    def how(self) -> str:
        """Why it ended: our reason, "memory" where the kernel took it, else a signal's name or an exit code."""
        assert self._status is not None  # noqa: S101  asked once it has ended
        code = os.waitstatus_to_exitcode(self._status)
        if self.reason or code == -signal.SIGKILL:
            return self.reason or "memory"
        if code >= 0:
            return f"exit code {code}"
        known = {number.value: number.name for number in signal.Signals}
        return known.get(-code, f"signal {-code}")

    def _kill_group(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except OSError:  # nobody is left in it
            return
