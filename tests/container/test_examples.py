"""The steps of docs/09-any-estimator.md, run line by line in a clean copy of the project, each block by itself.

`$ ` begins a command, what follows is its output, `…` stands for any text. Only the port and the containers' names are
others.
"""

import re
import subprocess
from pathlib import Path

import pytest

from local_test.runners import free_port
from tests.container.conftest import docker
from tests.server import ROOT

pytestmark = pytest.mark.container
PAGE = (ROOT / "docs" / "09-any-estimator.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_has_its_three_ways() -> None:
    assert len(BLOCKS) == 3


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: re.findall(r"--name (\w+)", block)[0])
def test_steps(block: str, tmp_path: Path) -> None:
    subprocess.run(["cp", "-r", "--parents", "examples", str(tmp_path)], cwd=ROOT, check=True)
    port = free_port()
    (called,) = re.findall(r"--name (\w+)", block)
    name = f"{called}-{port}"
    try:
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, expected = step.partition("\n")
            command = command.replace("8080:8080", f"{port}:8080").replace("localhost:8080", f"localhost:{port}")
            command = re.sub(
                rf"--name {called}\b|(?<=docker stop ){called}\b", lambda m: m[0].replace(called, name), command
            )
            expected = re.sub(rf"^{called}$", name, expected, flags=re.MULTILINE)
            done = subprocess.run(
                ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
            pattern = re.escape(expected.rstrip("\n")).replace("…", ".*")
            assert re.fullmatch(pattern, done.stdout.rstrip("\n"), re.DOTALL), f"{command}\n{done.stdout}"
    finally:
        docker("rm", "--force", name, check=False)
