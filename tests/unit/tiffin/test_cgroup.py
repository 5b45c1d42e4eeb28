import json
from pathlib import Path

import pytest

from tests.server import ROOT
from tiffin import cgroup

CASES = sorted((ROOT / "tests" / "cases" / "cgroup").iterdir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_trees_of_machines(case: Path) -> None:
    expected = cgroup.Resources(**json.loads((case / "expected.json").read_text()))
    assert cgroup.read(case / "root") == expected


def test_this_machine() -> None:
    assert cgroup.usable_cores() >= 1
    assert cgroup.read().source in ("cgroup v1", "cgroup v2", "no cgroup limit")
