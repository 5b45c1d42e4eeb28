"""Who runs an image, and what it is called there; every container that starts is known until it ends."""

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from local_test.api.platform import Platform
from local_test.engine.choose import choose, engine, has_image
from local_test.engine.containers import EngineError, Log, Network, Runner, Running, Spec, Stopped
from local_test.engine.kernel import Listener
from local_test.wire import Address

_ECR = re.compile(r"^\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com/")


def runner_for(platform: Platform, image: str) -> tuple[Runner, str]:
    """Raises EngineError with a sentence for a FailureReason.

    Without Docker an image is a folder, and any tag of ours is the code that lies here, with its plug.
    """
    use_docker = platform.use_docker
    if use_docker is not False:
        image = _pulled(platform, image)
        client, _ = engine()
        use_docker = use_docker or (client is not None and has_image(client, image)) or None
    runner, why = choose(image, use_docker)
    if runner.runs_images:
        return Known(runner, platform), image
    if Path(image).is_dir():
        return Known(runner, platform), image
    if image.rpartition("/")[2].split(":")[0] == "tiffin":
        return Known(runner, platform), ""
    raise EngineError(f"the image {image} cannot be run: {why}")


def _pulled(platform: Platform, image: str) -> str:
    """An image of our registry, as it is there now; one that names ECR itself is looked for there too."""
    registry = platform.registry.address
    there = _ECR.sub(f"{registry}/", image)
    client, _ = engine()
    if client is None or not there.startswith(f"{registry}/") or (there != image and has_image(client, image)):
        return image
    from docker.errors import APIError

    platform.registry.start()
    name, _, tag = there.removeprefix(f"{registry}/").partition("@" if "@" in there else ":")
    try:
        client.images.pull(f"{registry}/{name}", tag or "latest")
    except APIError as error:
        raise EngineError(f"the image {image} cannot be pulled: {error.explanation or error}") from None
    return there


class Known:
    """A runner that tells the platform what it has started."""

    def __init__(self, runner: Runner, platform: Platform) -> None:
        self._runner, self._platform = runner, platform
        self.name, self.runs_images = runner.name, runner.runs_images

    def start(self, spec: Spec, log: Log) -> Running:
        running = _Known(self._runner.start(spec, log), self._platform)
        self._platform.works.began(running)
        return running

    def network(self, isolated: bool = False, hosts: int = 1, serves: bool = False) -> AbstractContextManager[Network]:
        return self._runner.network(isolated, hosts, serves)


class _Known:
    def __init__(self, running: Running, platform: Platform) -> None:
        self._running, self._platform = running, platform
        self.id, self.address = running.id, running.address

    def exit_code(self) -> int | None:
        return self._running.exit_code()

    def wait(self, timeout: float | None = None) -> int | None:
        return self._running.wait(timeout)

    def stop(self, grace: float) -> Stopped:
        return self._running.stop(grace)

    def kill(self) -> None:
        self._running.kill()

    def listeners(self) -> Sequence[Listener]:
        return self._running.listeners()

    def address_of(self, listener: Listener) -> Address | None:
        return self._running.address_of(listener)

    def is_out_of_memory(self) -> bool:
        return self._running.is_out_of_memory()

    def tail(self) -> Sequence[str]:
        return self._running.tail()

    def close(self) -> None:
        self._running.close()
        self._platform.works.ended(self)
