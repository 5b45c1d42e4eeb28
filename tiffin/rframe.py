"""A table as R's data frame has it, and back: columns of one type, missing values, texts once each and by number.

What a cell means is for the model's schema to say where there is one (`Schema`). Without it a column of text is
numbers if each of its cells is one, as R's own read.csv has it. An empty field, null and, among numbers, R's word NA
are missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tiffin.errors import BadPayload
from tiffin.rlang import NA_DOUBLE, NA_INTEGER
from tiffin.table import Array, ArrayRows, Cell, Table, is_number, shortened

_TRUE, _FALSE = frozenset({"true", "t"}), frozenset({"false", "f"})
_MANY = 6  # levels that an error names


@dataclass(frozen=True)
class Schema:
    """What the model takes: names, and by column a kind ("double", "factor", … or "any") and a factor's levels."""

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    levels: tuple[tuple[str, ...] | None, ...]

    @property
    def is_numeric(self) -> bool:
        return set(self.kinds) == {"double"}


@dataclass(frozen=True)
class Column:
    """`values` are float64, or int32 for all other kinds; texts and levels are counted from 1."""

    kind: str
    values: Array
    texts: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Frame:
    rows: int
    names: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def arguments(self) -> tuple[Any, ...]:
        """As rlang.R's `frame` takes them."""
        kinds = tuple(column.kind for column in self.columns)
        return (self.rows, self.names, kinds, [c.values for c in self.columns], [c.texts for c in self.columns])


def to_frame(table: Table, schema: Schema | None) -> Frame:
    """Raises BadPayload naming row and column of the first cell that the model cannot take."""
    if schema is not None:
        table = table.select(schema.names)  # by name, or all of them by position
    names = table.columns or tuple(f"V{index + 1}" for index in range(table.width))
    _check_names(names)
    if isinstance(table.rows, ArrayRows):
        array = table.rows.flat()
        cells: list[Any] = [array[:, index] for index in range(array.shape[1])]
    else:
        cells = [list(column) for column in zip(*table.rows, strict=True)] or [[] for _ in names]
    kinds = schema.kinds if schema is not None else ("any",) * len(names)
    levels = schema.levels if schema is not None else (None,) * len(names)
    try:
        columns = tuple(map(_column, cells, names, kinds, levels))
    except BadPayload as error:
        raise table.hinted(error) from None
    return Frame(len(table), names, columns)


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        _text(name, None, name)


def _column(cells: Any, name: str, kind: str, levels: tuple[str, ...] | None) -> Column:
    if isinstance(cells, np.ndarray):
        if cells.dtype.kind == "f" and kind in ("double", "any"):
            return Column("double", np.ascontiguousarray(cells, np.float64))
        if cells.dtype.kind in "iu" and (kind == "double" or (kind == "any" and cells.dtype.itemsize > 4)):  # noqa: PLR2004
            return Column("double", np.ascontiguousarray(cells, np.float64))
        cells = cells.tolist()
    if kind == "any":
        kind = _kind_of(cells)
    if kind == "double":
        return Column(kind, _doubles(cells, name))
    if kind in ("logical", "integer"):
        read = _logical if kind == "logical" else _integer
        return Column(kind, np.array([read(cell, row, name) for row, cell in enumerate(cells, 1)], np.int32))
    if kind == "text":
        return _texts(cells, name)
    return Column(kind, _codes(cells, name, levels or ()), levels)


def _kind_of(cells: Sequence[Cell]) -> str:
    """By what is there, as JSON has types and read.csv guesses them."""
    given = [cell for cell in cells if cell is not None and cell != ""]
    types = set(map(type, given))
    if types <= {bool}:
        return "logical"  # as R has a column of nothing but NA
    if types == {int} and all(-(2**31) < cell < 2**31 for cell in given):  # type: ignore[operator]
        return "integer"
    if types <= {int, float}:
        return "double"
    if types == {str} and all(map(_is_numeral, given)) and any(cell != "NA" for cell in given):
        return "double"
    return "text"


def _is_numeral(cell: Any) -> bool:
    return cell == "NA" or ("_" not in cell and is_number(cell) and cell.strip().lower() not in ("nan", "+nan", "-nan"))


def _doubles(cells: Sequence[Cell], name: str) -> npt.NDArray[np.float64]:
    if not any(
        cell is None or cell == "" or isinstance(cell, bool) or (type(cell) is str and "_" in cell) for cell in cells
    ):
        try:
            found = np.array(cells, np.float64)
            if not np.isnan(found).any():
                return found
        except (ValueError, TypeError, OverflowError):
            pass  # the search below names the cell
    return np.array([_double(cell, row, name) for row, cell in enumerate(cells, 1)], np.float64)


