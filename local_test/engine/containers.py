"""What the platform starts: a container, known from outside only. Docker's runner and the processes' give it."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from local_test.engine.kernel import Listener
from local_test.wire import Address
from tiffin import limits

Log = Callable[[str], None]

LABEL = "dev.tiffin.local"  # on all that is started: its role
OWNER = "dev.tiffin.local.owner"  # and by whom (owner.py), so that nothing is left running after a kill -9


class EngineError(Exception):
    """The engine, an image or a program could not be used; its text is for the user."""


@dataclass(frozen=True)
class Part:
    """What the container sees at `path` below /opt/ml ("." is all of it): that folder of the tree, or `source`."""

    path: str
    read_only: bool = False
    source: Path | None = None

    def folder(self, tree: Path) -> Path:
        return (self.source or tree / self.path).resolve()


@dataclass(frozen=True)
class Resources:
    """What the instance type has; None is all that this machine has. A runner gives no more than that, and says so."""

    cpus: float | None = None
    memory: int | None = None  # bytes


@dataclass(frozen=True)
class Network:
    """Of one job: its containers see each other by their host names."""

    name: str
    isolated: bool = False


ALONE = Network("none", isolated=True)  # Docker's own: a container on it has its own loopback, and nothing else (T-15)


@dataclass(frozen=True)
class Spec:
    """A container as the platform would start it.

    `image` is a reference, or without Docker a folder: one with executables `train` and `serve`, else a plug. With an
    `entrypoint` the arguments are those of the user (C-05). `publish` is a port of this machine's loopback, 0 any.
    """

    image: str
    arguments: tuple[str, ...]
    tree: Path
    parts: tuple[Part, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] | None = None
    hostname: str | None = None
    network: Network | None = None
    resources: Resources = field(default_factory=Resources)
    port: int = limits.PORT
    publish: int | None = None
    confined: bool = False  # another user, a read-only root, /tmp alone to write in: as serverless runs it (S-05)

    @property
    def role(self) -> str:
        return self.arguments[0] if self.arguments else "container"


@dataclass(frozen=True)
class Stopped:
    exit_code: int
    seconds: float
    killed: bool  # it was still there when the grace had passed


class Running(Protocol):
    """A started container. `close` ends it by force if it still runs, and removes what it was."""

    id: str
    address: Address  # where its port answers

    def exit_code(self) -> int | None:
        """None while it runs."""
        ...

    def wait(self, timeout: float | None = None) -> int | None:
        """None when it still runs after `timeout`."""
        ...

    def stop(self, grace: float) -> Stopped:
        """SIGTERM, and SIGKILL when it is still there after `grace`."""
        ...

    def kill(self) -> None: ...

    def listeners(self) -> Sequence[Listener]:
        """Every TCP socket that listens inside; nothing where that cannot be seen from here."""
        ...

    def address_of(self, listener: Listener) -> Address | None:
        """None where it cannot be asked from here."""
        ...

    def is_out_of_memory(self) -> bool:
        """Whether the kernel ended it, or a part of it, for want of memory."""
        ...

    def tail(self) -> Sequence[str]:
        """The last lines that it wrote."""
        ...

    def close(self) -> None: ...


class Runner(Protocol):
    name: str
    runs_images: bool  # whose containers see each other by name on a network

    def start(self, spec: Spec, log: Log) -> Running:
        """Raises EngineError. `log` is called with each line, on a thread of the runner's."""
        ...

    def network(self, isolated: bool = False, hosts: int = 1, serves: bool = False) -> AbstractContextManager[Network]:
        """For a job of so many hosts, or for containers that serve, as long as the context lasts.

        Raises EngineError where it cannot be had.
        """
        ...


class Tail:
    """A log that passes lines on and keeps the last ones."""

    def __init__(self, log: Log, kept: int = 200) -> None:
        self._log = log
        self.lines: deque[str] = deque(maxlen=kept)

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        self._log(line)
