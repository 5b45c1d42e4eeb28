"""A page's `console` blocks, run line by line.

`$ ` begins a command, what follows is its output, `…` stands for any text. Only the port and the container's name are
others, so that what runs on this machine already is not in the way.
"""

import re
import subprocess
from pathlib import Path

from local_test.runners import free_port
from tests.container.conftest import docker


def run(page: Path, folder: Path) -> None:
    """Asserts that each command ends well and prints what the page says. The page's container is named `colours`."""
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    port, name = free_port(), f"colours-{free_port()}"
    try:
        for block in blocks:
            for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, expected = step.partition("\n")
                command = command.replace("8080:8080", f"{port}:8080").replace("localhost:8080", f"localhost:{port}")
                command = re.sub(r"\bcolours(?=\s|$)", name, command)
                expected = re.sub(r"^colours$", name, expected, flags=re.MULTILINE)
                done = subprocess.run(
                    ["bash", "-c", command], cwd=folder, capture_output=True, text=True, timeout=600, check=False
                )
                assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
                pattern = re.escape(expected.rstrip("\n")).replace("…", ".*")
                assert re.fullmatch(pattern, done.stdout.rstrip("\n"), re.DOTALL), f"{command}\n{done.stdout}"
    finally:
        docker("rm", "--force", name, check=False)
