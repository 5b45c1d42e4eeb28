import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server import ROOT
from tiffin import doctor, limits
from tiffin.doctor import Finding, examine

NAMES = [
    *("Python", "package gunicorn", "package sklearn", "package docker", "package colorspace"),
    *("Docker", "Docker builder", "registry", "mysql", "R", "AWS credentials", f"port {limits.PORT}", "machine"),
]


@pytest.fixture
def nothing_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that is all of PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def findings(home: Path, **environ: str) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine({"HOME": str(home), **environ})}


def test_rows_where_there_is_nothing(nothing_on_path: Path, tmp_path: Path) -> None:
    found = findings(tmp_path)
    assert list(found) == NAMES
    assert {name for name, row in found.items() if not row.ok} - {f"port {limits.PORT}"} == {
        *("Docker", "Docker builder", "registry", "mysql", "R", "AWS credentials")
    }
    for row in found.values():
        assert row.seen
        assert row.ok or (row.mend and row.needed_for), row


@pytest.mark.parametrize(
    ("name", "script", "row", "ok", "seen"),
    [
        ("docker", "echo 29.1", "Docker", True, "engine 29.1"),
        ("docker", "exit 1", "Docker", False, "the command is there, no engine answers"),
        ("docker", "echo no daemon >&2; exit 1", "Docker", False, "the command is there, no engine answers"),
        ("docker", "exit 0", "Docker", False, "the command is there, no engine answers"),  # older clients
        ("docker", "echo buildx v0.30; echo more", "Docker builder", True, "buildx v0.30"),
        ("docker", "exit 1", "Docker builder", True, "no buildx: the classic builder makes the image, which SageMaker "
         "takes too"),
        ("R", "printf 'R version 4.5\\n\\nmore\\n'", "R", True, "R version 4.5"),
        ("R", "echo broken >&2; exit 2", "R", False, "broken"),
        ("R", "printf 'R \\377\\n'", "R", True, "R \ufffd"),
    ],
)  # fmt: skip
def test_programs(  # noqa: PLR0913, PLR0917  a row of the table
    nothing_on_path: Path, tmp_path: Path, name: str, script: str, row: str, ok: bool, seen: str
) -> None:
    program(nothing_on_path, name, script)
    found = findings(tmp_path)[row]
    assert (found.ok, found.seen) == (ok, seen)


@pytest.mark.parametrize(
    ("environ", "files", "seen"),
    [
        ({}, [], "none"),
        ({"AWS_ACCESS_KEY_ID": "A"}, [], "environment"),
        ({"AWS_ACCESS_KEY_ID": ""}, [], "none"),
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/t"}, [], "web identity"),
        ({"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/x"}, [], "container role"),
        ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://x"}, [], "container role"),
        ({}, [".aws/credentials", ".aws/config"], "shared credentials file, shared config file"),
        ({"AWS_SHARED_CREDENTIALS_FILE": "{home}/mine"}, ["mine"], "shared credentials file"),
        ({"AWS_CONFIG_FILE": "{home}/mine"}, ["mine"], "shared config file"),
        ({"AWS_CONFIG_FILE": "{home}/gone"}, [".aws/config"], "none"),
        ({"HOME": ""}, [], "none"),
        ({"HOME": "/dev/null"}, [], "none"),
    ],
)
def test_credentials(
    tmp_path: Path, nothing_on_path: Path, environ: dict[str, str], files: list[str], seen: str
) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = findings(tmp_path, **{k: v.format(home=tmp_path) for k, v in environ.items()})["AWS credentials"]
    assert (found.seen, found.ok) == (seen, seen != "none")


@pytest.mark.parametrize(
    ("name", "row"), [("docker-registry", "registry"), ("registry", "registry"), ("mysql", "mysql")]
)
def test_what_the_round_takes(nothing_on_path: Path, tmp_path: Path, name: str, row: str) -> None:
    program(nothing_on_path, name, "exit 1")
    assert (findings(tmp_path)[row].ok, findings(tmp_path)[row].seen) == (True, str(nothing_on_path / name))


def test_a_port_that_is_taken(nothing_on_path: Path, tmp_path: Path) -> None:
    with socket.socket() as other:
        try:
            other.bind(("127.0.0.1", limits.PORT))
            other.listen()
        except OSError:
            pass  # somebody listens there already, which is the same
        found = findings(tmp_path)[f"port {limits.PORT}"]
    assert (found.ok, found.seen) == (False, "Address already in use")


def run(home: Path, *flags: str) -> "subprocess.CompletedProcess[str]":
    environ = {"PATH": "", "HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    return subprocess.run(
        [sys.executable, *flags, "-m", "tiffin", "doctor"],
        env=environ,
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )


def test_command(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line[9:26].strip() for line in lines if not line.startswith(" ")] == [name[:17].strip() for name in NAMES]
    width = max(map(len, NAMES))
    assert f"missing  {'R':<{width}}  not installed" in lines
    assert (
        f"         {'':<{width}}  -> apt-get install r-base-core, or leave it: the image brings its own "
        "(needed for: R models)"
    ) in lines


def test_command_where_the_packages_are_missing(tmp_path: Path) -> None:
    """Without site-packages nothing works, and the exit code says so."""
    done = run(tmp_path, "-S")
    assert (done.returncode, done.stderr) == (1, "")
    assert "BROKEN   package gunicorn" in done.stdout
    assert "-> make demo\n" in done.stdout


def test_it_changes_nothing(nothing_on_path: Path, tmp_path: Path) -> None:
    before = dict(os.environ), sorted(tmp_path.rglob("*"))
    doctor.examine({"HOME": str(tmp_path)})
    assert (dict(os.environ), sorted(tmp_path.rglob("*"))) == before
