"""Making things where AWS is slow to know what it has made."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deploy.kinds import KINDS
from deploy.ledger import MADE, Resource
from deploy.making import Maker
from deploy.sections import Account, Project


class Role:
    """In the place of a model's kind: the first calls hear that the role cannot be assumed."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals

    def implied(self, *_: Any) -> tuple[()]:
        return ()

    def finish(self, *_: Any) -> None: ...

    def create(self, *_: Any) -> dict[str, Any]:
        self.refusals -= 1
        if self.refusals >= 0:
            said = {"Code": "ValidationException", "Message": "Could not assume role arn:aws:iam::1:role/r."}
            raise ClientError({"Error": said}, "CreateModel")
        return {"ModelArn": "arn"}


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr("deploy.making.time.sleep", found.append)
    return found


@pytest.fixture
def maker(tmp_path: Path, pauses: list[float]) -> Maker:
    aws = SimpleNamespace(account="1", region="eu-west-1", dry_run=False, account_settings=Account())
    return Maker(aws, Project(project="colours", ledger=tmp_path))  # type: ignore[arg-type]


def test_a_new_role_is_waited_for(maker: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "model", Role(3))
    maker.ledger.write(MADE, Resource("role", "colours-execution", "colours", "a"))
    assert maker.make("model", "colours-1") == {"ModelArn": "arn"}


@pytest.mark.parametrize("is_new", [True, False])
def test_an_old_one_or_for_ever_is_not(maker: Maker, monkeypatch: pytest.MonkeyPatch, is_new: bool) -> None:
    monkeypatch.setitem(KINDS, "model", Role(99))
    if is_new:
        maker.ledger.write(MADE, Resource("role", "colours-execution", "colours", "a"))
    with pytest.raises(ClientError, match="Could not assume role"):
        maker.make("model", "colours-1")


@pytest.mark.parametrize("kind", ["endpoint configuration", "model"])
def test_what_aws_has_just_made_and_does_not_know_yet_is_asked_again(
    maker: Maker, pauses: list[float], kind: str
) -> None:
    errors = [
        ClientError({"Error": {"Code": "ValidationException", "Message": message}}, "CreateEndpoint")
        for message in (f'Could not find {kind} "arn:…".', "Could not find model data at s3://b/m.")
    ]

    def make(*_: str) -> dict[str, Any]:
        if errors:
            raise errors.pop(0)
        return {"made": True}

    maker.ledger.write(MADE, Resource(kind, "colours-1", "colours", "a"))
    with pytest.raises(ClientError, match="model data"):  # which nothing brings
        maker.soon(make, "endpoint")
    assert pauses == [1.0]
    assert maker.soon(make, "endpoint") == {"made": True}


def test_an_error_that_only_sounds_like_a_name_that_is_taken_is_said_as_it_is(
    maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refused(Role):
        def create(self, *_: Any) -> dict[str, Any]:
            said = {"Code": "InvalidInput", "Message": "Duplicate tag keys found."}
            raise ClientError({"Error": said}, "CreateRole")

        def tags(self, *_: Any) -> None: ...

        ended = tags

    monkeypatch.setitem(KINDS, "role", Refused(0))
    with pytest.raises(ClientError, match="Duplicate tag keys"):
        maker.make("role", "colours-execution")
