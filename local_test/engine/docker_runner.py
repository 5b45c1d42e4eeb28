"""Containers of a Docker engine, started with the platform's argument and nothing else (C-01)."""

import contextlib
import os
import re
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any

from local_test.engine import kernel, owner
from local_test.engine.containers import (
    ALONE,
    LABEL,
    OWNER,
    EngineError,
    Log,
    Network,
    Resources,
    Running,
    Spec,
    Stopped,
    Tail,
)
from local_test.engine.door import INSIDE, LOOPBACK, Door, can_enter, opened
from local_test.wire import Address

_KILLED = 128 + 9
_GATEWAY = {"host.docker.internal": "host-gateway"}
_NO_ADDRESS = {"com.docker.network.bridge.inhibit_ipv4": "true"}  # of this machine's, on the network's bridge
# Older engines answer by this machine's resolver else (CVE-2024-29018): here the container's own loopback is asked.
_NO_NAMES = {"dns": ["127.0.0.1"], "dns_opt": ["timeout:1", "attempts:1"]}
_REACHES_HOST = (
    "isolated by Docker's internal network: this machine's own addresses can be reached from it, "
    "as only root may enter a container's network from here"
)


class DockerRunner:
    """For an engine whose containers this machine does not reach by address, their ports are published on loopback."""

    name = "Docker"
    runs_images = True

    def __init__(self, client: Any, *, enters: bool | None = None) -> None:
        """`enters` None: whether a container's network may be entered from here (door.py)."""
        self._client = client
        self._info: dict[str, Any] = client.info()
        self.reaches = reaches_containers(self._info)
        self.enters = self.reaches and (can_enter() if enters is None else enters)

    def start(self, spec: Spec, log: Log) -> Running:
        for part in spec.parts:  # else Docker makes it, as root
            (spec.tree / part.path).mkdir(parents=True, exist_ok=True)
        options: dict[str, Any] = {
            "command": list(spec.arguments),
            "environment": dict(spec.environment),
            "labels": {LABEL: spec.role, OWNER: owner.this_process()},
            "volumes": [
                f"{part.folder(spec.tree)}:{PurePosixPath('/opt/ml', part.path)}:{'ro' if part.read_only else 'rw'}"
                for part in spec.parts
            ],
            **self._limits(spec.resources, log),
            **_network(spec, log),
        }
        if spec.confined:  # memory of /tmp counts as the container's
            options |= {"user": "993:990", "read_only": True, "tmpfs": {"/tmp": "mode=1777"}}  # noqa: S108
        if spec.entrypoint is not None:
            options["entrypoint"] = list(spec.entrypoint)
        published = spec.publish if self.reaches else spec.publish or 0
        if published is not None and spec.network != ALONE:
            options["ports"] = {f"{spec.port}/tcp": ("127.0.0.1", published or None)}
        container = self._started(spec, options)
        return _DockerRunning(container, spec, log, self)

    def _started(self, spec: Spec, options: dict[str, Any]) -> Any:
        from docker.errors import APIError, ImageNotFound

        try:
            if spec.network and spec.network != ALONE:  # by its name of this job, from the first packet on
                aliases = [spec.hostname] if spec.hostname else []
                endpoint = self._client.api.create_endpoint_config(aliases=aliases)
                options |= {"network": spec.network.name, "networking_config": {spec.network.name: endpoint}}
            container = self._client.containers.create(spec.image, **options)
        except ImageNotFound:
            raise EngineError(f"Docker has no image {spec.image}") from None
        except APIError as error:
            raise EngineError(f"Docker did not make a container of {spec.image}: {_sentence(error, spec)}") from None
        try:
            container.start()
        except APIError as error:
            container.remove(force=True)
            raise EngineError(f"Docker did not start {spec.image}: {_sentence(error, spec)}") from None
        return container

    def _limits(self, wanted: Resources, log: Log) -> dict[str, Any]:
        given: dict[str, Any] = {}
        if wanted.cpus is not None:
            cpus = min(wanted.cpus, float(self._info["NCPU"]))
            if cpus < wanted.cpus:
                log(f"{wanted.cpus:g} processors were asked for; this machine has {cpus:g}")
            given["nano_cpus"] = int(cpus * 1e9)
        if wanted.memory is not None:
            memory = min(wanted.memory, int(self._info["MemTotal"]))
            if memory < wanted.memory:
                log(f"{wanted.memory / 2**30:.1f} GiB were asked for; this machine has {memory / 2**30:.1f} GiB")
            given |= {"mem_limit": memory, "memswap_limit": memory}
        return given

    @contextmanager
    def network(self, isolated: bool = False, hosts: int = 1, serves: bool = False) -> Iterator[Network]:
        from docker.errors import APIError

        if isolated and hosts == 1 and (self.enters or not serves):
            yield ALONE
            return
        if isolated and serves and not self.reaches:
            raise EngineError(
                "network isolation needs an engine whose containers this machine reaches: Docker on Linux, not rootless"
            )
        name = f"tiffin-{uuid.uuid4().hex[:12]}"
        try:
            made = self._client.networks.create(
                name,
                internal=isolated,
                options=_NO_ADDRESS if isolated and not serves else {},
                labels={LABEL: "network", OWNER: owner.this_process()},
            )
        except APIError as error:
            raise EngineError(f"Docker made no network: {error.explanation or error}") from None
        try:
            yield Network(name, isolated)
        finally:
            made.remove()

    def give_back(self, spec: Spec, log: Log) -> None:
        """The container wrote as root (C-06); hand its files to the user who has to delete them."""
        from docker.errors import DockerException

        writable = [str(part.folder(spec.tree)) for part in spec.parts if not part.read_only]
        if os.getuid() == 0 or not writable:
            return
        try:
            self._client.containers.run(
                spec.image,
                ["-R", f"{os.getuid()}:{os.getgid()}", *writable],
                entrypoint="chown",
                user="0",
                volumes=[f"{folder}:{folder}:rw" for folder in writable],
                labels={LABEL: "chown", OWNER: owner.this_process()},
                network_mode="none",
                remove=True,
            )
        except DockerException:  # an image without chown
            log(f"what the container wrote belongs to root: {', '.join(writable)}")


