"""The steps of docs/09-any-estimator.md, run line by line in a clean copy of the project, each block by itself."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.container import console
from tests.server import ROOT

pytestmark = pytest.mark.container
BLOCKS = console.blocks(ROOT / "docs" / "09-any-estimator.md")


def test_the_page_has_its_ways() -> None:
    assert len(BLOCKS) == 4


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: re.findall(r"--name (\w+)", block)[0])
def test_steps(block: str, tmp_path: Path) -> None:
    subprocess.run(["cp", "-r", "--parents", "examples", str(tmp_path)], cwd=ROOT, check=True)
    console.run([block], tmp_path)
