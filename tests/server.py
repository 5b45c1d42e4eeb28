"""A real `python -m serve` for a test: on a free port, ready by polling, its log shown when the test fails."""

import http.client
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 60.0  # seconds: a start takes one, and many where others start too

T = TypeVar("T")


@dataclass(frozen=True)
class Response:
    status: int
    headers: Mapping[str, str]  # lower-case names
    body: bytes


@dataclass
class Program:
    """One that runs while a test does."""

    process: "subprocess.Popen[bytes]"
    log_file: Path

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    @contextmanager
    def ended(self) -> Iterator[None]:
        """Afterwards; its log is shown where the test fails."""
        try:
            yield
        except BaseException:
            sys.stderr.write(f"\n--- log of {self.process.args!r}\n{self.log}--- end of log\n")
            raise
        finally:
            if self.process.poll() is None:
                self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.log_file.unlink()


def launched(*command: str, cwd: Path, env: Mapping[str, str]) -> tuple["subprocess.Popen[bytes]", Path]:
    """The process, and the file that it writes its log into."""
    with tempfile.NamedTemporaryFile(prefix="tiffin-test-", suffix=".log", delete=False) as log:
        process = subprocess.Popen(command, env=env, cwd=cwd, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    return process, Path(log.name)


def clean_environ(**more: str) -> dict[str, str]:
    """For a program of ours: none of this shell's settings, and these."""
    of_settings = ("SAGEMAKER_", "SERVE_", "TIFFIN_", "AWS_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(of_settings)}
    return {**inherited, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1", **more}


@dataclass
class Server(Program):
    port: int = 0
    host: str = "127.0.0.1"

    def request(
        self,
        method: str,
        path: str,
        body: bytes | Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return Response(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def invoke(self, body: bytes, content_type: str | None = "text/csv", **headers: str) -> Response:
        """`headers` by keyword, an underscore for each dash."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if content_type is not None:
            named["Content-Type"] = content_type
        return self.request("POST", "/invocations", body, named)

    def ping(self) -> int:
        """The status, or 0 while nobody listens."""
        try:
            return self.request("GET", "/ping").status
        except OSError:
            return 0

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def wait_for_log(self, pattern: str) -> re.Match[str]:
        return wait_for(lambda: re.search(pattern, self.log), f"{pattern!r} in the log", self)


def wait_for(look: Callable[[], T | None], what: str, server: Server) -> T:
    """Poll until `look` gives something true; the server's log is in the failure."""
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < deadline, f"no {what} within {PATIENCE} s; the log:\n{server.log}"
        time.sleep(0.02)
    return found


def children(server: Server, count: int = 1) -> list[int]:
    """The server processes, once the one that answers while the model loads has gone."""
    file = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")

    def look() -> list[int] | None:
        found = [int(child) for child in file.read_text().split()]
        return found if len(found) == count else None

    return wait_for(look, f"{count} processes", server)


def start(base: Path, environment: Mapping[str, str] | None = None, module: str = "serve") -> Server:
    """Start without waiting: the caller has to end the process."""
    given = {"SAGEMAKER_BASE_DIR": str(base), "SERVE_HOST": "127.0.0.1", "SERVE_WORKERS": "2", **(environment or {})}
    return Server(*launched(sys.executable, "-m", module, cwd=base, env=clean_environ(**given)))


@contextmanager
def serving(
    base: Path, environment: Mapping[str, str] | None = None, port: int = 0, module: str = "serve"
) -> Iterator[Server]:
    """A server that is ready, ended afterwards. Port 0: the one that its log names."""
    server = start(base, {"SAGEMAKER_BIND_TO_PORT": str(port), **(environment or {})}, module)
    with server.ended():
        server.port = port or int(server.wait_for_log(r"listening on [\d.]+:(\d+)")[1])
        wait_for(lambda: server.ping() == 200, "200 on /ping", server)
        yield server


def train(base: Path, hyperparameters: Mapping[str, str], data: Path) -> Path:
    """A trained tree of the colour classifier below `base`, by the harness; returns the tree's root."""
    options = [item for name, value in hyperparameters.items() for item in ("-p", f"{name}={value}")]
    subprocess.run(
        [
            *(sys.executable, "-m", "local_test", "train", "--no-docker", "--base-dir", str(base)),
            *("--channel", f"train={data}"),
            *options,
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"},
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return base


def plug(base: Path, code: str) -> dict[str, str]:
    """A plug with this inference.py, and the environment that points at it."""
    folder = base.parent / "plug"
    folder.mkdir()
    (folder / "inference.py").write_text(code)
    return {"TIFFIN_PLUG": str(folder)}


def refused(base: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Exit code and log of a server that must not come up."""
    server = start(base, {"SAGEMAKER_BIND_TO_PORT": "0"} | environment)
    try:
        code = server.process.wait(PATIENCE)
        return code, server.log
    finally:
        server.process.kill()
        server.process.wait()
        server.log_file.unlink()
