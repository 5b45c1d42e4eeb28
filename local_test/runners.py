"""Start `train` and `serve` as SageMaker does: in the image, or without Docker as processes.

Both runners give no AWS keys, send SIGTERM and wait the platform's grace before SIGKILL, and leave nothing running.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from local_test.tree import Tree
from tiffin import limits

PROGRAM_ROOT = Path(__file__).resolve().parent.parent
LABEL = "dev.tiffin.local"
Log = Callable[[str], None]


class RunnerError(Exception):
    """The engine or a program could not be started; its text is for the user."""


class Runner(Protocol):
    name: str

    def train(self, tree: Tree, log: Log) -> int:
        """Run a training job to its end; returns its exit code."""
        ...

    def serving(self, tree: Tree, port: int, log: Log) -> Any:
        """A context in which a server runs; gives a `Server`. The model directory is read-only in it (H-19)."""
        ...


class Server(Protocol):
    url: str

    def exit_code(self) -> int | None:
        """None while it runs."""
        ...


class ProcessRunner:
    """No Docker: `python -m train` and `python -m serve` of this environment, with the tree as SAGEMAKER_BASE_DIR."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self.name = "processes of this machine (no Docker)"
        self._environment = dict(environment or {})

    def train(self, tree: Tree, log: Log) -> int:
        with _process("train", self._environ(tree), log, limits.STOP_GRACE_TRAIN) as process:
            return process.wait()

    @contextmanager
    def serving(self, tree: Tree, port: int, log: Log) -> Iterator["ProcessServer"]:
        port = port or free_port()
        environ = {**self._environ(tree), "SERVE_HOST": "127.0.0.1", "SAGEMAKER_BIND_TO_PORT": str(port)}
        with (
            _read_only(tree.paths.model),
            _process("serve", environ, log, limits.STOP_GRACE_SERVE) as process,
        ):
            yield ProcessServer(f"http://127.0.0.1:{port}", process)

    def _environ(self, tree: Tree) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        own_plug = Path("model").resolve()
        plug = {"TIFFIN_PLUG": str(own_plug)} if own_plug.is_dir() else {}
        return {
            **plug,
            **inherited,
            "PYTHONPATH": str(PROGRAM_ROOT),
            "PYTHONSAFEPATH": "1",
            "PYTHONUNBUFFERED": "1",
            "SAGEMAKER_BASE_DIR": str(tree.paths.base),
            **self._environment,
        }


class ProcessServer:
    def __init__(self, url: str, process: "subprocess.Popen[str]") -> None:
        self.url = url
        self._process = process

    def exit_code(self) -> int | None:
        return self._process.poll()


class DockerRunner:
    """The image, started with the argument `train` or `serve` and nothing else (C-01)."""

    def __init__(self, client: Any, image: str, environment: Mapping[str, str] | None = None) -> None:
        self.name = f"the image {image}, in Docker"
        self._client = client
        self._image = image
        self._environment = dict(environment or {})

    def train(self, tree: Tree, log: Log) -> int:
        volumes = {str(tree.paths.base): {"bind": "/opt/ml", "mode": "rw"}}
        with self._container("train", limits.STOP_GRACE_TRAIN, log, volumes=volumes) as container:
            code = int(container.wait()["StatusCode"])
        self._give_back(tree)
        return code

    @contextmanager
    def serving(self, tree: Tree, port: int, log: Log) -> Iterator["DockerServer"]:
        volumes = {str(tree.paths.model): {"bind": "/opt/ml/model", "mode": "ro"}}
        ports = {f"{limits.PORT}/tcp": ("127.0.0.1", port or None)}
        with self._container("serve", limits.STOP_GRACE_SERVE, log, volumes=volumes, ports=ports) as container:
            container.reload()
            published = container.attrs["NetworkSettings"]["Ports"][f"{limits.PORT}/tcp"][0]["HostPort"]
            yield DockerServer(f"http://127.0.0.1:{published}", container)

    @contextmanager
    def _container(self, command: str, grace: int, log: Log, **options: Any) -> Iterator[Any]:
        from docker.errors import APIError

        try:
            container = self._client.containers.create(
                self._image, command, labels={LABEL: command}, environment=self._environment, **options
            )
            try:
                container.start()
            except APIError:
                container.remove(force=True)
                raise
        except APIError as error:
            raise RunnerError(f"Docker did not start {self._image}: {error.explanation or error}") from None
        lines = threading.Thread(target=_follow, args=(container, log), daemon=True)
        lines.start()
        try:
            yield container
        finally:
            container.stop(timeout=grace)
            lines.join(timeout=5)
            container.remove(force=True)

    def _give_back(self, tree: Tree) -> None:
        """The container wrote as root (C-06); hand its files to the user who has to delete them."""
        if os.getuid() == 0:
            return
        self._client.containers.run(
            self._image,
            ["-R", f"{os.getuid()}:{os.getgid()}", "/opt/ml"],
            entrypoint="chown",
            volumes={str(tree.paths.base): {"bind": "/opt/ml", "mode": "rw"}},
            labels={LABEL: "chown"},
            network_mode="none",
            remove=True,
        )


