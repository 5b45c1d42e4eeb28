"""Files of metrics: what is written is read, half a line costs itself, and neither age nor size is without a bound."""

import datetime
from pathlib import Path

from moto.cloudwatch.models import MetricAggregatedDatum, MetricDatum, MetricDatumBase

from local_test.api.metrics import KEPT, MetricFiles, dimensions_of

NOW = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
DIMENSIONS = [{"Name": "EndpointName", "Value": "e"}, {"Name": "VariantName", "Value": "v"}]


def point(value: float, at: datetime.datetime = NOW) -> MetricDatum:
    return MetricDatum("N", "M", value, DIMENSIONS, at, "None")


def values(files: MetricFiles) -> list[float]:
    return [datum.value for _, _, data in files.read() for datum in data if isinstance(datum, MetricDatum)]


def test_what_is_appended_is_read(tmp_path: Path) -> None:
    files = MetricFiles(tmp_path / "metrics")
    several = MetricAggregatedDatum("N", "M", 1, 3, 2, 4, [], NOW)
    written: list[MetricDatumBase] = [point(7), several]
    files.append("1", "us-east-1", written)
    (account, region, [one]), (_, _, [many]) = MetricFiles(tmp_path / "metrics").read()
    assert isinstance(one, MetricDatum)
    assert isinstance(many, MetricAggregatedDatum)
    assert (account, region, one.namespace, one.name, one.value, one.unit) == ("1", "us-east-1", "N", "M", 7, "None")
    assert dimensions_of(one.dimensions) == {("EndpointName", "e"), ("VariantName", "v")}
    assert (one.timestamp, many.timestamp) == (NOW, NOW)
    assert len((tmp_path / "metrics" / "1.jsonl").read_bytes().splitlines()) == 2
    files.append("1", "us-east-1", [point(1), point(2), point(3, NOW + datetime.timedelta(seconds=1))])
    assert values(files) == [7, 1, 2, 3]
    assert len((tmp_path / "metrics" / "1.jsonl").read_bytes().splitlines()) == 4  # what was measured together is one
    assert (many.min, many.max, many.sample_count, many.sum, many.unit) == (1, 3, 2, 4, None)


def test_torn_and_foreign_lines_cost_themselves(tmp_path: Path) -> None:
    files = MetricFiles(tmp_path)
    files.append("1", "us-east-1", [point(1)])
    (file,) = tmp_path.iterdir()
    with file.open("ab") as stream:
        stream.write(b'\xff\n[]\n{"a": 1}\n["1","us-east-1","N",[],1,[["M",null,2]]]\n["1","us-ea')
    files.append("1", "us-east-1", [point(2)])
    assert values(files) == [1, 2]


def test_what_is_too_old_is_left_out(tmp_path: Path) -> None:
    files = MetricFiles(tmp_path)
    day = datetime.timedelta(days=1)
    files.append("1", "us-east-1", [point(1, NOW - KEPT - day), point(2, NOW - KEPT + day)])
    assert values(files) == [2]


def test_the_oldest_goes_when_there_is_no_room(tmp_path: Path) -> None:
    files = MetricFiles(tmp_path, size=1000, count=3)
    for number in range(100):
        files.append("1", "us-east-1", [point(number)])
    kept = values(files)
    assert len(list(tmp_path.iterdir())) == 3
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 4000
    assert kept == list(range(100))[-len(kept) :]
    assert len(kept) > 10
