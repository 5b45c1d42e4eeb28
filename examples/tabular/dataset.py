"""Training files: every CSV of a channel as rows of text. A fault is named by file, line and column."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tiffin.codecs import csv
from tiffin.errors import BadJob
from tiffin.job import Channel
from tiffin.table import Floats, shortened

from .schema import Column, Schema, Seen, infer, is_missing

Labels = npt.NDArray[Any]


@dataclass(frozen=True)
class Rows:
    """As the files have them. `places`: file and line of each row."""

    names: tuple[str, ...]
    cells: list[list[str]]
    places: list[str]

    def column(self, name: str) -> list[str]:
        index = self.names.index(name)
        return [row[index] for row in self.cells]


@dataclass(frozen=True)
class Target:
    """What a row's target is to the estimator: a number, or the place of its label among `labels`."""

    labels: tuple[str | int, ...]  # none: a number
    values: npt.NDArray[Any]


def read(channel: Channel, header: bool) -> Rows:
    """Without a header the columns are called 1, 2, 3 …"""
    names: tuple[str, ...] | None = None
    cells: list[list[str]] = []
    places: list[str] = []
    for name, stream in channel.streams(".csv"):
        for line, fields in csv.file_records(name, stream):
            row = [field.strip() for field in fields]
            if names is None:
                names = _header(name, line, row) if header else tuple(str(n) for n in range(1, len(row) + 1))
                if header:
                    continue
            if header and tuple(row) == names:  # each file has it, and through a pipe they arrive joined (T-10)
                continue
            if len(row) != len(names):
                raise BadJob(f"{name}, line {line}: has {len(row)} columns where others have {len(names)}")
            cells.append(row)
            places.append(f"{name}, line {line}")
    if names is None or not cells:
        raise BadJob(f"channel {channel.name!r}: the CSV files have no rows")
    return Rows(names, cells, places)


def schema_of(
    rows: Rows, target: str | None, ignored: tuple[str, ...], categorical: tuple[str, ...], most: int
) -> Schema:
    """The columns' types, by what is in them. Raises BadJob."""
    used = used_columns(rows, target, ignored, categorical)
    columns = [infer(name, Seen.of(rows.column(name)), most, name in categorical) for name in used]
    return Schema(tuple(columns), target, ignored)


def used_columns(rows: Rows, target: str | None, ignored: tuple[str, ...], categorical: tuple[str, ...]) -> list[str]:
    """Those to learn from. Raises BadJob."""
    for what, names in (("target", (target,) if target else ()), ("ignore", ignored), ("categorical", categorical)):
        for name in names:
            if name not in rows.names:
                raise BadJob(f"hyperparameter {what}: there is no column {name!r}; there are {', '.join(rows.names)}")
    used = [name for name in rows.names if name != target and name not in ignored]
    if not used:
        raise BadJob("there is no column to learn from but the target and those to ignore")
    return used


def features(rows: Rows, schema: Schema) -> Floats:
    """(rows, columns) of codes, by name. Raises BadJob for what the schema does not know: of another channel."""
    missing = [name for name in schema.names if name not in rows.names]
    if missing:
        raise BadJob(f"{rows.places[0]}: there is no column {missing[0]!r}")
    coded = [_codes(column, rows) for column in schema.columns]
    return np.column_stack(coded)


def target_of(rows: Rows, name: str, as_labels: bool, known: tuple[str | int, ...] | None = None) -> Target:
    """`known`: the labels of the training rows, where these are others. Raises BadJob naming file and line."""
    if name not in rows.names:
        raise BadJob(f"{rows.places[0]}: there is no target column {name!r}")
    cells = rows.column(name)
    for place, cell in zip(rows.places, cells, strict=True):
        if is_missing(cell):
            raise BadJob(f"{place}, column {name!r}: the target is empty")
    if not as_labels:
        column = Column(name, "number")
        return Target((), _codes(column, rows))
    whole = all(cell.lstrip("-").isdecimal() and str(int(cell)) == cell for cell in cells)
    if known is not None:
        whole = whole and all(isinstance(label, int) for label in known)
    labels: list[Any] = [int(cell) for cell in cells] if whole else list(cells)
    kinds = known if known is not None else tuple(sorted(set(labels)))
    places = {label: index for index, label in enumerate(kinds)}
    for place, label in zip(rows.places, labels, strict=True):
        if label not in places:
            raise BadJob(f"{place}, column {name!r}: {shortened(label)} is no label of the training rows")
    return Target(kinds, np.array([places[label] for label in labels], dtype=np.int64))


def _codes(column: Column, rows: Rows) -> Floats:
    values = []
    for place, cell in zip(rows.places, rows.column(column.name), strict=True):
        try:
            values.append(column.code(cell))
        except ValueError as error:
            raise BadJob(f"{place}, column {column.name!r}: {error}") from None
    return np.array(values)


def _header(name: str, line: int, row: list[str]) -> tuple[str, ...]:
    for number, column in enumerate(row, 1):
        if not column:
            raise BadJob(f"{name}, line {line}: the header's name of column {number} is empty")
        if [other.lower() for other in row].index(column.lower()) != number - 1:
            raise BadJob(f"{name}, line {line}: the header has {column!r} twice")
    try:
        float(row[0])
    except ValueError:
        return tuple(row)
    raise BadJob(
        f"{name}, line {line}: the header has a number, {row[0]!r}, where names are; if the files have no header, "
        "set header=false"
    )
