"""Start an image's containers as the platform does, and look at them from outside. The only module with the Docker SDK.

Whatever is started bears this judge's label, and is gone when it ends; what a killed judge left is removed by the next.
"""

import os
import tarfile
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_test.engine import kernel
from local_test.engine.docker_runner import alone, reaches_containers
from local_test.engine.door import INSIDE, LOOPBACK, Door, can_enter, opened
from local_test.verify.layers import Stream
from local_test.verify.wire import Address

LABEL = "dev.tiffin.verify"  # its value: the process id of the judge, and which of its judgements
ISOLATED = f"{LABEL}.isolated"
_POLL = 0.05
_CHUNK = 1024 * 1024  # bytes
_HEAD = 200  # bytes


class EngineError(Exception):
    """The engine does not answer or has not got the image; its text is for the user."""


class NotStarted(Exception):
    """The engine refused to start the container; its text is the engine's."""


@dataclass(frozen=True)
class Mount:
    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True)
class Start:
    """How a container starts; the command is `train` or `serve` (C-01)."""

    command: str
    environment: Mapping[str, str] = field(default_factory=dict)
    mounts: Sequence[Mount] = ()
    isolated: bool = False  # no network; or, where the judge cannot enter it, one without a way out
    network: str | None = None  # one of `Engine.network`, where it is found by its host name
    user: str | None = None
    read_only: bool = False  # all but /tmp
    memory: int | None = None  # bytes
    shared_memory: bool = True  # /dev/shm, in which semaphores are made
    hostname: str | None = None


@dataclass(frozen=True)
class Peeked:
    """A file of the image."""

    mode: int
    head: bytes  # its first bytes


class Container:
    def __init__(self, container: Any, door: Door | None = None) -> None:
        """`door`: into its network, where nobody else gets an address of its that it has left."""
        self._container, self._door = container, door
        self.started = time.monotonic()

    def address(self, port: int) -> Address:
        """Its own: a published port would be accepted by the engine's proxy, whatever the server does."""
        self._container.reload()
        networks = self._container.attrs["NetworkSettings"]["Networks"].values()
        host = next((network["IPAddress"] for network in networks if network["IPAddress"]), "")
        if self._door is None:
            return Address(host or "container-has-ended.invalid", port)
        return Address(host or INSIDE, port, self._door.socket)

    def address_of(self, listener: kernel.Listener) -> Address | None:
        """Its loopback is reached from within its network alone."""
        if not listener.is_loopback:
            return self.address(listener.port)
        return Address(LOOPBACK, listener.port, self._door.socket) if self._door else None

    def exit_code(self) -> int | None:
        """None while it runs."""
        self._container.reload()
        state = self._container.attrs["State"]
        return None if state["Running"] else int(state["ExitCode"])

    def wait(self, patience: float) -> int | None:
        """The exit code; None when it still ran after `patience` seconds."""
        deadline = time.monotonic() + patience
        while (code := self.exit_code()) is None and time.monotonic() < deadline:
            time.sleep(_POLL)
        return code

    def signal(self, name: str) -> None:
        from docker.errors import APIError

        with suppress(APIError):  # it ended by itself just now
            self._container.kill(signal=name)

    def log(self) -> str:
        return str(self._container.logs().decode(errors="replace"))

    def stamped_log(self) -> Sequence[tuple[str, str]]:
        """(time in RFC 3339, line)."""
        text = self._container.logs(timestamps=True).decode(errors="replace")
        return [(line.partition(" ")[0], line.partition(" ")[2]) for line in text.splitlines()]

    def memory(self) -> int:
        """Bytes in use, without the page cache."""
        usage = self._container.stats(stream=False, one_shot=True).get("memory_stats", {})
        cache = usage.get("stats", {}).get("total_inactive_file", usage.get("stats", {}).get("inactive_file", 0))
        return int(usage.get("usage", 0)) - int(cache)

    def hears_sigterm(self) -> bool | None:
        """Whether PID 1 catches SIGTERM; None: cannot be seen from here."""
        return kernel.hears_sigterm(self.pid())

    def first_process(self) -> str:
        return kernel.command_line(self.pid())

    def zombies(self) -> int:
        return kernel.zombies(self.pid())

    def listeners(self) -> Sequence[kernel.Listener]:
        return kernel.listeners(self.pid())

    def pid(self) -> int:
        """Of its first process, as this machine counts; 0 where it has ended."""
        self._container.reload()
        return int(self._container.attrs["State"]["Pid"])

    def remove(self) -> None:
        from docker.errors import APIError

        with suppress(APIError):
            self._container.remove(force=True, v=True)
        if self._door:
            self._door.close()


