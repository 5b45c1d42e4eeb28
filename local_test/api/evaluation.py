"""Of an alarm and the points of its metric, its state: the rules of CloudWatch's "Alarm evaluation".

A period is a window that slides, and ends now. Somewhat more periods are looked at than the alarm asks for, so that a
few missing ones need not be filled in.
"""

import datetime
import json
import math
import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from moto.cloudwatch.models import MetricAggregatedDatum, MetricDatum, MetricDatumBase, Statistics

from local_test.api.metrics import Series, dimensions_of

MORE = 2  # periods, as in AWS's examples
OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"
FILLED = {"breaching": "Breaching", "notBreaching": "NonBreaching"}
COMPARISONS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}


class NotEvaluatedError(Exception):
    """Its text says what the alarm has that is not evaluated here."""


@dataclass(frozen=True)
class Rule:
    series: Series
    statistic: str  # Sum, ...; or a percentile, as p99.9
    unit: str | None
    period: float  # seconds
    threshold: float
    comparison: str
    periods: int = 1
    to_alarm: int = 1
    missing: str = "missing"
    ignores_few: bool = False  # EvaluateLowSampleCountPercentile

    @classmethod
    def of(cls, alarm: Any, longest: float) -> "Rule":
        """Of moto's Alarm, its period not over `longest` seconds. Raises NotEvaluatedError."""
        if alarm.comparison_operator not in COMPARISONS or alarm.threshold is None:
            raise NotEvaluatedError("anomaly detection")
        metric, statistic, period = alarm, alarm.extended_statistic or alarm.statistic, alarm.period
        unit = alarm.unit
        if alarm.metric_data_queries:
            query = alarm.metric_data_queries[0]
            if len(alarm.metric_data_queries) > 1 or query.expression or not query.metric_stat:
                raise NotEvaluatedError("metric math")
            stat = query.metric_stat
            statistic, period, metric, unit = stat.stat, stat.period, stat.metric, stat.unit
        if statistic not in ("Sum", "Average", "Minimum", "Maximum", "SampleCount") and _percentile(statistic) is None:
            raise NotEvaluatedError(f"the statistic {statistic}")
        return cls(
            Series(metric.namespace, metric.metric_name, dimensions_of(metric.dimensions)),
            statistic,
            unit,
            min(float(period), longest),
            float(alarm.threshold),
            alarm.comparison_operator,
            int(alarm.evaluation_periods),
            int(alarm.datapoints_to_alarm or alarm.evaluation_periods),
            alarm.treat_missing_data or "missing",
            alarm.evaluate_low_sample_count_percentile == "ignore",
        )

    def breaks(self, value: float) -> bool:
        return COMPARISONS[self.comparison][0](value, self.threshold)


@dataclass(frozen=True)
class Point:
    """Of one period, by its begin; None where there is nothing."""

    at: datetime.datetime
    value: float | None


@dataclass(frozen=True)
class Verdict:
    """The state there shall be; None keeps the one there is."""

    state: str | None
    reason: str = ""
    data: str = "{}"