def _is_missing(cell: Cell) -> bool:
    return cell is None or cell in ("", "NA") or cell != cell  # noqa: PLR0124  NaN of an array


def _double(cell: Cell, row: int, name: str) -> Any:
    if _is_missing(cell):
        return NA_DOUBLE
    if isinstance(cell, bool) or (isinstance(cell, str) and not _is_numeral(cell)):
        raise BadPayload(f"{shortened(cell)} is not a number", row=row, column=name)
    try:
        return float(cell)  # type: ignore[arg-type]
    except (ValueError, TypeError, OverflowError):
        raise BadPayload(f"{shortened(cell)} is not a number", row=row, column=name) from None


def _integer(cell: Cell, row: int, name: str) -> int:
    if _is_missing(cell):
        return NA_INTEGER
    number = _double(cell, row, name)
    if not number.is_integer() or abs(number) >= 2**31:
        raise BadPayload(f"{shortened(cell)} is not a whole number below 2^31", row=row, column=name)
    return int(number)


def _logical(cell: Cell, row: int, name: str) -> int:
    if _is_missing(cell):
        return NA_INTEGER
    if isinstance(cell, bool):
        return int(cell)
    word = cell.lower() if isinstance(cell, str) else ""
    if word not in _TRUE | _FALSE:
        raise BadPayload(f"{shortened(cell)} is neither true nor false", row=row, column=name)
    return int(word in _TRUE)


def _texts(cells: Sequence[Cell], name: str) -> Column:
    known: dict[str, int] = {}
    codes = np.empty(len(cells), np.int32)
    for index, cell in enumerate(cells):
        if cell is None or cell == "":
            codes[index] = NA_INTEGER
        else:
            codes[index] = known.setdefault(_text(cell, index + 1, name), len(known) + 1)
    return Column("text", codes, tuple(known))


def _codes(cells: Sequence[Cell], name: str, levels: tuple[str, ...]) -> npt.NDArray[np.int32]:
    known = {level: number for number, level in enumerate(levels, 1)}
    codes = np.empty(len(cells), np.int32)
    for index, cell in enumerate(cells):
        text = "" if cell is None else _text(cell, index + 1, name)
        code = known.get(text, NA_INTEGER if text in ("", "NA") else 0)
        if not code:
            some = ", ".join(levels[:_MANY]) + (f", … ({len(levels)})" if len(levels) > _MANY else "")
            raise BadPayload(f"{shortened(cell)} is none of {some}", row=index + 1, column=name)
        codes[index] = code
    return codes


def _text(cell: object, row: int | None, name: str) -> str:
    """As R can hold it."""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if not isinstance(cell, str):
        if isinstance(cell, list | dict):
            raise BadPayload(f"{shortened(cell)} is no single value", row=row, column=name)
        return f"{cell:.15g}" if isinstance(cell, float) else str(cell)
    if "\0" in cell or (not cell.isascii() and any("\ud800" <= letter <= "\udfff" for letter in cell)):
        raise BadPayload(f"{shortened(cell)} has a character that R's text cannot hold", row=row, column=name)
    return cell


def to_table(found: Sequence[Any]) -> Table:
    """What rlang.R's `rows_out` gives."""
    (rows,), names, kinds, values, texts = found
    columns = tuple(names) if names is not None else None
    if kinds and set(kinds) == {"double"}:
        array = values[0] if len(values) == 1 and columns is None else np.column_stack(values)
        return Table(ArrayRows(array), columns)
    cells = [_cells(*column) for column in zip(kinds, values, texts, strict=True)]
    table = Table([list(row) for row in zip(*cells, strict=True)] if cells else [[] for _ in range(rows)])
    return replace(table, columns=columns)


def _cells(kind: str, values: Array, texts: list[str] | None) -> list[Cell]:
    if kind == "double":
        return [None if value != value else value for value in values.tolist()]  # noqa: PLR0124  NaN
    if kind == "text":
        known: list[Cell] = [None, *(texts or ())]
        return [known[code] if code > 0 else None for code in values.tolist()]
    if kind == "logical":
        return [None if value == NA_INTEGER else bool(value) for value in values.tolist()]
    return [None if value == NA_INTEGER else value for value in values.tolist()]


def one_array(found: Sequence[Any]) -> Array | None:
    """The answer of one column without a name and without gaps, for requests that are joined; else None."""
    _rows, names, kinds, values, texts = found
    if names is not None or len(kinds) != 1:
        return None
    kind, known = kinds[0], texts[0]
    cells: Array = values[0]
    if kind == "double":
        return cells
    if kind == "logical" or (cells == NA_INTEGER).any():
        return None
    return np.array(known)[cells - 1] if kind == "text" else cells
