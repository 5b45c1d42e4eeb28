"""The image with R, and R's own answers, for tests."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.container.conftest import LABEL, STOCK, ContainerServer, docker
from tests.server import ROOT, wait_for

IMAGE = f"{STOCK}-r"
CASES = ROOT / "tests" / "cases" / "r"
COLOURS = ROOT / "model" / "data" / "colours.csv"
PLUG = ROOT / "examples" / "colour-r"


@contextmanager
def container(*options: str, image: str = IMAGE) -> Iterator[ContainerServer]:
    name = f"tiffin-test-{uuid.uuid4().hex[:12]}"
    published = ("--publish", "127.0.0.1::8080")
    docker("run", "--detach", "--name", name, "--label", LABEL, *published, *options, image, "serve")
    try:
        server = ContainerServer(name)
        wait_for(lambda: server.ping() == 200, "200 on /ping", server)
        yield server
    finally:
        docker("rm", "--force", name, check=False)


def rscript(folder: Path, script: str, *arguments: str) -> None:
    mounts = ("--volume", f"{folder}:/data", "--volume", f"{CASES}:/cases:ro", "--volume", f"{COLOURS}:/colours.csv:ro")
    docker("run", "--rm", "--label", LABEL, *mounts, IMAGE, "Rscript", "--vanilla", f"/cases/{script}", *arguments)


def refused(*options: str) -> str:
    """The log of a container that must not come up."""
    done = docker("run", "--rm", "--label", LABEL, *options, IMAGE, "serve", check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout + done.stderr


def processes(server: ContainerServer) -> list[str]:
    """The process ids of the server, the first being the one that forked the others."""
    found = docker("exec", server.name, "sh", "-c", "cat /proc/1/task/1/children").stdout.split()
    return ["1", *found]
