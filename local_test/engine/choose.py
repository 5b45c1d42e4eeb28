"""Which runner: Docker where it answers and has the image, else processes; and why, in words."""

import subprocess
from collections.abc import Mapping
from typing import Any

from local_test.engine import docker_runner, process_runner
from local_test.engine.containers import EngineError, Runner
from local_test.engine.process_runner import PROGRAM_ROOT, ProcessRunner


def choose(image: str, use_docker: bool | None) -> tuple[Runner, str]:
    """`use_docker` None: where Docker answers and has the image. What earlier starts left running is ended first.

    Raises EngineError when Docker was asked for and cannot be had.
    """
    process_runner.reap()
    if use_docker is False:
        return ProcessRunner(), "--no-docker was asked for"
    client, reason = engine()
    if client is not None:
        docker_runner.reap(client)
        reason = _why_not(client, image)
        if not reason or (use_docker and has_image(client, image)):
            return docker_runner.DockerRunner(client), reason or "Docker answers and has the image"
    if use_docker:
        raise EngineError(reason)
    return ProcessRunner(), reason


def engine() -> tuple[Any, str]:
    """A client of a Docker engine that answers, or None and the reason."""
    try:
        import docker
    except ImportError:
        return None, "the Docker SDK is not installed (pip install docker)"
    try:
        client = docker.from_env()
        client.ping()
    except docker.errors.DockerException:
        return None, "no Docker engine answers"
    return client, ""


def has_image(client: Any, image: str) -> bool:
    from docker.errors import ImageNotFound

    try:
        client.images.get(image)
    except ImageNotFound:
        return False
    return True


def labels(image: str) -> Mapping[str, str]:
    """Of an image that Docker has; none without Docker."""
    return dict(_attributes(image).get("Config", {}).get("Labels") or {})


def size(image: str) -> int:
    """Bytes, of an image that Docker has; 0 without Docker."""
    return int(_attributes(image).get("Size", 0))


def _attributes(image: str) -> Mapping[str, Any]:
    client, _ = engine()
    return dict(client.images.get(image).attrs) if client is not None and has_image(client, image) else {}


def _why_not(client: Any, image: str) -> str:
    if not has_image(client, image):
        return f"Docker has no image {image} (make build)"
    labels = client.images.get(image).labels
    return "" if _is_of_this_code(labels) else f"{image} is of other code than this folder's (make build)"


def _is_of_this_code(labels: Mapping[str, str]) -> bool:
    """Whether an image of ours was built from what lies here; an image of the user's own is always right."""
    script, label = PROGRAM_ROOT / "container" / "digest.sh", labels.get("dev.tiffin.source")
    if label is None or not script.is_file():
        return True
    return subprocess.run([script], capture_output=True, text=True, check=True).stdout.strip() == label
