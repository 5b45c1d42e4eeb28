"""The ledger: what stands, after crashes too."""

import multiprocessing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.errors import DeployError
from deploy.ledger import GONE, INTENDED, MADE, VOID, Ledger, Resource
from deploy.making import expiry

MODEL = Resource("model", "colours-1", "colours", "a1")


def test_what_is_made_stands_until_it_is_gone(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "new", "1", "eu-west-1")
    ledger.write(INTENDED, MODEL)
    assert [(each.resource, each.event) for each in ledger.standing("colours")] == [(MODEL, INTENDED)]
    ledger.write(MADE, MODEL)
    assert [each.event for each in ledger.standing("colours")] == [MADE]
    assert ledger.standing("others") == []
    ledger.write(GONE, MODEL)
    assert ledger.standing("colours") == []


def test_an_attempt_that_met_a_taken_name_takes_nothing_away(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "1", "eu-west-1")
    again = Resource("model", "colours-1", "colours", "b2")
    ledger.write(MADE, MODEL)
    ledger.write(INTENDED, again)
    ledger.write(VOID, again)
    assert [each.resource for each in ledger.standing("colours")] == [MODEL]
    ledger.write(INTENDED, again)
    ledger.write(GONE, MODEL)
    assert ledger.standing("colours") == []


def test_a_torn_line_costs_itself(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "1", "eu-west-1")
    ledger.write(MADE, MODEL)
    with ledger.file.open("ab") as file:
        file.write(b'{"event": "made", "kind": "endp\xc3')
    other = Resource("endpoint", "colours", "colours", "a2")
    ledger.write(MADE, other)
    assert [each.resource for each in ledger.standing("colours")] == [MODEL, other]


def test_accounts_and_regions_have_ledgers_of_their_own(tmp_path: Path) -> None:
    Ledger(tmp_path, "1", "eu-west-1").write(MADE, MODEL)
    assert Ledger(tmp_path, "1", "us-east-1").standing("colours") == []
    assert Ledger(tmp_path, "2", "eu-west-1").standing("colours") == []


def _write(folder: Path, first: int) -> None:
    ledger = Ledger(folder, "1", "eu-west-1")
    for number in range(50):
        ledger.write(MADE, Resource("model", f"m-{first + number}" * 20, "colours"))


def test_two_commands_at_a_time_keep_whole_lines(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(tmp_path, first)) for first in (0, 100)]
    for each in writers:
        each.start()
    for each in writers:
        each.join(60)
    assert len(Ledger(tmp_path, "1", "eu-west-1").standing("colours")) == 100


@pytest.mark.parametrize(
    ("span", "until"),
    [("90m", "2026-11-26T13:30:00Z"), ("8h", "2026-11-26T20:00:00Z"), ("3d", "2026-11-29T12:00:00Z"), ("", "")],
)
def test_a_span_becomes_a_time(span: str, until: str) -> None:
    assert expiry(span, datetime(2026, 11, 26, 12, tzinfo=UTC)) == until


@pytest.mark.parametrize("span", ["8", "h", "8 hours", "-8h"])
def test_what_is_no_span_is_refused(span: str) -> None:
    with pytest.raises(DeployError, match="is no span of time: write 90m, 8h or 3d"):
        expiry(span, datetime.now(UTC))
