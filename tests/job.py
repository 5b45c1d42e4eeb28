"""A real `python -m train` for a test: over a tree of its own, with the colour classifier or a plug written here."""

import json
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.server import clean_environ

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 60.0


@dataclass(frozen=True)
class Ended:
    """What SageMaker would see of a job."""

    base: Path
    code: int
    stdout: str
    log: str

    @property
    def failure(self) -> str:
        """The first paragraph of output/failure; empty where there is none."""
        file = self.base / "output" / "failure"
        return file.read_text(encoding="utf-8").partition("\n\n")[0] if file.is_file() else ""

    @property
    def model(self) -> dict[str, bytes]:
        """Every file of the model directory, hidden ones too."""
        folder = self.base / "model"
        return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    @property
    def left_in_output(self) -> set[str]:
        return {path.name for path in (self.base / "output").iterdir()}


@dataclass(frozen=True)
class Running:
    base: Path
    process: "subprocess.Popen[bytes]"
    stdout: Path
    log: Path

    def wait_for(self, text: str) -> None:
        """Until the job has printed or logged `text`."""
        deadline = time.monotonic() + PATIENCE
        while True:
            ended = self.process.poll() is not None
            if text in self.stdout.read_text() + self.log.read_text():
                return
            assert not ended, f"ended without {text!r}:\n{self.log.read_text()}"
            assert time.monotonic() < deadline, f"no {text!r} within {PATIENCE} s:\n{self.log.read_text()}"
            time.sleep(0.01)

    def end(self) -> Ended:
        try:
            code = self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.wait()
        return Ended(self.base, code, self.stdout.read_text(), self.log.read_text())


def start(base: Path, environment: Mapping[str, str] | None = None) -> Running:
    """The caller has to `end` it."""
    base.mkdir(parents=True, exist_ok=True)
    stdout, log = base.with_name(base.name + ".stdout"), base.with_name(base.name + ".log")
    with stdout.open("wb") as out, log.open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "train"],
            env=clean_environ(**{"SAGEMAKER_BASE_DIR": str(base), **(environment or {})}),
            cwd=base.parent,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )
    return Running(base, process, stdout, log)


def run(base: Path, environment: Mapping[str, str] | None = None) -> Ended:
    return start(base, environment).end()


def plug(folder: Path, body: str) -> dict[str, str]:
    """A plug whose train_fn(job) has this body, and the environment that points at it."""
    code = "import os, pathlib, signal, sys\n\n\ndef train_fn(job):\n"
    return module(folder, code + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ") + "\n")


def module(folder: Path, code: str) -> dict[str, str]:
    """A plug with this training.py, and the environment that points at it."""
    folder = folder / "plug"
    folder.mkdir(parents=True)
    (folder / "training.py").write_text(code, encoding="utf-8")
    return {"TIFFIN_PLUG": str(folder)}


def configure(base: Path, **files: object) -> None:
    """input/config/<name>.json for each keyword."""
    folder = base / "input" / "config"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


def channel(base: Path, name: str = "train") -> Path:
    """The channel's folder, made."""
    folder = base / "input" / "data" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def colours(each: int = 12) -> str:
    """A CSV of reds, greens and blues, as many of each, that a tree learns without a mistake."""
    lines = ["R,G,B,LABEL"]
    for index in range(each):
        low, high = 10 + index, 200 + index
        lines += [f"{high},{low},{low},red", f"{low},{high},{low},green", f"{low},{low},{high},blue"]
    return "\n".join(lines) + "\n"
