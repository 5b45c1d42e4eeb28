"""application/json in the shapes that published containers take; strict: no NaN, no Infinity, no key twice.

One row, a list of rows, or an object that holds rows: {"instances": [rows]} and MLflow's {"inputs": …},
{"dataframe_records": [rows]}, {"dataframe_split": {…}}, which are answered {"predictions": [rows]}; pandas' split
{"columns": [names], "data": [rows]} and columns {"R": [cells], "G": [cells]}, which are answered by a list.

A row is an object (named columns), a list of cells, a single cell, or as AWS's built-in algorithms have it
{"features": [cells]} and {"data": {"features": {"values": [cells]}}}. What could be read in two ways is refused.
"""

import json
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, NoReturn

from tiffin.bad_rows import BadRows, refuse
from tiffin.errors import BadPayload
from tiffin.table import Cell, Envelope, Table, shortened

# What escapes of half a character begin with. UTF-8 has none of those, so no answer could hold one.
_SURROGATES = ("\\ud", "\\uD")
_ENVELOPES = ("instances", "inputs", "dataframe_records", "dataframe_split")
_SPLIT = {"columns", "data"}


def loads(text: str, row: int | None = None) -> Any:
    """Raises BadPayload, with `row` if given, for whatever RFC 8259 does not allow."""
    try:
        document = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_unique_keys)
        if any(escape in text for escape in _SURROGATES):
            json.dumps(document, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}, " if row is None else ""  # a row is a line, and that has been said
        raise BadPayload(f"not JSON: {error.msg} at {line}column {error.colno}", row=row) from None
    except RecursionError:
        raise BadPayload("not read: the JSON is nested too deeply", row=row) from None
    except UnicodeEncodeError:
        raise BadPayload("not read: a text holds half of a surrogate pair, which is no character", row=row) from None
    except ValueError as error:
        raise BadPayload(f"not JSON: {_plain(error)}", row=row) from None
    return document


def dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def decode(text: str, bad: BadRows | None = None) -> Table:
    """`bad` keeps rows of another shape apart; without it they are refused."""
    if not text.strip():
        return Table(())
    return rows_of(loads(text), bad)


def rows_of(document: Any, bad: BadRows | None = None) -> Table:
    """As `decode`, of what has been parsed."""
    if isinstance(document, dict):
        return _object(document, bad)
    if isinstance(document, list):
        return table(document, Envelope.MANY, bad)
    return table([document], Envelope.ONE, bad)


def table(
    rows: Sequence[Any], envelope: Envelope, bad: BadRows | None = None, numbers: Sequence[int] | None = None
) -> Table:
    """Rows of one shape each; raises BadPayload naming the first row of another, or keeps it apart in `bad`.

    The shape is that of row 1; where bad rows are kept apart, the one that most rows have. `numbers`: the rows' own.
    """
    numbers = numbers or range(1, len(rows) + 1)
    rows = [_of_built_in(row, number) for row, number in zip(rows, numbers, strict=True)]
    if not rows:
        return Table([], None, envelope)
    first, called = rows[0], "row 1"
    if bad is not None:
        usual = Counter(map(_shape, rows)).most_common(1)[0][0]
        first, called = next(row for row in rows if _shape(row) == usual), "most rows"
    columns = tuple(first) if isinstance(first, dict) else None
    cells: list[list[Cell]] = []
    for number, row in zip(numbers, rows, strict=True):
        try:
            cells.append(_cells(row, first, number, called))
        except BadPayload as error:
            refuse(error, bad)
    return Table(cells, columns, envelope)


def encode(table: Table) -> str:
    """Ends in a newline, as a line of a terminal or of an assembled batch file does (B-06)."""
    values = values_of(table)
    match table.envelope:
        case Envelope.ONE if len(values) == 1:
            return dumps(values[0]) + "\n"
        case Envelope.INSTANCES:
            return dumps({"predictions": values}) + "\n"
        case _:
            return dumps(values) + "\n"


def values_of(table: Table) -> Sequence[object]:
    if table.documents is not None:
        return table.documents
    return [value(row, table.columns) for row in table.rows]


def value(row: Sequence[Cell], columns: tuple[str, ...] | None) -> object:
    """A row as JSON: an object where columns have names, else a list, or the cell itself when there is one."""
    cells = [None if isinstance(cell, float) and not math.isfinite(cell) else cell for cell in row]
    if columns is not None:
        return dict(zip(columns, cells, strict=True))
    return cells[0] if len(cells) == 1 else cells