class _DockerRunning:
    def __init__(self, container: Any, spec: Spec, log: Log, runner: DockerRunner) -> None:
        """Raises EngineError with the container removed."""
        self.id = str(container.id)
        self._runner = runner
        self._container = container
        self._spec, self._log = spec, log
        self._tail = Tail(log)
        self._lines = threading.Thread(target=_follow, args=(container, self._tail), daemon=True)
        self._lines.start()
        container.reload()
        settings = container.attrs["NetworkSettings"]
        bindings = (settings["Ports"] or {}).get(f"{spec.port}/tcp")
        self._door: Door | None = None
        self._host = next(iter(settings["Networks"].values()))["IPAddress"]
        if bindings:
            self.address = Address("127.0.0.1", int(bindings[0]["HostPort"]))
        elif self._host:
            self.address = Address(self._host, spec.port)
        elif spec.network == ALONE and spec.role == "serve" and (door := self._entered()):
            self._door = door
            self.address = Address(INSIDE, spec.port, door.socket)
        else:
            self.address = Address("container-has-ended.invalid", spec.port)

    def _entered(self) -> Door | None:
        """None where it has ended."""
        try:
            return opened(int(self._container.attrs["State"]["Pid"]), lambda: self._state().get("Pid", 0))
        except OSError as error:
            self.close()
            raise EngineError(f"the network of an isolated container cannot be entered: {error}") from None

    def exit_code(self) -> int | None:
        state = self._state()
        return None if state["Running"] else int(state["ExitCode"])

    def _state(self) -> dict[str, Any]:
        from docker.errors import NotFound

        try:
            self._container.reload()
        except NotFound:  # somebody else has removed it
            return {"Running": False, "ExitCode": _KILLED, "OOMKilled": False}
        return dict(self._container.attrs["State"])

    def wait(self, timeout: float | None = None) -> int | None:
        from docker.errors import NotFound
        from requests.exceptions import ConnectionError as Unanswered
        from requests.exceptions import ReadTimeout

        try:
            code = int(self._container.wait(timeout=timeout)["StatusCode"])
        except (ReadTimeout, Unanswered, NotFound):  # the first two are docker's client when the time is over
            return self.exit_code()
        self._lines.join(timeout=5)
        return code

    def stop(self, grace: float) -> Stopped:
        from docker.errors import NotFound

        begun = time.monotonic()
        with contextlib.suppress(NotFound):
            self._container.stop(timeout=max(1, round(grace)))
        seconds = time.monotonic() - begun
        code = self.exit_code()
        self._lines.join(timeout=5)
        return Stopped(_KILLED if code is None else code, seconds, code == _KILLED and seconds >= grace)

    def kill(self) -> None:
        from docker.errors import APIError

        try:
            self._container.kill()
        except APIError:
            if self.exit_code() is None:
                raise

    def listeners(self) -> Sequence[kernel.Listener]:
        return kernel.listeners(self._state().get("Pid", 0)) if self._runner.reaches else ()

    def address_of(self, listener: kernel.Listener) -> Address | None:
        if self._door is None and self._runner.enters:
            self._door = self._entered()
        if self._door:
            return Address(LOOPBACK if listener.is_loopback else INSIDE, listener.port, self._door.socket)
        return Address(self._host, listener.port) if self._host and not listener.is_loopback else None

    def is_out_of_memory(self) -> bool:
        return bool(self._state()["OOMKilled"])

    def tail(self) -> Sequence[str]:
        return list(self._tail.lines)

    def close(self) -> None:
        _removed(self._container, force=True, v=True)
        if self._door:
            self._door.close()
        self._lines.join(timeout=5)
        self._runner.give_back(self._spec, self._log)


