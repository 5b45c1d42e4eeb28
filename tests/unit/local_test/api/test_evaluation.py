"""When an alarm is in ALARM: the tables of CloudWatch's documentation, and by statistic, window and comparison."""

import datetime
from dataclasses import replace

import pytest
from moto.cloudwatch.models import MetricAggregatedDatum, MetricDatum, MetricDatumBase

from local_test.api.evaluation import ALARM, INSUFFICIENT_DATA, OK, Point, Rule, points, verdict
from local_test.api.metrics import Series

NOW = datetime.datetime(2026, 1, 2, 3, 4, 0)
RULE = Rule(Series("N", "M", frozenset()), "Sum", None, 60, 1.0, "GreaterThanOrEqualToThreshold")
VALUES = {"0": 0.0, "X": 1.0, "-": None}
KEEPS = None
WAYS = ("missing", "ignore", "breaching", "notBreaching")


def seen(marks: str) -> list[Point]:
    return [Point(NOW, VALUES[each]) for each in marks.split()]


@pytest.mark.parametrize(
    ("to_alarm", "marks", "states"),
    [
        (3, "0 - X - X", (OK, OK, OK, OK)),
        (3, "- - - - 0", (OK, OK, OK, OK)),
        (3, "- - - - -", (INSUFFICIENT_DATA, KEEPS, ALARM, OK)),
        (3, "0 X X - X", (ALARM, ALARM, ALARM, ALARM)),
        (3, "- - X - -", (ALARM, KEEPS, ALARM, OK)),
        (3, "- - - - X", (INSUFFICIENT_DATA, KEEPS, ALARM, OK)),
        (2, "0 - X - X", (ALARM, ALARM, ALARM, ALARM)),
        (2, "0 0 X 0 X", (ALARM, ALARM, ALARM, ALARM)),
        (2, "0 - X - -", (OK, OK, ALARM, OK)),
        (2, "- - - - 0", (OK, OK, ALARM, OK)),
        (2, "- - - X -", (ALARM, KEEPS, ALARM, OK)),
    ],
)
def test_three_periods_of_which_some_are_missing(to_alarm: int, marks: str, states: tuple[str | None, ...]) -> None:
    rule = replace(RULE, periods=3, to_alarm=to_alarm)
    assert tuple(verdict(replace(rule, missing=way), seen(marks)).state for way in WAYS) == states


@pytest.mark.parametrize(
    ("marks", "missing", "reason"),
    [
        (
            "- - X",
            "missing",
            "Threshold Crossed: 1 out of the last 1 datapoints [1.0 (02/01/26 03:04:00)] was greater than or equal to "
            "the threshold (1.0) (minimum 1 datapoint for OK -> ALARM transition).",
        ),
        (
            "- X 0",
            "missing",
            "Threshold Crossed: 1 out of the last 1 datapoints [0.0 (02/01/26 03:04:00)] was not greater than or equal "
            "to the threshold (1.0) (minimum 1 datapoint for ALARM -> OK transition).",
        ),
        (
            "- - -",
            "notBreaching",
            "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as "
            "[NonBreaching].",
        ),
        ("- - -", "missing", "Insufficient Data: 1 datapoint was unknown."),
    ],
)
def test_the_reason_is_in_the_words_of_cloudwatch(marks: str, missing: str, reason: str) -> None:
    assert verdict(replace(RULE, missing=missing), seen(marks)).reason == reason


@pytest.mark.parametrize(
    ("comparison", "breaking"),
    [
        ("GreaterThanThreshold", [2.0]),
        ("GreaterThanOrEqualToThreshold", [1.0, 2.0]),
        ("LessThanThreshold", [0.0]),
        ("LessThanOrEqualToThreshold", [0.0, 1.0]),
    ],
)
def test_comparisons(comparison: str, breaking: list[float]) -> None:
    rule = replace(RULE, comparison=comparison)
    assert [value for value in (0.0, 1.0, 2.0) if verdict(rule, [Point(NOW, value)]).state == ALARM] == breaking


def ago(seconds: float) -> datetime.datetime:
    return NOW - datetime.timedelta(seconds=seconds)


DATA: list[MetricDatumBase] = [
    MetricDatum("N", "M", 9.0, [], ago(301), "None"),
    MetricDatum("N", "M", 4.0, [], ago(90), "None"),
    MetricAggregatedDatum("N", "M", 1.0, 5.0, 3.0, 9.0, [], ago(30), "None"),
    MetricDatum("N", "M", 3.0, [], ago(1), "None"),
    MetricDatum("N", "M", 100.0, [], ago(1), "Count"),
    MetricDatum("N", "M", 50.0, [], NOW, "None"),
]


@pytest.mark.parametrize(
    ("statistic", "values"),
    [
        ("Sum", [None, 4.0, 12.0]),
        ("Average", [None, 4.0, 3.0]),
        ("Minimum", [None, 4.0, 1.0]),
        ("Maximum", [None, 4.0, 5.0]),
        ("SampleCount", [None, 1.0, 4.0]),
        ("p90", [None, 4.0, None]),  # a set of statistics has no percentile
    ],
)
def test_windows_end_now(statistic: str, values: list[float | None]) -> None:
    found = points(replace(RULE, statistic=statistic, unit="None"), DATA, NOW)
    assert [point.value for point in found] == values


def test_percentiles_of_single_values() -> None:
    data = [MetricDatum("N", "M", float(value), [], ago(value % 50 + 1)) for value in range(1, 101)]
    newest = [
        points(replace(RULE, statistic=each), data, NOW)[-1].value for each in ("p50", "p90", "p99.9", "p0", "p100")
    ]
    assert newest == [50.0, 90.0, 100.0, 1.0, 100.0]
    few = replace(RULE, statistic="p99", ignores_few=True)
    assert points(few, data, NOW)[-1].value is None  # it takes a thousand
