import json
from pathlib import Path

import pytest

from tests.server import ROOT
from tiffin import cgroup

CASES = sorted((ROOT / "tests" / "cases" / "cgroup").iterdir())
MEMORY = sorted((ROOT / "tests" / "cases" / "memory").iterdir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_trees_of_machines(case: Path) -> None:
    expected = cgroup.Resources(**json.loads((case / "expected.json").read_text()))
    assert cgroup.read(case / "root") == expected


@pytest.mark.parametrize("case", MEMORY, ids=lambda case: case.name)
def test_memory_that_is_left(case: Path) -> None:  # M-02
    assert {"left": cgroup.memory_left(case / "root")} == json.loads((case / "expected.json").read_text())


def test_this_machine() -> None:
    assert cgroup.usable_cores() >= 1
    assert cgroup.read().source in ("cgroup v1", "cgroup v2", "no cgroup limit")
    assert (cgroup.memory_left() or 0) > 0
