"""Making things where AWS is slow to know a role."""

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
def maker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Maker:
    monkeypatch.setattr("deploy.making.time.sleep", lambda _: None)
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
