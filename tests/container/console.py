"""A page's `console` blocks, run line by line.

`$ ` begins a command, what follows is its output, `…` stands for any text. Only the port and the containers' names are
others, so that what runs on this machine already is not in the way.
"""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from local_test.engine.process_runner import free_port
from tests.container.conftest import docker


def blocks(page: Path) -> list[str]:
    found = re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found


def run(some: Sequence[str], folder: Path) -> None:
    """Asserts that each command ends well and prints what the page says."""
    port = free_port()
    names = {name: f"{name}-{port}" for block in some for name in re.findall(r"--name (\w+)", block)}
    try:
        for block in some:
            for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, expected = step.partition("\n")
                command = command.replace("8080:8080", f"{port}:8080").replace("localhost:8080", f"localhost:{port}")
                for name, ours in names.items():
                    command = re.sub(rf"(--name|docker stop) {name}\b", rf"\1 {ours}", command)
                    expected = re.sub(rf"^{name}$", ours, expected, flags=re.MULTILINE)
                done = subprocess.run(
                    ["bash", "-c", command], cwd=folder, capture_output=True, text=True, timeout=600, check=False
                )
                assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
                pattern = re.escape(expected.rstrip("\n")).replace("…", ".*")
                assert re.fullmatch(pattern, done.stdout.rstrip("\n"), re.DOTALL), f"{command}\n{done.stdout}"
    finally:
        for ours in names.values():
            docker("rm", "--force", ours, check=False)
