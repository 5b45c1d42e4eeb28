"""What is taken away, and what is not: whose it is has to be known."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deploy import destroy
from deploy.kinds import KINDS
from deploy.kinds.kind import ID, Tags
from deploy.ledger import INTENDED, Ledger, Resource

AWS: Any = SimpleNamespace(dry_run=False, region="eu-west-1")
MODEL = Resource("model", "colours-1", "colours", "a")
LINES = Resource("log streams", "/aws/sagemaker/TrainingJobs:nightly/", "colours")


class Model:
    """In the place of a model's kind."""

    name, tagged = "model", True

    def __init__(self, tags: Callable[[], Tags | None], says: str = "") -> None:
        self._tags, self._says = tags, says

    def tags(self, *_: Any) -> Tags | None:
        return self._tags()

    def is_there(self, *_: Any) -> bool:
        return self._tags() is not None

    def ended(self, *_: Any) -> Tags | None:
        return None

    def implied(self, *_: Any) -> tuple[Resource, ...]:
        return (LINES,)

    def delete(self, *_: Any) -> None:
        raise ClientError({"Error": {"Code": "ValidationException", "Message": self._says}}, "DeleteModel")


def throttled() -> Tags:
    raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, "ListTags")


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setattr(destroy, "ORDER", ())
    monkeypatch.setattr("deploy.destroy.time.sleep", lambda _: None)
    return Ledger(tmp_path, "1", "eu-west-1")


def test_what_cannot_be_looked_at_is_reported_and_not_taken(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "model", Model(throttled))
    ledger.write(INTENDED, MODEL)
    taken, unseen = destroy.chosen(AWS, ledger, "colours")
    assert taken == []
    assert [each.resource for each in unseen] == [MODEL]
    assert "Rate exceeded" in unseen[0].why


def test_what_stays_is_said_with_what_aws_said(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "model", Model(dict, says="Cannot delete it while it is in use"))
    (left,) = destroy.destroy(AWS, ledger, [MODEL], lambda _: None, patience=0.0)
    assert "it is still there after 0 s, and AWS says: ValidationException Cannot delete it while" in left.why


def test_what_an_endpoint_that_is_left_stands_on_is_left_too(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "endpoint", Model(dict, says="Cannot update in-progress endpoint"))
    monkeypatch.setitem(KINDS, "model", Model(lambda: None))
    endpoint = Resource("endpoint", "colours", "colours")
    left = destroy.destroy(AWS, ledger, [endpoint, MODEL], lambda _: None, patience=0.0)
    assert [each.resource for each in left] == [endpoint, MODEL]
    assert left[1].why == "the endpoint colours is left, and may need it"
    assert destroy.destroy(AWS, ledger, [MODEL], lambda _: None) == []


def test_a_delete_that_was_taken_and_did_nothing_is_made_again(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """As AWS does with an endpoint that is being made; then it refuses one of an endpoint that goes."""
    now = [1000.0]
    calls: list[float] = []
    monkeypatch.setattr("deploy.destroy.time", SimpleNamespace(monotonic=lambda: now[0], sleep=pass_by(now)))
    endpoint = Model(lambda: None if now[0] > 1100 and len(calls) > 2 else {})
    refused = ClientError(
        {"Error": {"Code": "ValidationException", "Message": "it is being deleted"}}, "DeleteEndpoint"
    )

    def delete(*_: Any) -> None:
        calls.append(now[0])
        if len(calls) > 2:
            raise refused

    endpoint.delete = delete  # type: ignore[method-assign]
    monkeypatch.setitem(KINDS, "endpoint", endpoint)
    assert destroy.destroy(AWS, ledger, [Resource("endpoint", "colours", "colours")], lambda _: None) == []
    assert len(calls) == 3
    assert all(later - earlier >= 30 for earlier, later in pairwise(calls))


def pass_by(now: list[float]) -> Callable[[float], None]:
    def sleep(seconds: float) -> None:
        now[0] += seconds

    return sleep


@pytest.mark.parametrize(("identity", "kinds"), [("a", ["training job", "log streams"]), ("b", [])])
def test_lines_of_an_ended_job_are_whose_the_job_was(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, identity: str, kinds: list[str]
) -> None:
    """A crash before AWS said that the name is taken leaves an intention, and somebody else's job."""
    job = Model(lambda: None)
    job.ended = lambda *_: {ID: identity}  # type: ignore[method-assign]
    monkeypatch.setattr(destroy, "ORDER", (KINDS["training job"], KINDS["log streams"]))
    monkeypatch.setattr(destroy, "KINDS", {"training job": job})
    monkeypatch.setattr(type(KINDS["training job"]), "find", lambda *_: ())
    ledger.write(INTENDED, Resource("training job", "nightly", "colours", "a"))
    taken, _ = destroy.chosen(AWS, ledger, "colours")
    assert [each.kind for each in taken] == kinds


@pytest.mark.parametrize(
    ("kind", "call", "answer"),
    [
        ("endpoint", "describe_endpoint", {"EndpointArn": "arn"}),
        ("alarm", "describe_alarms", {"MetricAlarms": [{"AlarmArn": "arn"}]}),
        ("repository", "describe_repositories", {"repositories": [{"repositoryArn": "arn"}]}),
    ],
)
def test_whether_it_is_there_is_one_call(kind: str, call: str, answer: dict[str, Any]) -> None:
    aws: Any = SimpleNamespace(client=lambda _: SimpleNamespace(**{call: lambda **_: answer}))
    assert KINDS[kind].is_there(aws, Resource(kind, "colours"))