class Engine:
    def __init__(self, image: str) -> None:
        """Raises EngineError."""
        import docker
        from docker.errors import DockerException, ImageNotFound

        try:
            self._client = docker.from_env(timeout=120)
            self._image = self._client.images.get(image)
        except ImageNotFound:
            raise EngineError(f"the Docker engine here has no image {image}; build or pull it first") from None
        except DockerException as error:
            raise EngineError(f"no Docker engine answers: {error}") from None
        self.image = image
        self.enters = reaches_containers(self._client.info()) and can_enter()
        self._lock = threading.Lock()
        self._network: Any = None
        self._mark = {LABEL: f"{os.getpid()}.{uuid.uuid4().hex[:12]}"}
        self._reap()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """What goes wrong with the engine meanwhile is an EngineError."""
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        try:
            yield
        except (DockerException, RequestException) as error:
            raise EngineError(f"the Docker engine did not do what it was asked: {error}") from error

    @property
    def platform(self) -> str:
        """Of the engine, in the words of an image."""
        version = self._client.version()
        return f"{version['Os']}/{version['Arch']}"

    @property
    def attributes(self) -> Mapping[str, Any]:
        """As `docker image inspect`."""
        return dict(self._image.attrs)

    def history(self) -> Sequence[str]:
        """The Dockerfile's lines as the image records them, the newest first."""
        return [str(layer.get("CreatedBy", "")) for layer in self._image.history()]

    def manifest_type(self) -> str | None:
        """The media type of the manifest in the registry that the image was pushed to; None when there is none."""
        from docker.errors import DockerException

        for name in self.attributes.get("RepoDigests") or ():
            with suppress(DockerException):
                described = self._client.images.get_registry_data(name).attrs["Descriptor"]
                return str(described["mediaType"])
        return None

    def names_in(self, paths: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """path -> the files there; paths that are not there are left out. Raises NotStarted."""
        return {
            path: [member.name for member in archive if not member.isdir()] for path, archive in self._packed(paths)
        }

    def peek(self, paths: Sequence[str]) -> Mapping[str, Peeked]:
        """Those of the paths that are files, or links to some. Raises NotStarted."""
        found = {}
        for path, archive in self._packed(paths):
            if (member := archive.next()) and (file := archive.extractfile(member)):
                found[path] = Peeked(member.mode, file.read(_HEAD))
        return found

    def _packed(self, paths: Sequence[str]) -> Iterator[tuple[str, tarfile.TarFile]]:
        """By a container that is never started."""
        from docker.errors import APIError

        try:
            container = self._client.containers.create(self.image, "true", labels=self._mark)
        except APIError as error:
            raise NotStarted(str(error.explanation or error)) from None
        try:
            for path in paths:
                with suppress(APIError):  # it is not there
                    stream, _ = container.get_archive(path)
                    with tarfile.open(fileobj=Stream(stream), mode="r|") as archive:  # type: ignore[call-overload]
                        yield path, archive
        finally:
            container.remove(force=True)

    def saved(self) -> Iterator[bytes]:
        """As `docker save`: every layer, with what a later one removed."""
        yield from self._image.save(chunk_size=_CHUNK)

    def exported(self) -> Iterator[bytes]:
        """As `docker export` of a container that is never started."""
        container = self._client.containers.create(self.image, "true", labels=self._mark)
        try:
            yield from container.export(chunk_size=_CHUNK)
        finally:
            container.remove(force=True)

    @contextmanager
    def running(self, start: Start) -> Iterator[Container]:
        """Raises NotStarted. The container is removed at the end, without a grace."""
        from docker.errors import APIError

        try:
            container = self._client.containers.create(self.image, start.command, **self._options(start))
        except APIError as error:
            raise NotStarted(str(error.explanation or error)) from None
        door = None
        try:
            container.start()
            door = self._door(container) if start.command == "serve" else None
            yield Container(container, door)
        except APIError as error:
            raise NotStarted(str(error.explanation or error)) from None
        finally:
            Container(container, door).remove()

    def _options(self, start: Start) -> dict[str, Any]:
        options: dict[str, Any] = {
            "environment": dict(start.environment),
            "volumes": {
                str(mount.source): {"bind": mount.target, "mode": "rw" if mount.writable else "ro"}
                for mount in start.mounts
            },
            "labels": self._mark,
            "read_only": start.read_only,
        }
        if start.read_only:
            options["tmpfs"] = {"/tmp": ""}  # noqa: S108  the container's own
        if start.isolated and (self.enters or start.command == "train"):  # of which nobody asks anything
            options |= alone(start.hostname)
        elif start.isolated:
            options["network"] = self._isolated()
        elif start.network:
            named = self._client.api.create_endpoint_config(aliases=[start.hostname] if start.hostname else None)
            options |= {"network": start.network, "networking_config": {start.network: named}}
        for name, value in (("user", start.user), ("mem_limit", start.memory), ("hostname", start.hostname)):
            if value is not None:
                options[name] = value
        if not start.shared_memory:
            options["ipc_mode"] = "none"
        if start.memory is not None:
            options["memswap_limit"] = start.memory
        return options

    def _door(self, container: Any) -> Door | None:
        pid = Container(container).pid
        try:
            return opened(pid(), pid) if self.enters else None
        except OSError as error:
            raise EngineError(f"the network of a container cannot be entered: {error}") from None

    @contextmanager
    def network(self) -> Iterator[str]:
        """Of containers that find each other; its name."""
        network = self._client.networks.create(f"{LABEL}.{uuid.uuid4().hex[:12]}", labels=self._mark)
        try:
            yield str(network.name)
        finally:
            network.remove()

    def give_back(self, folder: Path) -> None:
        """What containers wrote as root can be deleted by the user who has to (a user's judge, not root's)."""
        from docker.errors import APIError

        if os.getuid() == 0:
            return
        with suppress(APIError):
            self._client.containers.run(
                self.image,
                ["-R", f"{os.getuid()}:{os.getgid()}", "/given"],
                entrypoint="chown",
                user="0",
                volumes={str(folder): {"bind": "/given", "mode": "rw"}},
                labels=self._mark,
                network_mode="none",
                remove=True,
            )

    def close(self) -> None:
        from docker.errors import APIError

        for container in self._client.containers.list(
            all=True, ignore_removed=True, filters={"label": f"{LABEL}={self._mark[LABEL]}"}
        ):
            Container(container).remove()
        if self._network is not None:
            with suppress(APIError):
                self._network.remove()
        self._client.close()

    def _isolated(self) -> str:
        with self._lock:
            if self._network is None:
                name = f"{ISOLATED}.{self._mark[LABEL]}"
                self._network = self._client.networks.create(name, internal=True, labels=self._mark)
            return str(self._network.name)

    def _reap(self) -> None:
        """What judges left that were killed."""
        from docker.errors import APIError

        label = {"label": LABEL}
        for container in self._client.containers.list(all=True, ignore_removed=True, filters=label):
            if _is_orphan(container.labels.get(LABEL, "")):
                Container(container).remove()
        for network in self._client.networks.list(filters=label):
            if _is_orphan((network.attrs.get("Labels") or {}).get(LABEL, "")):
                with suppress(APIError):
                    network.remove()


def _is_orphan(mark: str) -> bool:
    return not Path(f"/proc/{mark.partition('.')[0]}").exists()