def _network(spec: Spec, log: Log) -> dict[str, Any]:
    if spec.network == ALONE:
        return alone(spec.hostname)
    named = {"hostname": spec.hostname} if spec.hostname else {}
    if spec.network is None or not spec.network.isolated:
        return named | {"extra_hosts": _GATEWAY}
    if spec.role == "serve":
        log(_REACHES_HOST)
    return named | _NO_NAMES


def alone(hostname: str | None) -> dict[str, Any]:
    """Without a network: its own name is found, as anywhere."""
    name = hostname or uuid.uuid4().hex[:12]
    return {"network_mode": ALONE.name, "hostname": name, "extra_hosts": {name: "127.0.0.1"}}


def reap(client: Any) -> list[str]:
    """End the containers whose starter is gone, and remove their networks; returns what they were."""
    filters = {"label": OWNER}
    gone = []
    for container in client.containers.list(all=True, filters=filters, ignore_removed=True):
        if not owner.is_alive(container.labels[OWNER]) and _removed(container, force=True, v=True):
            gone.append(f"container {container.name} ({container.labels.get(LABEL, '')})")
    for network in client.networks.list(filters=filters):
        if not owner.is_alive(network.attrs["Labels"][OWNER]) and _removed(network):
            gone.append(f"network {network.name}")
    return gone


def _removed(what: Any, **options: bool) -> bool:
    """By us; False where somebody else has removed it, or is just doing so."""
    from docker.errors import APIError

    try:
        what.remove(**options)
    except APIError as error:
        if error.status_code not in (404, 409):
            raise
        return False
    return True


def reaches_containers(info: dict[str, Any]) -> bool:
    is_desktop = "Docker Desktop" in info.get("OperatingSystem", "")
    is_rootless = any("rootless" in option for option in info.get("SecurityOptions") or ())
    is_remote = not os.environ.get("DOCKER_HOST", "unix://").startswith("unix://")
    return sys.platform == "linux" and not (is_desktop or is_rootless or is_remote)


def _sentence(error: Any, spec: Spec) -> str:
    text = str(error.explanation or error)
    if match := re.search(r'exec: "([^"]+)"[^:]*: executable file not found', text):
        return f"it has no executable {match[1]!r} on its PATH (C-02)"
    if "port is already allocated" in text or "address already in use" in text:
        return f"port {spec.publish} is taken"
    return text


def _follow(container: Any, log: Log) -> None:
    rest = b""
    for chunk in container.logs(stream=True, follow=True):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            log(line.decode(errors="replace").rstrip("\r"))
    if rest:
        log(rest.decode(errors="replace"))
