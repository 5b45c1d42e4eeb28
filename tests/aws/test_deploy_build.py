"""`deploy build` by a real engine: with the classic builder, and with BuildKit where a docker command has it."""

import os
import re
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.container.conftest import ContainerServer, docker, inspect
from tests.server import PATIENCE, ROOT, wait_for

pytestmark = pytest.mark.container
Build = Callable[..., "subprocess.CompletedProcess[str]"]
BASE = "debian:trixie-slim"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "context"
    made.mkdir()
    return made


@pytest.fixture
def run() -> Iterator[Callable[..., ContainerServer]]:
    names = []

    def start(image: str, *options: str) -> ContainerServer:
        names.append(f"tiffin-test-{uuid.uuid4().hex[:12]}")
        docker("run", "--detach", "--name", names[-1], *options, image, "serve")
        server = ContainerServer(names[-1])
        wait_for(lambda: server.ping() == 200, "200 on /ping", server)
        return server

    yield start
    for each in names:
        docker("rm", "--force", each, check=False)


@pytest.fixture
def name() -> Iterator[str]:
    made = f"tiffin-test-build:{uuid.uuid4().hex[:12]}"
    yield made
    docker("image", "rm", "--force", made, check=False)


@pytest.fixture
def build(folder: Path, name: str) -> Build:
    """`build(dockerfile, *flags, path=…, **environment)`"""

    def run(text: str, *flags: str, path: str | None = None, **environ: str) -> "subprocess.CompletedProcess[str]":
        (folder / "Dockerfile").write_text(text)
        inherited = {k: v for k, v in os.environ.items() if not k.upper().endswith("_PROXY")}
        given = {**inherited, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1", **environ}
        command = [sys.executable, "-m", "deploy", "build", "--project", "tests", "--image", name, *flags]
        given |= {"PATH": path} if path is not None else {}
        return subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, timeout=200, check=False)

    return run


@pytest.fixture
def classic(tmp_path: Path) -> str:
    """A PATH without a docker command: the engine builds."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "git").symlink_to(str(shutil.which("git")))
    return str(tools)


@pytest.fixture
def buildkit() -> str:
    """A PATH with a docker command that has BuildKit."""
    for each in os.environ["PATH"].split(os.pathsep):
        command = Path(each, "docker")
        if not command.is_file():
            continue
        said = subprocess.run([command, "--version"], capture_output=True, text=True, check=True).stdout
        has_buildx = subprocess.run([command, "buildx", "version"], capture_output=True, check=False).returncode == 0
        if has_buildx or int(re.findall(r"version (\d+)", said)[0]) < 23:
            return f"{each}{os.pathsep}{os.environ['PATH']}"
    assert "CI" not in os.environ  # left out there is a failure
    pytest.skip("no docker command here has BuildKit (Debian: docker-buildx)")


def history(image: str) -> str:
    return docker("history", "--no-trunc", image).stdout + str(inspect(image))


def test_what_is_built_where_it_comes_from_and_what_fills_it(
    build: Build, folder: Path, name: str, classic: str
) -> None:
    (folder / "a").write_text("1")
    done = build(f"FROM {BASE}\nARG WORD\nCOPY a /a\nRUN echo $WORD >/word\n", "--build-args", "WORD=yes", path=classic)
    assert (done.returncode, done.stdout) == (0, f"{name}\n"), done.stderr
    assert "with the engine's classic builder" in done.stderr
    assert re.search(r"^Step \d/\d+ : COPY a /a$", done.stderr, re.MULTILINE)
    assert re.search(rf"^{name} is \d+ MB; what fills it:\n +\d+\.\d MB  /usr", done.stderr, re.MULTILINE)
    assert docker("run", "--rm", name, "cat", "/word").stdout == "yes\n"
    found = inspect(name)
    assert (found["Os"], found["Architecture"]) == ("linux", "amd64")
    assert re.fullmatch("sha256:[0-9a-f]{64}", found["Config"]["Labels"]["dev.tiffin.content"])
    assert found["Config"]["Labels"]["dev.tiffin.version"]
    again = build(
        f"FROM {BASE}\nARG WORD\nCOPY a /a\nRUN echo $WORD >/word\n", "--build-args", "WORD=yes", path=classic
    )
    assert again.returncode == 0
    assert inspect(name)["Id"] == found["Id"]  # nothing of the time is in it


def test_an_image_without_du_is_told_by_its_layers(build: Build, folder: Path, name: str) -> None:
    (folder / "blob").write_bytes(os.urandom(3_000_000))
    done = build("FROM scratch\nCOPY blob /blob\n")
    assert done.returncode == 0, done.stderr
    assert re.search(r"is 3 MB; what fills it:\n +3\.0 MB  COPY ", done.stderr)


@pytest.mark.parametrize("builder", ["classic", "buildkit"])
def test_a_build_that_fails_shows_its_last_lines(build: Build, builder: str, request: pytest.FixtureRequest) -> None:
    text = f"FROM {BASE}\nRUN seq 1 50 && echo no such thing as this && exit 3\n"
    done = build(text, path=request.getfixturevalue(builder))
    assert (done.returncode, done.stdout) == (1, "")
    said = done.stderr[done.stderr.index("deploy: the build failed") :]
    assert "no such thing as this\n" in said
    assert "Traceback" not in said
    assert len(said.splitlines()) < 26


@pytest.mark.parametrize("builder", ["classic", "buildkit"])
def test_a_proxy_with_its_password_is_in_the_build_and_not_in_the_image(
    build: Build, name: str, builder: str, request: pytest.FixtureRequest
) -> None:
    proxy = "http://user:hunter2@proxy.invalid:3128"
    done = build(
        f'FROM {BASE}\nRUN test "$(echo "$HTTPS_PROXY" | cut -c 8-19)" = "user:hunter"2\n',
        path=request.getfixturevalue(builder),
        HTTPS_PROXY=proxy,
    )
    assert done.returncode == 0, done.stderr
    assert "hunter2" not in history(name)
    assert "hunter2" not in done.stderr


def test_secrets_reach_each_step_and_no_layer(
    build: Build, folder: Path, tmp_path: Path, name: str, buildkit: str
) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = http://user:hunter2@index.invalid/simple\n")
    (tmp_path / "other").write_text("hunter3\n")
    (folder / "Dockerfile.dockerignore").write_text("left-out\n")
    (folder / "left-out").touch()
    text = f"""\
