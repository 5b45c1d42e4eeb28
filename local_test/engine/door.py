"""Into a container that has no network: sockets that belong to its network, and are used in this process.

A socket belongs for good to the network namespace of the thread that makes it. So one thread goes in, and makes the
sockets for all others; what is sent over them goes nowhere else. It takes root (CAP_SYS_ADMIN) on the machine on which
the container runs.
"""

import ctypes
import functools
import os
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

LOOPBACK = "127.0.0.1"
INSIDE = "127.0.0.2"  # a server that listens on 127.0.0.1 alone is not reached, as from outside
_CLONE_NEWNET = 0x40000000
_LAG = 5.0  # seconds until the engine has seen that a process of its own has ended


class Door:
    """`socket` from any thread, until `close`."""

    def __init__(self, pid: int) -> None:
        """Into the network of that process; raises OSError."""
        self._inside = ThreadPoolExecutor(1, "door")  # and never used for anything else
        try:
            self._inside.submit(_enter, pid).result()
        except BaseException:
            self.close()
            raise

    def socket(self) -> socket.socket:
        """Raises OSError."""
        try:
            return self._inside.submit(socket.socket).result()
        except RuntimeError:
            raise ConnectionRefusedError("the container has been closed") from None

    def close(self) -> None:
        self._inside.shutdown()


def opened(pid: int, first_process: Callable[[], int]) -> Door | None:
    """Into a container by its first process; None where it has ended: the number may be another's then. Raises
    OSError."""
    try:
        door = Door(pid)
    except OSError:
        deadline = time.monotonic() + _LAG
        while pid and first_process() == pid:
            if time.monotonic() > deadline:
                raise
            time.sleep(_LAG / 100)
        return None
    if first_process() == pid:
        return door
    door.close()
    return None


@functools.cache
def can_enter() -> bool:
    """Tried once: who is root may still not be allowed to."""
    try:
        Door(os.getpid()).close()
    except (OSError, AttributeError):  # the latter: another system, whose C library has no such call
        return False
    return True


def _enter(pid: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)  # os.setns is there from Python 3.12 on
    with Path(f"/proc/{pid}/ns/net").open("rb") as namespace:
        if libc.setns(namespace.fileno(), _CLONE_NEWNET):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