class DockerServer:
    def __init__(self, url: str, container: Any) -> None:
        self.url = url
        self._container = container

    def exit_code(self) -> int | None:
        self._container.reload()
        state = self._container.attrs["State"]
        return None if state["Running"] else int(state["ExitCode"])


def choose(image: str, use_docker: bool | None, environment: Mapping[str, str] | None = None) -> tuple[Runner, str]:
    """A runner, and why it is that one. `use_docker` None: the image when Docker answers and has it.

    Raises RunnerError when Docker was asked for and cannot be had.
    """
    if use_docker is False:
        return ProcessRunner(environment), "--no-docker was asked for"
    client, reason = _docker(image)
    if client is not None and (use_docker or not reason):
        return DockerRunner(client, image, environment), reason or "Docker answers and has the image"
    if use_docker:
        raise RunnerError(reason)
    return ProcessRunner(environment), reason


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _docker(image: str) -> tuple[Any, str]:
    """A client for an engine that has `image`, or None; and a reason not to use it, where there is one."""
    try:
        import docker
    except ImportError:
        return None, "the Docker SDK is not installed (pip install 'tiffin[local]')"
    try:
        client = docker.from_env()
        client.ping()
    except docker.errors.DockerException:
        return None, "no Docker engine answers"
    try:
        found = client.images.get(image)
    except docker.errors.ImageNotFound:
        return None, f"Docker has no image {image} (make build)"
    return client, "" if _is_of_this_code(found.labels) else f"{image} is of other code than this folder's (make build)"


def _is_of_this_code(labels: Mapping[str, str]) -> bool:
    """Whether an image of ours was built from what lies here; an image of the user's own is always right."""
    script, label = PROGRAM_ROOT / "container" / "digest.sh", labels.get("dev.tiffin.source")
    if label is None or not script.is_file():
        return True
    return subprocess.run([script], capture_output=True, text=True, check=True).stdout.strip() == label


@contextmanager
def _process(module: str, environ: dict[str, str], log: Log, grace: int) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        env=environ,
        cwd=PROGRAM_ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,  # a Ctrl-C reaches us only, and we send the platform's SIGTERM
    )
    lines = threading.Thread(target=_relay, args=(process.stdout, log), daemon=True)
    lines.start()
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            log(f"{module} did not end within {grace} s of SIGTERM; SIGKILL")
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        lines.join(timeout=5)


def _relay(stream: Any, log: Log) -> None:
    for line in stream:
        log(line.rstrip("\n"))


def _follow(container: Any, log: Log) -> None:
    rest = b""
    for chunk in container.logs(stream=True, follow=True):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            log(line.decode(errors="replace"))
    if rest:
        log(rest.decode(errors="replace"))


@contextmanager
def _read_only(folder: Path) -> Iterator[None]:
    """Take the write permissions away for as long; root is not held by them, which Docker's read-only mount does."""
    modes = {path: path.stat().st_mode for path in [folder, *folder.rglob("*")]}
    for path, mode in modes.items():
        path.chmod(mode & ~0o222)
    try:
        yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