FROM {BASE} AS first
COPY . /there
RUN test ! -e /there/left-out && grep -c r[2] "$PIP_CONFIG_FILE" \\
 # a comment between
 && grep -c r[3] /run/secrets/other
FROM first
USER nobody
RUN cat "$PIP_CONFIG_FILE" >/dev/null
"""
    secrets = ["--secrets", f"pip.conf={tmp_path / 'pip.conf'}", "--secrets", f"other={tmp_path / 'other'}"]
    done = build(text, *secrets, path=buildkit)
    assert done.returncode == 0, done.stderr
    assert not re.search("hunter[23]", history(name))
    assert (
        docker("run", "--rm", name, "sh", "-c", "echo $PIP_CONFIG_FILE; ls /run/secrets || true").stdout.strip() == ""
    )
    files = subprocess.run(["docker", "save", name], capture_output=True, check=True).stdout
    assert not re.search(b"hunter[23]", files)
    own = f"FROM {BASE}\nRUN --mount=type=secret,id=other,target=/mine grep -c r[3] /mine && test ! -d /run/secrets\n"
    assert build(own, *secrets, path=buildkit).returncode == 0


def test_what_the_classic_builder_cannot_do_is_said_before_it_begins(
    build: Build, tmp_path: Path, classic: str, buildkit: str
) -> None:
    (tmp_path / "ca.pem").touch()
    done = build(f"FROM {BASE}\n", "--secrets", f"ca.pem={tmp_path / 'ca.pem'}", path=classic)
    assert done.returncode == 1
    assert re.search("build secrets need BuildKit, .* install Docker's buildx", done.stderr)
    assert "building" not in done.stderr
    done = build(f"FROM {BASE}\nRUN --mount=type=cache,target=/x true\n", path=classic)
    assert re.search("this Dockerfile needs BuildKit: install Docker's buildx", done.stderr)
    done = build(f"FROM {BASE}\n", "--secrets", "ca.pem=/nowhere", path=buildkit)
    assert "the build secret ca.pem is to come from /nowhere, and there is no such file" in done.stderr


def test_C13_another_processor_is_refused_where_nothing_emulates_it(build: Build, classic: str) -> None:
    there = docker("version", "--format", "{{.Server.Arch}}").stdout.strip()
    other = "arm64" if there == "amd64" else "amd64"
    done = build(f"FROM {BASE}\nRUN true\n", "--platform", f"linux/{other}", path=classic)
    assert done.returncode == 1
    assert re.search(rf"builds for linux/{there} here, not for linux/{other}: install emulation", done.stderr)


def test_credentials_are_not_built_in_unless_it_is_meant(build: Build, folder: Path) -> None:
    (folder / ".env").write_text("KEY=1\n")
    done = build(f"FROM {BASE}\nCOPY . /\n")
    assert done.returncode == 1
    assert re.search(r"credentials would be in the image.*: \.env; name them in .*\.dockerignore", done.stderr)
    assert build("FROM scratch\nCOPY . /\n", "--force").returncode == 0
    (folder / ".dockerignore").write_text(".env\n")
    done = build("FROM scratch\nCOPY . /\n", "--build-args", "TOKEN=1")
    assert done.returncode == 0, done.stderr
    assert "warning: the build argument TOKEN stays in the image's history" in done.stderr


def test_without_an_engine_it_is_said(build: Build) -> None:
    done = build("FROM scratch\n", DOCKER_HOST="unix:///nowhere.sock")
    assert done.returncode == 1
    assert re.search(r"deploy: no Docker engine answers \(.*\): start Docker, or set DOCKER_HOST", done.stderr)
    assert "Traceback" not in done.stderr


def test_a_dry_run_builds_nothing(build: Build, name: str) -> None:
    done = build(f"FROM {BASE}\n", "--dry-run")
    assert (done.returncode, done.stdout) == (0, "")
    assert docker("image", "inspect", name, check=False).returncode != 0


@pytest.mark.parametrize("builder", ["classic", "buildkit"])
def test_a_build_that_is_stopped_leaves_nothing_running(
    folder: Path, name: str, builder: str, request: pytest.FixtureRequest
) -> None:
    mark = f"{name.rpartition(':')[2]}"
    (folder / "Dockerfile").write_text(f"FROM {BASE}\nRUN : {mark} && echo begun && sleep 120\n")
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1", "PATH": request.getfixturevalue(builder)}
    command = [sys.executable, "-m", "deploy", "build", "--project", "tests", "--image", name]
    with subprocess.Popen(command, cwd=folder, env=environ, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any(mark in line for line in process.stderr)
        wait_until(lambda: _sleeping(mark), "the step's process")
        process.terminate()
        said = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 130, said
    assert "Traceback" not in said
    wait_until(lambda: not _sleeping(mark), "end of the step's process")
    assert docker("image", "inspect", name, check=False).returncode != 0


def _sleeping(mark: str) -> bool:
    """Whether the step's shell runs: containers' processes are processes of this machine."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().split(b"\0")
        except OSError:  # it has ended
            continue
        found += [True for word in words[2:] if word.startswith(f": {mark}".encode())]
    return bool(found)


def wait_until(look: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not look():
        assert time.monotonic() < deadline, f"no {what}"
        time.sleep(0.05)


def test_a_clone_with_a_model_of_ones_own_is_built_with_it(
    folder: Path, name: str, classic: str, run: Callable[..., ContainerServer]
) -> None:
    for part in ("container", "tiffin", "serve", "train", ".dockerignore"):
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / part)
    (folder / "model").mkdir()
    lines = [
        "def model_fn(model_dir):",
        "    return 'mine'",
        "def predict_fn(data, model):",
        "    return [model for _ in data]",
    ]
    (folder / "model" / "inference.py").write_text("\n".join(lines))
    (folder / ".env").write_text("KEY=1\n")  # which .dockerignore leaves out
    command = [sys.executable, "-m", "deploy", "build", "--project", "tests", "--image", name]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1", "PATH": classic}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    assert "from container/Dockerfile, stage plug" in done.stderr
    server = run(name, "--publish", "127.0.0.1::8080")
    assert server.invoke(b"1,2\n3,4\n").body == b"mine\nmine\n"