def _object(document: dict[str, Any], bad: BadRows | None) -> Table:
    """Rows in an object, columns in one, or one row that is an object."""
    found = [name for name in _ENVELOPES if name == "instances" and name in document] + [
        name for name in _ENVELOPES if name != "instances" and isinstance(document.get(name), list | dict)
    ]
    if len(found) > 1:
        raise BadPayload(f"the rows may be in '{found[0]}' or in '{found[1]}'; send one of them")
    if not found:
        return _split(document, Envelope.MANY, bad) if document.keys() >= _SPLIT else _by_columns(document, bad)
    (name,) = found
    rows = document[name]
    beside = document.keys() - {name}
    if name != "instances" and beside:
        raise BadPayload(f"{shortened(min(beside))} stands beside '{name}', and is not taken; send '{name}' alone")
    if name == "dataframe_split":
        if not isinstance(rows, dict) or not rows.keys() >= _SPLIT:
            raise BadPayload("'dataframe_split' is no object with 'columns' and 'data'")
        return _split(rows, Envelope.INSTANCES, bad)
    if name == "inputs" and isinstance(rows, dict):
        if not _all_lists(rows):
            raise BadPayload("'inputs' is an object, and not every column in it is a list of cells")
        return _columns(rows, Envelope.INSTANCES)
    if not isinstance(rows, list):
        raise BadPayload(f"'{name}' is {shortened(rows)}, not a list of rows")
    if name == "dataframe_records" and not all(isinstance(row, dict) for row in rows):
        raise BadPayload("'dataframe_records' is not a list of objects")
    return table(rows, Envelope.INSTANCES, bad)


def _split(document: dict[str, Any], envelope: Envelope, bad: BadRows | None) -> Table:
    """pandas' orient="split"."""
    names, rows = document["columns"], document["data"]
    if beside := document.keys() - _SPLIT - {"index"}:
        raise BadPayload(f"{shortened(min(beside))} stands beside 'columns' and 'data', and is not taken")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BadPayload("'columns' is not a list of names")
    if len(set(names)) != len(names):
        raise BadPayload("is in 'columns' twice", column=Counter(names).most_common(1)[0][0])
    if not isinstance(rows, list):
        raise BadPayload(f"'data' is {shortened(rows)}, not a list of rows")
    cells: list[list[Cell]] = []
    for number, row in enumerate(rows, 1):
        try:
            if not isinstance(row, list):
                raise BadPayload(f"is {shortened(row)}, not a list of cells, beside 'columns'", row=number)
            cells.append(_cells(row, names, number, "'columns'"))
        except BadPayload as error:
            refuse(error, bad)
    return Table(cells, tuple(names), envelope)


def _by_columns(document: dict[str, Any], bad: BadRows | None) -> Table:
    if not document or not _all_lists(document):
        return table([document], Envelope.ONE, bad)
    if document.keys() == {"features"}:
        raise BadPayload(
            'a lone \'features\' is one row or one column; send {"instances":[{"features":[…]}]}, or rows of objects'
        )
    return _columns(document, Envelope.MANY)


def _columns(document: dict[str, Any], envelope: Envelope) -> Table:
    names = tuple(document)
    length = len(document[names[0]]) if names else 0
    for name, column in document.items():
        if len(column) != length:
            text = f"has {len(column)} cells where column {shortened(names[0])} has {length}"
            raise BadPayload(text, column=name)
    columns = [[_cell(c, i, name) for i, c in enumerate(column, 1)] for name, column in document.items()]
    return Table([list(row) for row in zip(*columns, strict=True)], names, envelope)


def _all_lists(document: dict[str, Any]) -> bool:
    """Of single cells: a list of lists is nothing that a column could be."""
    return all(
        isinstance(column, list) and not any(isinstance(cell, list | dict) for cell in column)
        for column in document.values()
    )


def _of_built_in(row: Any, number: int) -> Any:
    """The cells of a row as AWS's built-in algorithms have it, else the row."""
    if not isinstance(row, dict) or len(row) != 1:
        return row
    if isinstance(features := row.get("features"), list):
        return features
    data = row.get("data")
    if isinstance(data, dict) and data.keys() == {"features"} and isinstance(data["features"], dict):
        features = data["features"]
        if features.keys() & {"keys", "shape"}:
            raise BadPayload("is sparse; send the values dense, without keys and shape", row=number)
        if isinstance(values := features.get("values"), list):
            return values
    return row


def _shape(row: Any) -> object:
    if isinstance(row, dict):
        return frozenset(row)
    return len(row) if isinstance(row, list) else None


def _cells(row: Any, first: Any, number: int, called: str) -> list[Cell]:
    """The row's cells in the order of `first`; raises BadPayload where it is of another shape."""
    if isinstance(row, dict) != isinstance(first, dict) or isinstance(row, list) != isinstance(first, list):
        raise BadPayload(f"is not of the same shape as {called}", row=number)
    if isinstance(row, dict):
        for name in (*first, *row):
            if name not in row:
                raise BadPayload("is missing", row=number, column=name)
            if name not in first:
                raise BadPayload(f"is not in {called}", row=number, column=name)
        return [_cell(row[name], number, name) for name in first]
    cells = [_cell(cell, number, None) for cell in (row if isinstance(row, list) else [row])]
    if isinstance(row, list) and len(row) != len(first):
        raise BadPayload(f"has {len(row)} cells where {called} has {len(first)}", row=number)
    return cells


def _cell(cell: object, row: int, column: str | None) -> Cell:
    if cell is None or isinstance(cell, str | int | float | bool):
        return cell
    raise BadPayload(f"{shortened(cell)} is not a single value", row=row, column=column)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {shortened(twice)} appears twice")
    return document


def _plain(error: ValueError) -> str:
    """The interpreter's words, where they speak of its own interface, in a caller's terms."""
    text = str(error)
    return "a number has thousands of digits" if "integer string conversion" in text else text
