"""Ranges as they are written, and what a tuning job is asked for with."""

from typing import Any

import pytest

from deploy.errors import DeployError
from deploy.sections import Tuning
from deploy.tuning import Trial, config, parsed, ranked

RANGES = [
    ("tree,forest", "CategoricalParameterRanges", {"Values": ["tree", "forest"]}),
    ("1, 2, 4", "CategoricalParameterRanges", {"Values": ["1", "2", "4"]}),
    ("2..90", "IntegerParameterRanges", {"MinValue": "2", "MaxValue": "90", "ScalingType": "Auto"}),
    ("-3..3:linear", "IntegerParameterRanges", {"MinValue": "-3", "MaxValue": "3", "ScalingType": "Linear"}),
    ("0.1..0.9", "ContinuousParameterRanges", {"MinValue": "0.1", "MaxValue": "0.9", "ScalingType": "Auto"}),
    ("1..2.", "ContinuousParameterRanges", {"MinValue": "1", "MaxValue": "2.", "ScalingType": "Auto"}),
    ("1e-5..1e-1:log", "ContinuousParameterRanges",
     {"MinValue": "1e-5", "MaxValue": "1e-1", "ScalingType": "Logarithmic"}),
    ("0.9..0.99:reverse-log", "ContinuousParameterRanges",
     {"MinValue": "0.9", "MaxValue": "0.99", "ScalingType": "ReverseLogarithmic"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "part", "item"), RANGES, ids=[row[0] for row in RANGES])
def test_a_range_is_of_its_form(text: str, part: str, item: dict[str, Any]) -> None:
    found = parsed("x", text)
    assert (found.part, found.item) == (part, {"Name": "x", **item})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty value"),
        ("a,,b", "empty value"),
        ("a,b,a", "a value twice"),
        ("1..", "is no range"),
        ("a..b", "is no range"),
        ("1..2..3", "is no range"),
        ("1..2:cubic", "is no range"),
        ("9..2", "ends before it begins"),
        ("2..2", "ends before it begins"),
        ("0..1:log", "has no 0"),
        ("0.5..1.0:reverse-log", "from 0 to below 1"),
    ],
)
def test_what_is_no_range_is_refused(text: str, words: str) -> None:
    with pytest.raises(DeployError, match=words):
        parsed("x", text)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"objective": ""}, "which metric is to be the best"),
        ({"objective": "auc"}, "none of .* metrics; there are loss"),
        ({"ranges": {}}, "nothing to try"),
        ({"max_parallel_jobs": 9}, "max_parallel_jobs, 9, is not 1 to max_jobs, 8"),
        ({"max_parallel_jobs": 0}, "max_parallel_jobs, 0, is not 1"),
        ({"strategy": "Grid", "ranges": {"x": "1..3"}}, "write x=a,b,c and not 1..3"),
        ({"strategy": "Grid", "ranges": {"x": "1,2,3", "y": "1,2,3"}}, "9 points, and max_jobs is 8: --max-jobs 9"),
    ],
)
def test_what_could_come_to_nothing_is_refused(more: dict[str, Any], words: str) -> None:
    with pytest.raises(DeployError, match=words):
        config(Tuning(**{"objective": "loss", "ranges": {"x": "1,2"}, **more}), ["loss"])


def test_the_best_is_first_by_the_goal_and_what_has_no_value_last() -> None:
    trials = [Trial(str(value), "Completed", value, {}) for value in (0.5, None, 0.9, -1.0)]
    assert [each.value for each in ranked(trials, "Maximize")] == [0.9, 0.5, -1.0, None]
    assert [each.value for each in ranked(trials, "Minimize")] == [-1.0, 0.5, 0.9, None]
