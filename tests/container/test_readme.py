"""The README's `console` blocks, run line by line in a clean copy of the project.

`$ ` begins a command, what follows is its output, `…` stands for any text. Only the port and the container's name are
others, so that what runs on this machine already is not in the way.
"""

import re
import subprocess
from pathlib import Path

import pytest

from local_test.runners import free_port
from tests.container.conftest import docker
from tests.server import ROOT

pytestmark = pytest.mark.container
BLOCKS = re.findall(r"```console\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


def test_console_blocks(tmp_path: Path) -> None:
    files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, check=True,
    ).stdout.split(b"\0")  # fmt: skip
    subprocess.run(["cp", "--parents", *filter(None, files), str(tmp_path)], cwd=ROOT, check=True)
    port, name = free_port(), f"colours-{free_port()}"
    assert BLOCKS
    try:
        for block in BLOCKS:
            for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, expected = step.partition("\n")
                command = command.replace("8080:8080", f"{port}:8080").replace("localhost:8080", f"localhost:{port}")
                command = re.sub(r"\bcolours(?=\s|$)", name, command)
                expected = re.sub(r"^colours$", name, expected, flags=re.MULTILINE)
                done = subprocess.run(
                    ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False
                )
                assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
                pattern = re.escape(expected.rstrip("\n")).replace("…", ".*")
                assert re.fullmatch(pattern, done.stdout.rstrip("\n"), re.DOTALL), f"{command}\n{done.stdout}"
    finally:
        docker("rm", "--force", name, check=False)