def points(rule: Rule, data: Sequence[MetricDatumBase], now: datetime.datetime) -> list[Point]:
    """Of the periods until `now`, the oldest first."""
    period, count = datetime.timedelta(seconds=rule.period), rule.periods + MORE
    windows: list[list[MetricDatumBase]] = [[] for _ in range(count)]
    begin = now - count * period
    for datum in reversed(data):
        if begin <= datum.timestamp < now and rule.unit in (None, datum.unit):
            windows[min((datum.timestamp - begin) // period, count - 1)].append(datum)
    return [Point(begin + number * period, _value(rule, window)) for number, window in enumerate(windows)]


def verdict(rule: Rule, seen: Sequence[Point]) -> Verdict:
    existing = [(point.at, point.value) for point in seen if point.value is not None]
    used = existing[-rule.periods :]
    lacking = rule.periods - len(used)
    breaking = sum(rule.breaks(value) for _, value in used)
    data = _data(rule, used)
    if not lacking:
        state = ALARM if breaking >= rule.to_alarm else OK
        return Verdict(state, _crossed(rule, used, breaking, state), data)
    if rule.missing in FILLED:
        filled = breaking + (lacking if rule.missing == "breaching" else 0)
        return Verdict(ALARM if filled >= rule.to_alarm else OK, _filled(rule, len(used), lacking), data)
    if _is_alarm_without(rule, seen, breaking):
        return Verdict(ALARM, _crossed(rule, used, breaking, ALARM), data)
    if breaking < len(used):
        return Verdict(OK, _crossed(rule, used, breaking, OK), data)
    if rule.missing == "ignore":
        return Verdict(None)
    return Verdict(
        INSUFFICIENT_DATA, f"Insufficient Data: {_many(lacking, 'datapoint was', 'datapoints were')} unknown."
    )


def _is_alarm_without(rule: Rule, seen: Sequence[Point], breaking: int) -> bool:
    """With points missing: enough break, or all there are do and the first of them is old enough that it is no mere
    beginning ("premature alarm state")."""
    if breaking >= rule.to_alarm:
        return True
    known = [number for number, point in enumerate(seen) if point.value is not None]
    return (
        bool(known) and breaking == len(known) and len(seen) - known[0] >= rule.to_alarm and rule.missing == "missing"
    )


def _value(rule: Rule, data: Sequence[MetricDatumBase]) -> float | None:
    percentile = _percentile(rule.statistic)
    if percentile is not None:
        return _of_rank(percentile, data, rule.ignores_few)
    statistics = Statistics([rule.statistic], datetime.datetime.min)
    statistics.metric_data = list(data)
    found: Any = statistics.get_statistics_for_type(rule.statistic) if data else None
    return None if found is None else float(found)


def _of_rank(percentile: float, data: Iterable[MetricDatumBase], ignores_few: bool) -> float | None:
    """Of single values; a set of statistics has none, but where all its values are one."""
    values: list[float] = []
    for datum in data:
        if isinstance(datum, MetricDatum):
            values.append(datum.value)
        elif isinstance(datum, MetricAggregatedDatum):
            if datum.min != datum.max:
                return None
            values.extend([datum.min] * int(datum.sample_count))
    share = min(percentile, 100 - percentile) / 100
    if not values or (ignores_few and share and len(values) < 10 / share):
        return None
    return sorted(values)[max(math.ceil(percentile / 100 * len(values)) - 1, 0)]


def _percentile(statistic: str | None) -> float | None:
    try:
        return float(statistic[1:]) if statistic and statistic.startswith("p") else None
    except ValueError:
        return None


def _crossed(rule: Rule, used: Sequence[tuple[datetime.datetime, float]], breaking: int, state: str) -> str:
    count = breaking if state == ALARM else len(used) - breaking
    shown = ", ".join(f"{value} ({at:%d/%m/%y %H:%M:%S})" for at, value in used)
    was = ("was" if count == 1 else "were") + ("" if state == ALARM else " not")
    needed = rule.to_alarm if state == ALARM else rule.periods - rule.to_alarm + 1
    least = _many(needed, "datapoint", "datapoints")
    move = "OK -> ALARM" if state == ALARM else "ALARM -> OK"
    return (
        f"Threshold Crossed: {count} out of the last {len(used)} datapoints [{shown}] {was} "
        f"{COMPARISONS[rule.comparison][1]} the threshold ({rule.threshold}) (minimum {least} for {move} transition)."
    )


def _filled(rule: Rule, used: int, lacking: int) -> str:
    received = _many(used, "datapoint was", "datapoints were") if used else "no datapoints were"
    periods = _many(rule.periods, "period", "periods")
    missing = _many(lacking, "missing datapoint was", "missing datapoints were")
    return f"Threshold Crossed: {received} received for {periods} and {missing} treated as [{FILLED[rule.missing]}]."


def _data(rule: Rule, used: Sequence[tuple[datetime.datetime, float]]) -> str:
    return json.dumps(
        {
            "version": "1.0",
            "statistic": rule.statistic,
            "period": rule.period,
            "recentDatapoints": [value for _, value in used],
            "threshold": rule.threshold,
        }
        | ({"startDate": stamp(used[0][0])} if used else {})
    )


def stamp(at: datetime.datetime) -> str:
    """As CloudWatch writes a time."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}+0000"


def _many(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"
