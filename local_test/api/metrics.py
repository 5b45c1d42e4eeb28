"""Metrics that outlast a restart: in files, a line for what was measured together, given back to moto at start.

What is older than CloudWatch keeps points of a minute is left out, and so is the oldest of more than there is room for:
files are begun one after the other, and the oldest goes when there are too many.
"""

import contextlib
import datetime
import itertools
import json
import os
import sys
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moto.cloudwatch import urls
from moto.cloudwatch.exceptions import InvalidParameterValue
from moto.cloudwatch.models import (
    CloudWatchBackend,
    Dimension,
    MetricAggregatedDatum,
    MetricDatum,
    MetricDatumBase,
    Statistics,
    cloudwatch_backends,
)

KEPT = datetime.timedelta(days=15)
FILE = 4 << 20  # bytes
FILES = 4

Dimensions = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Series:
    """A metric is its namespace, its name, and all of its dimensions."""

    namespace: str
    name: str
    dimensions: Dimensions

    @classmethod
    def of(cls, datum: MetricDatumBase) -> "Series":
        return cls(datum.namespace, datum.name, dimensions_of(datum.dimensions))


def dimensions_of(dimensions: Iterable[Any]) -> Dimensions:
    """Of moto's objects."""
    return frozenset((str(each.name), str(each.value)) for each in dimensions)


class MetricFiles:
    def __init__(self, folder: Path, size: int = FILE, count: int = FILES) -> None:
        self._folder, self._size, self._count = folder, size, count
        self._lock = threading.Lock()

    def append(self, account: str, region: str, data: Iterable[MetricDatumBase]) -> None:
        """All of it or, with an OSError, nothing."""
        together = itertools.groupby(data, key=lambda datum: (datum.namespace, _named(datum), datum.timestamp))
        lines = b"".join(_line(account, region, *where, group) for where, group in together)
        with self._lock, self._newest().open("ab", buffering=0) as file:
            end = file.tell()
            if end and not _ends_whole(Path(file.name)):
                lines = b"\n" + lines  # after half a line of a kill
            if file.write(lines) < len(lines):
                file.truncate(end)
                raise OSError(f"{file.name} could not be written")

    def load(self) -> None:
        """At start."""
        for account, region, data in self.read():
            backend: Any = cloudwatch_backends[account][region]
            backend.take(data)

    def read(self) -> Iterator[tuple[str, str, list[MetricDatumBase]]]:
        """Account, region and points of the same dimensions; what is no whole line, or too old, is left out."""
        since = _now() - KEPT
        known: dict[str, list[Dimension]] = {}  # by their text: else they are most of what a point takes of memory
        for file in self._files():
            for line in file.read_bytes().splitlines():
                try:
                    account, region, at, data = _parsed(line, known)
                except (ValueError, TypeError):
                    continue
                if at >= since:
                    yield account, region, data

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.jsonl"), key=lambda file: int(file.stem) if file.stem.isdigit() else 0)

    def _newest(self) -> Path:
        """Where the next line goes; the oldest files are removed when it is a new one."""
        files = self._files()
        if files and files[-1].stat().st_size < self._size:
            return files[-1]
        self._folder.mkdir(parents=True, exist_ok=True)
        for old in files[: max(len(files) - self._count + 1, 0)]:
            old.unlink()
        return self._folder / f"{int(files[-1].stem) + 1 if files else 1}.jsonl"


