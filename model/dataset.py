"""Training data: every CSV of a channel, as colours with labels. A fault is named by file, line and column."""

import io
import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from tiffin.codecs import csv
from tiffin.errors import BadJob
from tiffin.job import Channel
from tiffin.table import shortened

log = logging.getLogger(__name__)

REQUIRED = ("R", "G", "B", "LABEL")
_NOT_UTF8 = re.compile("[\udc80-\udcff]")  # what surrogateescape makes of such a byte
_MISSING_LABELS = frozenset({"", "na", "nan", "null"})


@dataclass(frozen=True)
class Dataset:
    rgb: npt.NDArray[np.float64]  # (n, 3), 0 to 255
    labels: npt.NDArray[np.str_]  # (n,)
    names: tuple[str, ...]  # what each colour is called, or its hex form

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, indices: npt.NDArray[np.intp]) -> "Dataset":
        return Dataset(self.rgb[indices], self.labels[indices], tuple(self.names[i] for i in indices))

    def counts(self) -> dict[str, int]:
        return dict(sorted(Counter(self.labels.tolist()).items()))


def read(channel: Channel) -> Dataset:
    """Raises BadJob naming file, line and column of the first fault, or the channel when it has no rows."""
    rows = [row for name, stream in channel.streams(".csv") for row in _rows(name, stream)]
    if not rows:
        raise BadJob(f"channel {channel.name!r}: the CSV files have a header and no rows")
    values, labels, names = zip(*rows, strict=True)
    rgb = np.array(values, dtype=np.float64)
    if rgb.max() <= 1:
        log.warning("channel %r: no value is above 1, and R, G and B are read as 0 to 255", channel.name)
    return Dataset(rgb, np.array(labels), names)


def require_classes(dataset: Dataset, least: int) -> None:
    """Raises BadJob unless there are two labels or more, each on `least` rows or more."""
    counts = dataset.counts()
    if len(counts) < 2:  # noqa: PLR2004
        raise BadJob(f"all {len(dataset)} rows have the label {next(iter(counts))!r}; a classifier needs two or more")
    rare = {label: count for label, count in counts.items() if count < least}
    if rare:
        label, count = next(iter(rare.items()))
        raise BadJob(
            f"the label {label!r} is on {count} row only; to hold out a test set each needs {least} or more. "
            "Or send a channel 'test' of its own"
        )


def _rows(name: str, stream: BinaryIO) -> Iterator[tuple[tuple[float, ...], str, str]]:
    """Closes the stream."""
    header: list[str] | None = None
    with io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        for line, fields in _records(name, text):
            cells = [field.strip() for field in fields]
            if header is None:
                header = cells
                indices = _columns(name, line, header)
                continue
            if cells == header:  # files of a channel arrive joined through a pipe (T-10)
                continue
            if len(cells) != len(header):
                raise BadJob(f"{name}, line {line}: the header has {len(header)} fields, and this row {len(cells)}")
            yield _row(name, line, cells, indices)
    if header is None:
        raise BadJob(f"{name} is empty; a header with {', '.join(REQUIRED)} and rows are needed")


def _records(name: str, text: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    try:
        yield from csv.records(_utf8(text))
    except ValueError as error:
        raise BadJob(f"{name}, {error}") from None


def _utf8(lines: Iterable[str]) -> Iterator[str]:
    """The lines; raises ValueError naming the first with a byte that is not UTF-8."""
    for number, line in enumerate(lines, 1):
        if not line.isascii() and _NOT_UTF8.search(line):
            raise ValueError(f"line {number}: not UTF-8 text; save the file as CSV in UTF-8")
        yield line


def _columns(name: str, line: int, header: list[str]) -> dict[str, int]:
    """Where each column is. A nameless one in front (R's write.csv) and unknown ones are passed over."""
    known = {column.upper(): index for index, column in reversed(list(enumerate(header)))}
    missing = [column for column in REQUIRED if column not in known]
    if missing:
        raise BadJob(
            f"{name}, line {line}: no column {missing[0]} in the header {shortened(','.join(header))}; "
            f"needed are {', '.join(REQUIRED)}, with commas between"
        )
    return known


def _row(name: str, line: int, cells: list[str], columns: dict[str, int]) -> tuple[tuple[float, ...], str, str]:
    rgb = tuple(_channel_value(name, line, column, cells[columns[column]]) for column in "RGB")
    label = cells[columns["LABEL"]]
    if label.lower() in _MISSING_LABELS:
        raise BadJob(f"{name}, line {line}, column LABEL: the label is {label or 'empty'}; a row needs one")
    called = cells[columns["NAME"]] if "NAME" in columns else ""
    return rgb, label, called or "#{:02x}{:02x}{:02x}".format(*(round(value) for value in rgb))


def _channel_value(name: str, line: int, column: str, text: str) -> float:
    where = f"{name}, line {line}, column {column}"
    if not text:
        raise BadJob(f"{where}: it is empty where a number is needed")
    try:
        if "_" in text:
            raise ValueError  # float() takes 1_0 for 10
        value = float(text)
    except ValueError:
        raise BadJob(f"{where}: {shortened(text)} is not a number") from None
    if not 0 <= value <= 255:  # noqa: PLR2004
        raise BadJob(f"{where}: {text} is not between 0 and 255")
    return value
