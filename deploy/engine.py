"""The Docker engine of this machine, reached as the docker command reaches it, and its errors as sentences."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from deploy.errors import DeployError

PATIENCE = 600  # seconds without a word: a large layer is packed in silence
# what the engine says, and what to do about it
HINTS: Mapping[str, str] = {
    r"no space left on device": "the disk of the Docker engine is full: `docker system df` says of what, "
    "`docker builder prune` and `docker image prune` make room",
}


class EngineError(DeployError):
    """Docker did not do it; the text says why."""


@contextmanager
def connected() -> Iterator[Any]:
    """docker.DockerClient of an engine that answers; closed afterwards."""
    import docker
    from docker.errors import DockerException

    client = None
    try:
        client = _client(docker)
        client.ping()
    except (DockerException, OSError) as error:
        if client is not None:
            client.close()
        raise EngineError(
            f"no Docker engine answers ({error}): start Docker, or set DOCKER_HOST to where one is; on Debian "
            "`container/engine.sh` starts one"
        ) from None
    try:
        yield client
    finally:
        client.close()


def image(client: Any, name: str) -> Any:
    """The image of that name or id on this engine."""
    from docker.errors import APIError, ImageNotFound

    try:
        return client.images.get(name)
    except ImageNotFound:
        raise EngineError(
            f"there is no image {name} on this machine: `deploy build` makes one, --image names another "
            "(`docker images` lists them)"
        ) from None
    except APIError as error:
        raise failed(f"the image {name} cannot be looked at", error) from None


def platform(client: Any) -> str:
    """What the engine runs without emulation: linux/amd64."""
    found = client.version()
    return f"{found['Os']}/{found['Arch']}"


def failed(
    what: str, error: object, lines: tuple[str, ...] = (), hints: Mapping[str, str] = MappingProxyType({})
) -> EngineError:
    """`lines`: the last that were said before; `hints`: pattern of what was said, and what to do about it."""
    said = str(getattr(error, "explanation", None) or error).strip()
    before = "".join(f"\n  {line}" for line in lines)
    hint = next((each for pattern, each in {**HINTS, **hints}.items() if re.search(pattern, f"{said}{before}")), "")
    return EngineError(f"{what}: {said}{before}" + (f"\n{hint}" if hint else ""))


def _client(docker: Any) -> Any:
    """DOCKER_HOST, else the context that `docker context use` chose: Colima and Docker Desktop are reached so."""
    if os.environ.get("DOCKER_HOST"):
        return docker.from_env(timeout=PATIENCE)
    from docker.context import ContextAPI
    from docker.errors import ContextException

    try:
        chosen = ContextAPI.get_context(os.environ.get("DOCKER_CONTEXT"))
    except ContextException:
        chosen = None
    if chosen is None or not chosen.Host:
        return docker.from_env(timeout=PATIENCE)
    return docker.DockerClient(base_url=chosen.Host, tls=chosen.TLSConfig or False, timeout=PATIENCE)
