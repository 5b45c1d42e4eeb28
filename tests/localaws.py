"""A real `python -m local_test up` for a test: on a free port, ready by polling, its log shown when the test fails."""

import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from local_test.api import env
from tests.server import PATIENCE, ROOT, Program, clean_environ, launched

ROLE = "arn:aws:iam::123456789012:role/SageMaker"
T = TypeVar("T")


@dataclass
class LocalAws(Program):
    state: Path

    @cached_property
    def port(self) -> int:
        found = self.wait(lambda: re.search(r"API is at http://127\.0\.0\.1:(\d+)", self.log), "address in the log")
        return int(found[1])

    @cached_property
    def variables(self) -> dict[str, str]:
        """What `local_test env` tells a shell to set, without a process for it: test_shell.py asks the command."""
        lines = env.shell(self.port, self.state / "env", environ=clean_environ())
        return dict(shlex.split(line.rstrip(";"))[1].split("=", 1) for line in lines.splitlines() if "export" in line)

    @cached_property
    def _session(self) -> Any:
        import boto3

        return boto3.Session(
            self.variables["AWS_ACCESS_KEY_ID"],
            self.variables["AWS_SECRET_ACCESS_KEY"],
            region_name=self.variables["AWS_REGION"],
        )

    def client(self, service: str, region: str | None = None) -> Any:
        """boto3's, as `eval $(local_test env)` would make it; every wait in it is bounded."""
        from botocore.config import Config

        config = Config(read_timeout=60, retries={"mode": "standard", "total_max_attempts": 1})
        url = self.variables["AWS_ENDPOINT_URL"]
        return self._session.client(service, region, endpoint_url=url, config=config)

    def wait(self, look: Callable[[], T | None], what: str, patience: float = PATIENCE) -> T:
        """Poll until `look` gives something true; the log is in the failure."""
        deadline = time.monotonic() + patience
        while not (found := look()):
            assert self.process.poll() is None, f"it has ended; the log:\n{self.log}"
            assert time.monotonic() < deadline, f"no {what} within {patience} s; the log:\n{self.log}"
            time.sleep(0.05)
        return found

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def child(self) -> int:
        """The process of the one container that runs."""
        done = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False)
        (child,) = done.stdout.split()
        return int(child)


def start(state: Path, *arguments: str, file_size: int | None = None, **more: str) -> LocalAws:
    """Start without waiting: the caller has to end the process. `more` are environment variables.

    `file_size`: no file may grow past so many bytes, as on a disk that is full.
    """
    limit = [] if file_size is None else ["prlimit", f"--fsize={file_size}"]
    up = (sys.executable, "-m", "local_test", "up", "--port", "0", "--state", str(state), *arguments)
    return LocalAws(*launched(*limit, *up, cwd=ROOT, env=clean_environ(**more)), state)


@contextmanager
def up(state: Path, *arguments: str, file_size: int | None = None, **more: str) -> Iterator[LocalAws]:
    """One that answers, ended afterwards."""
    api = start(state, *arguments, file_size=file_size, **more)
    with api.ended():
        assert api.port
        yield api


def has_ended(process: int) -> bool:
    """Gone, or waiting only for its parent to take note, which may be nobody."""
    status = Path(f"/proc/{process}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z"


def command(*arguments: str, environ: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "local_test", *arguments],
        env=clean_environ(**(environ or {})),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
