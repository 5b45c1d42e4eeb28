"""`make campaign`: every call of the way to AWS and back goes wrong in every way; destroy leaves nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.aws.test_deploy_faults import ALL, ROLE, STEPS, TRAIN, UP, Step, artifact, every, goes_wrong, material
from tests.faulty import faulty
from tests.localaws import LocalAws, up

DESTROY = Step(("destroy", "--yes"), (ROLE, TRAIN, UP))


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    with up(tmp_path_factory.mktemp("aws") / "state", "--no-docker") as api:
        yield api


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("way", ALL)
def test_after_every_fault_destroy_leaves_nothing(
    aws: LocalAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.chdir(tmp_path)
    material(tmp_path)
    with faulty(aws.port) as between:
        there = artifact(aws, between, tmp_path / "ledger")
        wrong = []
        calls = every(aws, between, tmp_path / "ledger", [step.of(there) for step in (*STEPS, DESTROY)])
        for number, call in enumerate(calls, 1):
            print(f"{way}: {number} of {len(calls)}", flush=True)
            try:
                goes_wrong(aws, between, tmp_path / "ledger", call, way)
            except AssertionError as error:  # the others are asked all the same: this takes long
                wrong.append(str(error))
    assert wrong == []
