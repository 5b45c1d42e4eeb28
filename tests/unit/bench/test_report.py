from pathlib import Path

import pytest

from bench import prepare, report
from bench.peers import PEERS
from bench.session import Outcome
from bench.workloads import TABLE

OUTCOME = Outcome(
    rounds=3,
    seconds=5,
    results={
        "nginx": {"single": [100_000.0, 120_000.0, 110_000.0], "p50": [0.05, 0.05, 0.05]},
        "aws": {"single": [1_000.0, 800.0, 1_000.0], "p50": [1.0, 1.0, 1.0], "thousand": [1e6, 1e6, 1e6]},
        "fastapi": {"single": [2_000.0, 1_600.0, 2_000.0], "p50": [0.5, 0.5, None], "thousand": [2e6, 2e6, 2e6]},
        "tiffin": {"single": [90_000.0, 96_000.0, 99_000.0], "p50": [0.06, 0.06, 0.06], "thousand": [9e6, 8e6, 7e6]},
    },
    growth={"rows": {"aws": {1: 900.0, 1000: 6e5}, "tiffin": {1: 9e3, 1000: None}}},
    left_out={"mms": "no Java"},
    machine=["a machine, 2 cores"],
)


def rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]


def test_absolute_figures_have_their_spread_and_a_failed_round_has_none() -> None:
    head, _, *body = rows(report.absolute(OUTCOME, ["nginx", "aws", "fastapi"]))
    assert head[1:] == [f"{TABLE[w].title}, {TABLE[w].unit}" for w in ("p50", "single", "thousand")]
    assert body[0] == ["`nginx`", "0.05", "110,000 ±9%", "–"]
    assert body[2] == ["`fastapi`", "–", "2,000 ±10%", "2,000,000"]


def test_ratios_are_to_one_peer() -> None:
    _, _, *body = rows(report.ratios(OUTCOME, list(OUTCOME.results), "aws"))
    found = {row[0]: row[1:] for row in body}
    assert found["`tiffin`"] == ["0.06×", "99× ±15%", "8× ±12%"]
    assert "`aws`" not in found


def test_floors_name_the_best_peer_and_say_no() -> None:
    _, _, *body = rows(report.floors(OUTCOME, list(OUTCOME.results)))
    verdicts = {(row[0], row[3]): row[-1] for row in body if row[-1] != "not measured"}
    assert len(body) == len(report.FLOORS), "none is left out"
    assert verdicts == {
        (TABLE["single"].title, "`aws`"): "**no**",
        (TABLE["single"].title, "`nginx`"): "yes",
        (TABLE["p50"].title, "`nginx`"): "yes",
        (TABLE["thousand"].title, "`aws`"): "**no**",
        (TABLE["thousand"].title, "`fastapi`, the best peer"): "**no**",
    }


def test_the_page_has_its_plots_and_what_was_left_out(tmp_path: Path) -> None:
    report.write(tmp_path, OUTCOME)
    page = (tmp_path / "README.md").read_text()
    assert "`mms`: no Java" in page
    for plot in ("requests.png", "rows.png"):
        assert f"({plot})" in page
        assert (tmp_path / plot).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", [name for name, peer in PEERS.items() if peer.requirements])
def test_every_peer_has_pins_with_the_versions_it_tells(name: str) -> None:
    known = prepare.pinned((prepare.REQUIREMENTS / f"{PEERS[name].requirements}.txt").read_text())
    assert set(PEERS[name].packages) <= set(known)


def test_floors_are_about_peers_and_workloads_that_there_are() -> None:
    for floor in report.FLOORS:
        assert floor.workload in TABLE
        assert {floor.peer, floor.against or "aws"} <= set(PEERS)
