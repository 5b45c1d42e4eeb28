import json
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from local_test.engine.process_runner import free_port, is_taken
from local_test.engine.tree import Tree
from tests.server import PATIENCE, ROOT, Server, wait_for
from tiffin import __version__

STOCK = f"tiffin:{__version__}"
COLOUR = f"tiffin:{__version__}-colour"
LABEL = f"dev.tiffin.test={uuid.uuid4().hex}"


def docker(*arguments: str, check: bool = True, **options: Any) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=600, check=False, **options)
    assert not check or done.returncode == 0, f"docker {' '.join(arguments)}\n{done.stdout}{done.stderr}"
    return done


def inspect(image: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(docker("image", "inspect", image).stdout)[0]
    return document


class ContainerServer(Server):
    """A container that serves, as a Server: requests go to its published port, the log is the container's."""

    def __init__(self, name: str) -> None:
        self.name = name
        published = docker("port", name).stdout.split("\n")[0]
        self.port = int(published.rpartition(":")[2]) if published else 0

    @property
    def log(self) -> str:
        done = docker("logs", self.name, check=False)
        return done.stdout + done.stderr

    def stop(self) -> int:
        """SIGTERM, SIGKILL 30 s later (H-18); the exit code."""
        docker("stop", "--time", "30", self.name)
        return int(docker("inspect", "--format", "{{.State.ExitCode}}", self.name).stdout)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree.build(
        tmp_path / "ml",
        {"algorithm": "tree", "max_leaf_nodes": "60"},
        {"train": ROOT / "model" / "data" / "colours.csv"},
    )


@pytest.fixture(scope="session")
def artifact() -> Iterator[Path]:
    """A model directory trained by the image itself, with a plain `docker run`."""
    base = Path(tempfile.mkdtemp(prefix="tiffin-artifact-"))
    data = {"train": ROOT / "model" / "data" / "colours.csv"}
    tree = Tree.build(base / "ml", {"algorithm": "tree", "max_leaf_nodes": "60"}, data)
    docker("run", "--rm", "--label", LABEL, "--volume", f"{tree.paths.base}:/opt/ml", COLOUR, "train")
    yield tree.paths.model
    shutil.rmtree(base, ignore_errors=True)


@pytest.fixture
def run() -> Iterator[Callable[..., ContainerServer]]:
    """Start a container that serves: `run(image, *options)`; ready unless `wait=False`. Removed afterwards."""
    names = []

    def start(image: str, *options: str, command: str = "serve", wait: bool = True) -> ContainerServer:
        name = f"tiffin-test-{uuid.uuid4().hex[:12]}"
        names.append(name)
        docker("run", "--detach", "--name", name, "--label", LABEL, *options, image, command)
        server = ContainerServer(name)
        if wait:
            wait_for(lambda: server.ping() == 200, "200 on /ping", server)
        return server

    yield start
    for name in names:
        docker("rm", "--force", name, check=False)


@contextmanager
def built(dockerfile: str, files: Mapping[str, str]) -> Iterator[str]:
    """An image of a Dockerfile with a few files beside it, removed afterwards."""
    image = f"tiffin-test:{uuid.uuid4().hex[:12]}"
    with tempfile.TemporaryDirectory() as context:
        for name, text in {"Dockerfile": dockerfile, **files}.items():
            file = Path(context) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        docker("build", "--tag", image, "--label", LABEL, context)
    try:
        yield image
    finally:
        docker("image", "rm", "--force", image, check=False)


@contextmanager
def own(program: Path, base: str = COLOUR, more: str = "") -> Iterator[str]:
    """An image of somebody else's program, the executables of a folder, on the Python of ours."""
    files = {file.name: file.read_text() for file in program.iterdir() if file.is_file()}
    lines = f"FROM {base}\nCOPY {' '.join(files)} /own/\nRUN chmod 755 /own/*\nENV PATH=/own:$PATH\n{more}\n"
    with built(lines, files) as image:
        yield image


@pytest.fixture
def build() -> Iterator[Callable[[str, dict[str, str]], str]]:
    """Of `built` images, removed when the test ends."""
    with ExitStack() as stack:
        yield lambda dockerfile, files: stack.enter_context(built(dockerfile, files))


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """The engine by its SDK; a build may take minutes."""
    import docker as sdk

    engine = sdk.from_env(timeout=600)
    yield engine
    engine.close()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """A real registry on loopback: its host and port."""
    port = free_port()
    config = tmp_path / "registry.yml"
    config.write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {tmp_path / 'registry'}}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n"
    )
    log = tmp_path / "registry.log"
    with log.open("w") as out:
        process = subprocess.Popen(["docker-registry", "serve", str(config)], stdout=out, stderr=out)
    try:
        wait_for(lambda: is_taken(port), "registry", Server(process, log))
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(PATIENCE)
