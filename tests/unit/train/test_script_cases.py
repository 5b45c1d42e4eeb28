"""Each folder of tests/cases/train_scripts is the tree of a job whose hyperparameters name a script of the user's own.

Besides the tree: stdout.txt, what the job printed; expected/, the model directory afterwards; exit.txt (0 where it is
not there); failure.txt, the reason; log.txt, what the log must hold. `{base}` is the tree's root, `…` any text.
"""

import re
import shutil
from pathlib import Path

import pytest

from tests import job

CASES = sorted(path for path in (job.ROOT / "tests" / "cases" / "train_scripts").iterdir() if path.is_dir())


def expected(case: Path, name: str, base: Path) -> str | None:
    file = case / name
    return file.read_text(encoding="utf-8").rstrip("\n").replace("{base}", str(base)) if file.is_file() else None


def is_like(text: str, wanted: str) -> bool:
    return re.fullmatch(re.escape(wanted).replace("…", ".*"), text, re.DOTALL) is not None


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_job(case: Path, tmp_path: Path) -> None:
    base = tmp_path / "ml"
    base.mkdir()
    for part in ("input", "code"):
        if (case / part).is_dir():
            shutil.copytree(case / part, base / part)
    ended = job.run(base)
    assert ended.code == int(expected(case, "exit.txt", base) or 0), ended.log
    assert ended.stdout.rstrip("\n") == (expected(case, "stdout.txt", base) or "")
    assert is_like(ended.failure, expected(case, "failure.txt", base) or ""), ended.failure
    assert (expected(case, "log.txt", base) or "") in ended.log
    files = {str(p.relative_to(case / "expected")): p.read_bytes() for p in (case / "expected").rglob("*")}
    assert ended.model == files
    assert ended.left_in_output <= {"data", "failure"}


def test_there_are_cases_of_both_ends() -> None:
    failing = [case for case in CASES if (case / "failure.txt").is_file()]
    assert min(len(failing), len(CASES) - len(failing)) >= 8
