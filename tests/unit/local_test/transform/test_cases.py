"""tests/cases/transform: a job, its input, each exchange with the container, and what comes out."""

import json
from pathlib import Path

import pytest

from local_test.transform.job import TransformJob
from local_test.transform.run import run
from tests.server import ROOT
from tests.unit.local_test.transform.container import Request, telling

CASES = sorted((ROOT / "tests" / "cases" / "transform").glob("*.json"))


@pytest.mark.parametrize("case", CASES, ids=lambda file: file.stem)
def test_case(case: Path, tmp_path: Path) -> None:  # B-02 to B-09
    wanted = json.loads(case.read_text(encoding="utf-8"))
    exchanges = [(sent, *(status or [200]), answer) for sent, *status, answer in wanted["exchanges"]]

    def answer(request: Request) -> tuple[int, bytes]:
        if request.number > len(exchanges):
            return 418, b"one request more than the case has"
        _, status, text = exchanges[request.number - 1]
        return status, text.encode()

    job = TransformJob.of({"MaxConcurrentTransforms": 1, **wanted["request"]})
    source, target = tmp_path / "input.csv", tmp_path / "out" / "input.csv.out"
    source.write_bytes(wanted["input"].encode())
    parameters = wanted.get("execution-parameters")
    said: list[str] = []
    with telling(answer, None if parameters is None else json.dumps(parameters).encode()) as container:
        outcome = run(job, [(source, target)], [container.url], say=said.append)
    sent = [request.body.decode() for request in container.requests]
    if "output" in wanted:
        assert (outcome.status, outcome.failure_reason) == ("Completed", "")
        assert target.read_bytes().decode() == wanted["output"]
        assert sent == [exchange[0] for exchange in exchanges]
    else:
        assert outcome.status == "Failed"
        assert wanted["failure"] in outcome.failure_reason
        # What was under way behind the one that failed may have been sent, or not.
        assert sent == [exchange[0] for exchange in exchanges][: len(sent)]
    assert [path.name for path in target.parent.iterdir()] == ([target.name] if "output" in wanted else [])
    for request in container.requests:
        assert request.headers.get("content-type") == job.content_type
        assert request.headers.get("accept") == job.accept
        assert ("content-length" in request.headers) == (job.max_payload_in_mb != 0)
    _judge(said, wanted.get("says"))


def _judge(said: list[str], wanted: str | None) -> None:
    """Empty: nothing but the line of parameters."""
    if wanted:
        assert [line for line in said if wanted in line], said
    elif wanted is not None:
        assert len(said) == 1, said
