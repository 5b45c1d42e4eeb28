"""application/json: one row, a list of rows, or {"instances": [rows]}.

A row is an object (named columns), a list of cells, or a single cell. Strict: no NaN, no Infinity, no key twice.
"""

import json
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, NoReturn

from tiffin.errors import BadPayload
from tiffin.table import Cell, Envelope, Table, shortened

# What escapes of half a character begin with. UTF-8 has none of those, so no answer could hold one.
_SURROGATES = ("\\ud", "\\uD")


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


def decode(text: str) -> Table:
    if not text.strip():
        return Table(())
    document = loads(text)
    if isinstance(document, dict) and "instances" in document:
        instances = document["instances"]
        if not isinstance(instances, list):
            raise BadPayload(f"'instances' is {shortened(instances)}, not a list of rows")
        return table(instances, Envelope.INSTANCES)
    if isinstance(document, list):
        return table(document, Envelope.MANY)
    return table([document], Envelope.ONE)


def table(rows: Sequence[Any], envelope: Envelope) -> Table:
    """Rows of one shape each; raises BadPayload naming the first row of another."""
    if rows and isinstance(rows[0], dict):
        return _named(rows, envelope)
    cells: list[list[Cell]] = []
    for number, row in enumerate(rows, 1):
        if isinstance(row, dict) or isinstance(row, list) != isinstance(rows[0], list):
            raise BadPayload("is not of the same shape as row 1", row=number)
        cells.append([_cell(cell, number, None) for cell in (row if isinstance(row, list) else [row])])
        if len(cells[-1]) != len(cells[0]):
            raise BadPayload(f"has {len(cells[-1])} cells where row 1 has {len(cells[0])}", row=number)
    return Table(cells, None, envelope)


def encode(table: Table) -> str:
    """Ends in a newline, as a line of a terminal or of an assembled batch file does (B-06)."""
    values = [value(row, table.columns) for row in table.rows]
    match table.envelope:
        case Envelope.ONE if len(values) == 1:
            return dumps(values[0]) + "\n"
        case Envelope.INSTANCES:
            return dumps({"predictions": values}) + "\n"
        case _:
            return dumps(values) + "\n"


def value(row: Sequence[Cell], columns: tuple[str, ...] | None) -> object:
    """A row as JSON: an object where columns have names, else a list, or the cell itself when there is one."""
    cells = [None if isinstance(cell, float) and not math.isfinite(cell) else cell for cell in row]
    if columns is not None:
        return dict(zip(columns, cells, strict=True))
    return cells[0] if len(cells) == 1 else cells


def _named(rows: Sequence[Any], envelope: Envelope) -> Table:
    columns = tuple(rows[0])
    cells = []
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise BadPayload("is not of the same shape as row 1", row=number)
        for name in (*columns, *row):
            if name not in row:
                raise BadPayload("is missing", row=number, column=name)
            if name not in rows[0]:
                raise BadPayload("is not in row 1", row=number, column=name)
        cells.append([_cell(row[name], number, name) for name in columns])
    return Table(cells, columns, envelope)


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
