import pytest

from bench.figures import Figure, Results, best, ratio, shown


@pytest.mark.parametrize(
    ("rounds", "expected"),
    [
        ([3.0, 1.0, 2.0], Figure(2.0, 1.0, 3.0)),
        ([5.0], Figure(5.0, 5.0, 5.0)),
        ([], None),
        ([1.0, None, 2.0], None),  # a round failed: the others alone would flatter
    ],
)
def test_a_figure_is_the_median_with_its_spread(rounds: list[float | None], expected: Figure | None) -> None:
    assert Figure.of(rounds) == expected


def test_spread_is_half_of_what_lies_between_the_rounds() -> None:
    assert Figure(10.0, 9.0, 12.0).spread == pytest.approx(0.15)


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ([10.0, 40.0, 30.0], [1.0, 2.0, 1.0], Figure(20.0, 10.0, 30.0)),  # not 30 / 1, the medians' ratio
        ([10.0, None], [1.0, 2.0], None),
        ([10.0], [None], None),
        ([10.0, 20.0], [1.0], None),
        ([], [], None),
    ],
)
def test_ratios_are_taken_round_by_round(
    ours: list[float | None], theirs: list[float | None], expected: Figure | None
) -> None:
    assert ratio(ours, theirs) == expected


@pytest.mark.parametrize(("at_least", "expected"), [(True, "b"), (False, "a")])
def test_the_best_peer_is_among_those_whose_rounds_all_held(at_least: bool, expected: str) -> None:
    results: Results = {
        "a": {"x": [1.0, 2.0]},
        "b": {"x": [3.0, 3.0]},
        "c": {"x": [9.0, None]},
        "ours": {"x": [99.0, 99.0]},
    }
    assert best(results, "x", ["a", "b", "c", "gone"], at_least) == expected
    assert best(results, "unknown", ["a", "b"], at_least) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.05871, "0.0587"), (12.345, "12.3"), (999.4, "999"), (1_234.5, "1,230"), (115_849.0, "116,000")],
)
def test_three_digits_are_shown(value: float, text: str) -> None:
    assert shown(value) == text
