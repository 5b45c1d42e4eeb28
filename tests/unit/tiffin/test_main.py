import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server import ROOT
from tiffin import __version__
from tiffin.__main__ import COMMANDS

HEAVY = {"numpy", "flask", "gunicorn", "sklearn", "docker"}


def tiffin(folder: Path, *arguments: str, flags: tuple[str, ...] = ()) -> "subprocess.CompletedProcess[str]":
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PYTHONSAFEPATH": "1",
        "SAGEMAKER_BASE_DIR": str(folder / "ml"),
    }
    command = [sys.executable, *flags, "-m", "tiffin", *arguments]
    return subprocess.run(command, env=environ, cwd=folder, capture_output=True, text=True, check=False)


def test_version_imports_nothing_heavy(tmp_path: Path) -> None:
    done = tiffin(tmp_path, "--version", flags=("-X", "importtime"))
    assert (done.returncode, done.stdout) == (0, f"tiffin {__version__}\n")
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "tiffin" in imported
    assert imported & HEAVY == set()


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["help"]])
def test_help_lists_the_commands(tmp_path: Path, arguments: list[str]) -> None:
    done = tiffin(tmp_path, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    usage, blank, *lines = done.stdout.splitlines()
    assert (usage, blank) == ("usage: tiffin COMMAND ...", "")
    assert [line.split()[0] for line in lines] == list(COMMANDS)


@pytest.mark.parametrize("word", ["scaffold", "", "--verbose", "Train", "하늘"])
def test_a_command_that_is_not_there(tmp_path: Path, word: str) -> None:
    done = tiffin(tmp_path, word)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"tiffin: there is no command {word!r}\nusage: tiffin COMMAND ...\n")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["serve"], 1, "cannot serve: "),
        (["train"], 1, "training failed: there is no channel 'train' or 'training'; channels given: none"),
        (["local", "--help"], 0, "SageMaker on your machine"),
        (["local", "no-such"], 2, "no-such"),
        (["doctor"], 0, "machine"),
    ],
)
def test_a_command_is_handed_over_with_its_arguments_and_exit_code(
    tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    done = tiffin(tmp_path, *arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr or arguments == ["train"]


def test_a_stray_module_of_the_current_folder_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "local_test.py").write_text("raise RuntimeError('stray')")
    assert "stray" not in tiffin(tmp_path, "local", "--help").stderr
