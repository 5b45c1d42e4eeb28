"""How the numbers of CloudWatch are shown."""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

from deploy.measures import Measured, Series, table, window
from deploy.picture import svg


def test_what_cloudwatch_does_not_have_is_a_dash() -> None:
    ms = {"p50": 1.25, "p90": 20.0, "p99": None, "Average": 3.0, "Maximum": 9.0}
    head, row = table([Measured("main", 1200, 3, 0, ms, dict.fromkeys(ms))])
    assert head.split()[:4] == ["variant", "calls", "4XX", "5XX"]
    assert row.split()[:4] == ["main", "1200", "3", "0"]
    assert row.split()[4:10] == ["1.2", "ms", "20.0", "ms", "-", "3.0"]
    assert len(head) == len(row)


def test_a_window_holds_the_minute_that_runs() -> None:
    now = datetime(2026, 11, 26, 10, 20, 30, tzinfo=UTC)
    assert window(1, now) == (datetime(2026, 11, 26, 9, 21, tzinfo=UTC), datetime(2026, 11, 26, 10, 21, tzinfo=UTC))
    assert window(0.001, now)[0] < window(0.001, now)[1]


def test_a_drawing_has_a_line_a_variant_within_its_panel() -> None:
    since = datetime(2026, 11, 26, tzinfo=UTC)
    at = since.timestamp()
    series = [
        Series("a<b", "Invocations", [(at, 0.0), (at + 1800, 10.0), (at + 3600, 5.0)]),
        Series("c", "Invocations", []),
    ]
    root = ET.fromstring(svg("x & y", series, (since, since + timedelta(hours=1))))  # noqa: S314  ours
    lines = root.findall("{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 2
    points = [tuple(map(float, point.split(","))) for point in lines[0].get("points", "").split()]
    assert [x for x, _ in points] == [70.0, 405.0, 740.0]
    assert [y for _, y in points] == [180.0, 50.0, 115.0]  # nothing below, the most above, half between
