"""The page of `python -m bench.sql` from its figures."""

import json
from pathlib import Path

from bench.sql.__main__ import WAYS, Outcome, page, ratio

KEPT = Path(__file__).resolve().parents[3] / "docs" / "bench" / "sql"


def test_the_page_is_made_of_the_figures_that_are_kept() -> None:
    outcome = Outcome(**json.loads((KEPT / "figures.json").read_text()))
    assert page(outcome) == (KEPT / "README.md").read_text()


def test_the_ratio_is_of_medians() -> None:
    outcome = Outcome(seconds={"m": {"s": dict(zip(WAYS, ([1.0, 2.0, 9.0], [4.0, 4.0, 4.0]), strict=True))}})
    assert ratio(outcome, "m", "s") == 0.5
    assert "| m | `s` | 100,000 | 2,000.0 (1,000.0 to 9,000.0) | 4,000.0 (4,000.0 to 4,000.0) | 0.50 |" in page(outcome)
