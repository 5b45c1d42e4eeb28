"""The README's `console` blocks, run in a clean copy of the project."""

import subprocess
from pathlib import Path

import pytest

from tests.container import console
from tests.server import ROOT

pytestmark = pytest.mark.container


def test_console_blocks(tmp_path: Path) -> None:
    files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, check=True,
    ).stdout.split(b"\0")  # fmt: skip
    subprocess.run(["cp", "--parents", *filter(None, files), str(tmp_path)], cwd=ROOT, check=True)
    console.run(console.blocks(ROOT / "README.md"), tmp_path)
