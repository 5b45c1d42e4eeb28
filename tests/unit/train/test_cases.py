"""Each folder of tests/cases/train is a job that must fail, and the reason its owner must read.

`input` is laid under /opt/ml; `failure.txt` holds the first paragraph of output/failure, `{base}` for /opt/ml.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import job
from tiffin import limits

CASES = sorted(path.parent for path in (job.ROOT / "tests" / "cases" / "train").glob("*/failure.txt"))


@pytest.fixture(scope="module")
def endings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[Path, "Future[job.Ended]"]]:
    """All jobs, as many at a time as there are cores: most of each is the import of scikit-learn."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {case: pool.submit(run, case, tmp_path_factory.mktemp("case") / "ml") for case in CASES}


def run(case: Path, base: Path) -> job.Ended:
    shutil.copytree(case / "input", base / "input")
    (base / "model").mkdir()
    return job.run(base)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Path, endings: Mapping[Path, "Future[job.Ended]"]) -> None:
    ended = endings[case].result(job.PATIENCE)
    expected = (case / "failure.txt").read_text(encoding="utf-8").rstrip("\n")
    assert ended.failure == expected.replace("{base}", str(ended.base))
    assert len(ended.failure) <= limits.FAILURE_REASON_CHARS
    assert ended.code == 1
    assert ended.model == {}
    assert ended.log.count("Traceback") == 1


def test_there_are_cases() -> None:
    folders = {path for path in (job.ROOT / "tests" / "cases" / "train").iterdir() if path.is_dir()}
    assert folders == set(CASES)
    assert len(CASES) > 30
