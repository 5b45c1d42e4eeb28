"""Start an image's containers as the platform does, and look at them from outside. The only module with the Docker SDK.

Whatever is started bears this judge's label, and is gone when it ends; what a killed judge left is removed by the next.
"""

import io
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

LABEL = "dev.tiffin.verify"  # its value: the process id of the judge, and which of its judgements
ISOLATED = f"{LABEL}.isolated"
_POLL = 0.05
_CHUNK = 1024 * 1024  # bytes
_LISTEN = "0A"  # a socket's state in /proc/net/tcp
_SIGTERM_BIT = 1 << 14
_RUNC = " init"


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
    isolated: bool = False  # no network; or, to serve, none with a way out, by which the judge reaches it
    network: str | None = None  # one of `Engine.network`, where it is found by its host name
    user: str | None = None
    read_only: bool = False  # all but /tmp
    memory: int | None = None  # bytes
    hostname: str | None = None


@dataclass(frozen=True)
class Listener:
    address: str
    port: int

    @property
    def is_loopback(self) -> bool:
        return self.address.startswith("127.") or self.address == "::1"


class Container:
    def __init__(self, container: Any) -> None:
        self._container = container
        self.started = time.monotonic()

    @property
    def address(self) -> str:
        """Its own on the bridge: a published port would be accepted by the engine's proxy, whatever the server does."""
        self._container.reload()
        networks = self._container.attrs["NetworkSettings"]["Networks"]
        return next((network["IPAddress"] for network in networks.values() if network["IPAddress"]), "")

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
        """Whether PID 1 catches SIGTERM; the kernel drops it for one that does not. None: cannot be seen from here."""
        # The engine's own process catches every signal until it becomes the program: who it is is asked first.
        if self.first_process().endswith(_RUNC):
            return None
        for line in self._proc("status").splitlines():
            if line.startswith("SigCgt:"):
                return bool(int(line.split()[1], 16) & _SIGTERM_BIT)
        return None

    def first_process(self) -> str:
        return self._proc("cmdline").replace("\0", " ").strip()

    def listeners(self) -> Sequence[Listener]:
        """Every TCP socket that listens inside."""
        found = []
        for table in ("net/tcp", "net/tcp6"):
            for line in self._proc(table).splitlines()[1:]:
                _, local, _, state, *_ = line.split()
                if state == _LISTEN:
                    address, port = local.split(":")
                    found.append(Listener(_address(address), int(port, 16)))
        return [one for one in found if one.address != "127.0.0.11"]  # the engine's own name server

    def _proc(self, name: str) -> str:
        """/proc of PID 1, as this machine's kernel shows it; empty where the engine runs on another."""
        self._container.reload()
        pid = self._container.attrs["State"]["Pid"]
        with suppress(OSError):
            return Path(f"/proc/{pid}/{name}").read_text(errors="replace") if pid else ""
        return ""

    def remove(self) -> None:
        from docker.errors import APIError

        with suppress(APIError):
            self._container.remove(force=True, v=True)


def _address(hexadecimal: str) -> str:
    """As /proc/net/tcp writes it, words in the machine's order."""
    raw = bytes.fromhex(hexadecimal)
    words = b"".join(raw[i : i + 4][::-1] for i in range(0, len(raw), 4))
    if len(words) == 4:  # noqa: PLR2004
        return ".".join(map(str, words))
    if words == b"\0" * 15 + b"\1":
        return "::1"
    return "::" if not any(words) else words.hex(":", 2)


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
        """path -> the files there, by a container that is never started; paths that are not there are left out."""
        from docker.errors import APIError, NotFound

        try:
            container = self._client.containers.create(self.image, "true", labels=self._mark)
        except APIError as error:
            raise NotStarted(str(error.explanation or error)) from None
        found: dict[str, Sequence[str]] = {}
        try:
            for path in paths:
                with suppress(NotFound, APIError):
                    stream, _ = container.get_archive(path)
                    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
                        found[path] = [member.name for member in archive if not member.isdir()]
        finally:
            container.remove(force=True)
        return found

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
        if start.isolated and start.command == "train":  # nobody asks it anything
            options["network_mode"] = "none"
        elif start.isolated:
            options["network"] = self._isolated()
        elif start.network:
            named = self._client.api.create_endpoint_config(aliases=[start.hostname] if start.hostname else None)
            options |= {"network": start.network, "networking_config": {start.network: named}}
        for name, value in (("user", start.user), ("mem_limit", start.memory), ("hostname", start.hostname)):
            if value is not None:
                options[name] = value
        if start.memory is not None:
            options["memswap_limit"] = start.memory
        try:
            container = self._client.containers.create(self.image, start.command, **options)
        except APIError as error:
            raise NotStarted(str(error.explanation or error)) from None
        try:
            container.start()
            yield Container(container)
        except APIError as error:
            raise NotStarted(str(error.explanation or error)) from None
        finally:
            Container(container).remove()

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