class KnownPoints:
    """Of moto's CloudWatch backend, GetMetricData: without points of which moto has no value, those of percentiles."""

    def get_metric_data(self, *args: Any, **kwargs: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = super().get_metric_data(*args, **kwargs)  # type: ignore[misc]
        for result in found:
            pairs = zip(result["values"], result["timestamps"], strict=False)
            known = [pair for pair in pairs if pair[0] is not None]
            result["values"], result["timestamps"] = [value for value, _ in known], [at for _, at in known]
        return found


def backend_of(files: MetricFiles) -> type[CloudWatchBackend]:
    """moto's CloudWatch backend, telling `files` what it takes, and with its points by their metric."""

    class KeptMetrics(KnownPoints, CloudWatchBackend):
        _url_module = urls  # moto would look beside the class

        def __init__(self, region_name: str, account_id: str) -> None:
            super().__init__(region_name, account_id)
            self.series: dict[Series, list[MetricDatumBase]] = defaultdict(list)
            self._taking = threading.Lock()

        def put_metric_data(self, namespace: str, metric_data: list[dict[str, Any]]) -> None:
            with self._taking:
                known = len(self.metric_data)
                super().put_metric_data(namespace, metric_data)
                new = self.metric_data[known:]
                for datum in new:
                    datum.timestamp = _plain(datum.timestamp)
                    self.series[Series.of(datum)].append(datum)
            with contextlib.suppress(OSError):  # a full disk: they last until a restart, and what measures goes on
                files.append(self.account_id, self.region_name, new)

        def take(self, data: list[MetricDatumBase]) -> None:
            """What a file knew, all of the same dimensions."""
            self.metric_data.extend(data)
            dimensions = dimensions_of(data[0].dimensions) if data else frozenset()
            for datum in data:
                self.series[Series(datum.namespace, datum.name, dimensions)].append(datum)

        def get_metric_statistics(  # noqa: PLR0913, PLR0917  moto's
            self,
            namespace: str,
            metric_name: str,
            start_time: datetime.datetime,
            end_time: datetime.datetime,
            period: int,
            stats: list[str],
            dimensions: list[dict[str, str]],
            unit: str | None = None,
        ) -> list[Statistics]:
            """Of that metric alone: moto's own adds up all that have these dimensions and others."""
            start, end = _plain(start_time), _plain(end_time)
            if start >= end:
                raise InvalidParameterValue("The parameter StartTime must be less than the parameter EndTime.")
            wanted = Series(namespace, metric_name, frozenset((each["Name"], each["Value"]) for each in dimensions))
            provided = [datum for datum in self.aws_metric_data if Series.of(datum) == wanted]
            found: dict[datetime.datetime, Statistics] = {}
            for datum in [*self.series.get(wanted, ()), *provided]:
                if start <= datum.timestamp < end and unit in (None, datum.unit):
                    at = start + (datum.timestamp - start) // datetime.timedelta(seconds=period) * datetime.timedelta(
                        seconds=period
                    )
                    found.setdefault(at, Statistics(stats, at, datum.unit)).metric_data.append(datum)
            return [found[at] for at in sorted(found)]

    return KeptMetrics


def _line(  # noqa: PLR0913, PLR0917
    account: str,
    region: str,
    namespace: str,
    dimensions: dict[str, str],
    at: datetime.datetime,
    data: Iterable[MetricDatumBase],
) -> bytes:
    seconds = at.replace(tzinfo=datetime.UTC).timestamp()
    points = [[datum.name, datum.unit, *_values(datum)] for datum in data]
    return json.dumps([account, region, namespace, dimensions, seconds, points], separators=(",", ":")).encode() + b"\n"


def _named(datum: MetricDatumBase) -> dict[str, str]:
    return {str(each.name): str(each.value) for each in datum.dimensions}


def _values(datum: MetricDatumBase) -> Iterator[float]:
    if isinstance(datum, MetricAggregatedDatum):
        yield from (datum.min, datum.max, datum.sample_count, datum.sum)
    elif isinstance(datum, MetricDatum):
        yield datum.value


def _parsed(
    line: bytes, known: dict[str, list[Dimension]]
) -> tuple[str, str, datetime.datetime, list[MetricDatumBase]]:
    account, region, namespace, dimensions, seconds, points = json.loads(line)
    at = datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(tzinfo=None)
    own = [Dimension(key, text) for key, text in _mapping(dimensions).items()]
    shared = known.setdefault(str(dimensions), own)
    data: list[MetricDatumBase] = []
    for name, unit, *values in points:
        data.append(_datum(sys.intern(namespace), sys.intern(name), [float(each) for each in values], at, unit))
        data[-1].dimensions = shared
    return str(account), str(region), at, data


def _datum(namespace: str, name: str, values: list[float], at: datetime.datetime, unit: Any) -> MetricDatumBase:
    if len(values) == 1:
        return MetricDatum(namespace, name, values[0], [], at, unit)
    least, most, count, total = values
    return MetricAggregatedDatum(namespace, name, least, most, count, total, [], at, unit)


def _mapping(value: Any) -> Mapping[str, str]:
    if not isinstance(value, dict):
        raise TypeError("no dimensions")
    return value


def _plain(at: datetime.datetime) -> datetime.datetime:
    """In UTC and without a zone, as moto compares them."""
    return at.astimezone(datetime.UTC).replace(tzinfo=None) if at.tzinfo else at


def _now() -> datetime.datetime:
    return _plain(datetime.datetime.now(datetime.UTC))


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
