"""`python -m deploy` as a process against the API of `local_test up`, in a folder of its own."""

import json
import os
import pty
import select
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from tests.localaws import ROLE, LocalAws
from tests.runs import PROGRAM
from tests.server import PATIENCE, clean_environ


@dataclass
class Run:
    """One that may go on; what it writes is kept as it comes."""

    process: "subprocess.Popen[str]"
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        pairs = ((self.process.stdout, self.out), (self.process.stderr, self.err))
        self._readers = [threading.Thread(target=_read, args=pair, daemon=True) for pair in pairs]
        for each in self._readers:
            each.start()

    def wait_for(self, text: str, of: list[str] | None = None) -> None:
        """On stderr, or in the lines of `out`."""
        deadline = time.monotonic() + PATIENCE
        while not any(text in line for line in list(self.err if of is None else of)):
            assert self.process.poll() is None, f"it has ended without {text!r}:\n{self.said}"
            assert time.monotonic() < deadline, f"no {text!r} in:\n{self.said}"
            time.sleep(0.05)

    def end(self, patience: float = 120.0) -> int:
        code = self.process.wait(patience)
        for each in self._readers:
            each.join(PATIENCE)
        return code

    @property
    def said(self) -> str:
        return "".join(self.err)

    @property
    def stdout(self) -> str:
        return "".join(self.out)

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)

    @property
    def calls(self) -> list[dict[str, Any]]:
        """Of a dry run."""
        return [json.loads(line) for line in self.out]


@dataclass
class Screen:
    """What stands on the terminal of a process."""

    process: "subprocess.Popen[bytes]"
    descriptor: int
    said: str = ""

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while text not in self.said:
            assert time.monotonic() < deadline, f"no {text!r} in:\n{self.said}"
            assert self._read(), f"it has ended without {text!r}:\n{self.said}"

    def type(self, keys: str) -> None:
        os.write(self.descriptor, keys.encode())

    def end(self) -> int:
        deadline = time.monotonic() + PATIENCE
        while self._read():
            assert time.monotonic() < deadline, f"it goes on:\n{self.said}"
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.descriptor)

    def _read(self) -> bool:
        """What has come within a moment; False at the end."""
        if not select.select([self.descriptor], [], [], 0.1)[0]:
            return True
        try:
            text = os.read(self.descriptor, 65536)
        except OSError:  # Linux's end of a terminal
            return False
        self.said += text.decode(errors="replace")
        return bool(text)


@dataclass
class Deploying:
    """A project with a tiffin.toml of its own, in `folder`."""

    aws: LocalAws
    folder: Path
    project: str = field(default_factory=lambda: f"p{uuid.uuid4().hex[:10]}")
    endpoint: str = ""  # of something that stands before the API
    artifact: str = ""  # what a test has trained

    def write(self, **tables: dict[str, Any]) -> None:
        """tiffin.toml: the project, somebody else's program as the image, and these."""
        tables = {
            "project": {"project": self.project} | tables.pop("project", {}),
            "account": {"role": ROLE} | tables.pop("account", {}),
            "image": {"image_uri": str(PROGRAM)} | tables.pop("image", {}),
            **tables,
        }
        lines = []
        for name, table in tables.items():
            lines += [f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in table.items())]
        (self.folder / "tiffin.toml").write_text("\n".join(lines) + "\n")

    @contextmanager
    def start(self, *arguments: str, **environ: str) -> Iterator[Run]:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy", *arguments],
            cwd=self.folder,
            env=self._environ() | environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        run = Run(process)
        try:
            yield run
        finally:
            if process.poll() is None:
                process.kill()
            run.end()

    @contextmanager
    def terminal(self, *arguments: str) -> Iterator["Screen"]:
        """At a terminal, whose Ctrl-C is a key."""
        descriptor, theirs = pty.openpty()
        process = subprocess.Popen(
            ["setsid", "--ctty", sys.executable, "-m", "deploy", *arguments],
            cwd=self.folder,
            env=self._environ(),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        screen = Screen(process, descriptor)
        try:
            yield screen
        finally:
            screen.close()

    def _environ(self) -> dict[str, str]:
        there = {"AWS_ENDPOINT_URL": self.endpoint} if self.endpoint else {}
        return clean_environ(**(self.aws.variables | there))

    def shell(self, line: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            cwd=self.folder,
            env=self._environ(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def run(self, *arguments: str, code: int = 0, **environ: str) -> Run:
        """To its end, which has this exit code."""
        with self.start(*arguments, **environ) as run:
            assert run.end() == code, f"{arguments} ended with {run.process.returncode}:\n{run.said}\n{run.stdout}"
        assert "deploy/__main__.py" not in run.said, run.said  # a traceback of ours
        return run

    def client(self, service: str) -> Any:
        return self.aws.client(service)

    def wait(self, look: Callable[[], Any], what: str) -> Any:
        return self.aws.wait(look, what, 60.0)

    def objects(self, uri: str) -> dict[str, bytes]:
        """By the key below the URI."""
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        s3 = self.client("s3")
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        return {
            each["Key"][len(prefix) :]: s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read() for each in listed
        }

    @property
    def ledger(self) -> list[dict[str, Any]]:
        files = list((self.folder / ".tiffin" / "ledger").glob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]

    @property
    def made(self) -> list[tuple[str, str]]:
        """Kind and name of what the ledger says was made, in its order."""
        return [(each["kind"], each["name"]) for each in self.ledger if each["event"] == "made"]


def _read(stream: TextIO, into: list[str]) -> None:
    with stream:
        into.extend(stream)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(each)}" for key, each in value.items()) + "}"
    return json.dumps([str(each) for each in value] if isinstance(value, tuple) else value)
