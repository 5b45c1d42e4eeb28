"""What CloudWatch has counted of an endpoint's variants."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from deploy import guards
from deploy.context import Context

COUNTS = ("Invocations", "Invocation4XXErrors", "Invocation5XXErrors")
LATENCIES = ("ModelLatency", "OverheadLatency")  # microseconds
STATISTICS = ("p50", "p90", "p99", "Average", "Maximum")
SHOWN = STATISTICS[:4]
PERIODS = ((3, 60), (24, 300), (float("inf"), 3600))  # up to so many hours: seconds of a point
KEPT = 455  # days, of which the oldest by the hour only
MILLISECOND = 1000.0


@dataclass(frozen=True)
class Measured:
    """Of one variant; latencies in ms by statistic, None where CloudWatch has none."""

    variant: str
    invocations: int
    errors_4xx: int
    errors_5xx: int
    model_ms: Mapping[str, float | None]
    overhead_ms: Mapping[str, float | None]


@dataclass(frozen=True)
class Series:
    """Points of seconds since 1970 and a value."""

    variant: str
    metric: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Query:
    variant: str
    metric: str
    statistic: str


def called(context: Context, endpoint: str, variant: str, since: datetime, period: int) -> list[datetime]:
    """When those periods begin, each of so many seconds, in which somebody called it."""
    found = context.aws.client("cloudwatch").get_metric_statistics(
        Namespace=guards.METRICS,
        MetricName="Invocations",
        Dimensions=guards.dimensions(endpoint, variant),
        StartTime=since,
        EndTime=datetime.now(UTC) + timedelta(minutes=1),
        Period=period,
        Statistics=["Sum"],
    )["Datapoints"]
    return [each["Timestamp"] for each in found if each["Sum"]]


def measured(context: Context, endpoint: str, variants: Sequence[str], hours: float) -> list[Measured]:
    queries = [
        *(Query(variant, metric, "Sum") for variant in variants for metric in COUNTS),
        *(Query(v, metric, statistic) for v in variants for metric in LATENCIES for statistic in STATISTICS),
    ]
    since, until = window(hours)
    found = _asked(context, endpoint, queries, (since, until), int((until - since).total_seconds()))

    def total(variant: str, metric: str) -> int:
        return round(sum(value for _, value in found[Query(variant, metric, "Sum")]))

    def latencies(variant: str, metric: str) -> dict[str, float | None]:
        points = {each: found[Query(variant, metric, each)] for each in STATISTICS}
        # one point; where AWS cuts the time in two, the worse
        return {each: max(v for _, v in points[each]) / MILLISECOND if points[each] else None for each in STATISTICS}

    return [
        Measured(
            each,
            invocations=total(each, "Invocations"),
            errors_4xx=total(each, "Invocation4XXErrors"),
            errors_5xx=total(each, "Invocation5XXErrors"),
            model_ms=latencies(each, "ModelLatency"),
            overhead_ms=latencies(each, "OverheadLatency"),
        )
        for each in variants
    ]


def series(context: Context, endpoint: str, variants: Sequence[str], hours: float) -> list[Series]:
    """Over the time: invocations, the slow tenth of the model's latency in ms, errors."""
    period = next(seconds for most, seconds in PERIODS if hours <= most)
    wanted = (("Invocations", "Sum"), ("ModelLatency", "p90"), ("Invocation5XXErrors", "Sum"))
    queries = [Query(variant, *each) for each in wanted for variant in variants]
    found = _asked(context, endpoint, queries, window(hours), period)
    return [
        Series(
            query.variant,
            query.metric,
            [(at, value / (MILLISECOND if query.metric in LATENCIES else 1)) for at, value in sorted(found[query])],
        )
        for query in queries
    ]


def window(hours: float, now: datetime | None = None) -> tuple[datetime, datetime]:
    """Whole minutes, the one that runs included."""
    until = (now or datetime.now(UTC)).replace(second=0, microsecond=0) + timedelta(minutes=1)
    return until - timedelta(minutes=max(1, round(hours * 60))), until


def document(endpoint: str, hours: float, rows: Sequence[Measured]) -> dict[str, Any]:
    return {"endpoint": endpoint, "hours": hours, "variants": [asdict(row) for row in rows]}


def table(rows: Sequence[Measured]) -> list[str]:
    head = [
        "variant",
        "calls",
        "4XX",
        "5XX",
        *_heads(),
    ]
    cells = [
        [
            row.variant,
            *(str(each) for each in (row.invocations, row.errors_4xx, row.errors_5xx)),
            *(_ms(part[each]) for part in (row.model_ms, row.overhead_ms) for each in SHOWN),
        ]
        for row in rows
    ]
    widths = [max(len(line[column]) for line in [head, *cells]) for column in range(len(head))]
    return ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in [head, *cells]]


def _heads() -> Iterator[str]:
    for what in ("model", "overhead"):
        yield from (f"{what} {'mean' if each == 'Average' else each}" for each in SHOWN)


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms"


def _asked(
    context: Context, endpoint: str, queries: Sequence[Query], between: tuple[datetime, datetime], period: int
) -> dict[Query, list[tuple[float, float]]]:
    found: dict[Query, list[tuple[float, float]]] = {each: [] for each in queries}
    pages = context.aws.client("cloudwatch").get_paginator("get_metric_data")
    for part in _parts(queries):
        asked = [_query(f"m{number}", endpoint, each, period) for number, each in enumerate(part)]
        for page in pages.paginate(MetricDataQueries=asked, StartTime=between[0], EndTime=between[1]):
            for result in page["MetricDataResults"]:
                points = zip(result["Timestamps"], result["Values"], strict=False)
                found[part[int(result["Id"][1:])]] += [(at.timestamp(), float(value)) for at, value in points]
    return found


def _parts(queries: Sequence[Query], most: int = 500) -> Iterator[Sequence[Query]]:
    """As many as one call takes."""
    for begin in range(0, len(queries), most):
        yield queries[begin : begin + most]


def _query(name: str, endpoint: str, query: Query, period: int) -> dict[str, Any]:
    dimensions = guards.dimensions(endpoint, query.variant)
    metric = {"Namespace": guards.METRICS, "MetricName": query.metric, "Dimensions": dimensions}
    return {"Id": name, "MetricStat": {"Metric": metric, "Period": period, "Stat": query.statistic}}
