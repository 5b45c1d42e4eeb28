"""Rows of cells: what every codec reads into and writes from."""

import enum
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from tiffin.arraylike import ArrayLike
from tiffin.errors import BadPayload

Cell = str | int | float | bool | None
Floats = npt.NDArray[np.float64]
Array = npt.NDArray[Any]
_AT_ONCE = 4096  # rows of an array made into lists together


class Envelope(enum.Enum):
    """How a JSON request held its rows, so that the answer is held alike."""

    ONE = "one"  # {"r": 73}           -> "blue"
    MANY = "many"  # [{"r": 73}]         -> ["blue"]
    INSTANCES = "instances"  # {"instances": []} -> {"predictions": []}


class ArrayRows(Sequence[Sequence[Cell]]):
    """The first axis of an array as rows, made into lists when they are asked for.

    One dimension is rows of one cell. Of three or more, the cells are nested lists, which no column can name.
    """

    def __init__(self, array: Array) -> None:
        self.array = array

    def __len__(self) -> int:
        return len(self.array)

    def __iter__(self) -> Iterator[list[Cell]]:
        if len(self.array) <= _AT_ONCE:
            yield from _lists(self.array)
            return
        for start in range(0, len(self.array), _AT_ONCE):
            yield from _lists(self.array[start : start + _AT_ONCE])

    @overload
    def __getitem__(self, index: int) -> list[Cell]: ...
    @overload
    def __getitem__(self, index: slice) -> "ArrayRows": ...
    def __getitem__(self, index: int | slice) -> "list[Cell] | ArrayRows":
        if isinstance(index, slice):
            return ArrayRows(self.array[index])
        return _lists(self.array[index][np.newaxis])[0]

    def __eq__(self, other: object) -> bool:
        return list(self) == (list(other) if isinstance(other, ArrayRows) else other)

    __hash__ = None  # type: ignore[assignment]

    @property
    def width(self) -> int:
        return 1 if self.array.ndim == 1 else int(self.array.shape[1])

    def flat(self) -> Array:
        """(rows, columns); raises BadPayload for what has more dimensions."""
        if self.array.ndim > 2:  # noqa: PLR2004
            raise BadPayload(
                f"the array has {self.array.ndim} dimensions, {self.array.shape}, where rows of cells are needed; "
                "send one of two: (rows, columns)"
            )
        return self.array[:, np.newaxis] if self.array.ndim == 1 else self.array


def _lists(array: Array) -> list[list[Cell]]:
    rows: list[Any] = array.tolist()
    return [[cell] for cell in rows] if array.ndim == 1 else rows


@dataclass(frozen=True)
class Table(ArrayLike):
    """Rows of equal length; `columns` names them where the format did.

    Cells of a text format are text, as they were sent: what they mean is for the model to say. `may_have_header`:
    whether the first row may have been meant as names, though nothing says so. `documents`, of an answer: what JSON
    writes for each row in place of its cells, for answers that have an inside; all other formats write the cells.
    """

    rows: Sequence[Sequence[Cell]]
    columns: tuple[str, ...] | None = None
    envelope: Envelope = Envelope.MANY
    may_have_header: bool = False
    documents: Sequence[object] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def array(self) -> Array | None:
        """The array that a numeric format carried, of any number of dimensions; do not write into it."""
        return self.rows.array if isinstance(self.rows, ArrayRows) else None

    @cached_property
    def as_array(self) -> Array:
        """The array that came, of any number of dimensions and with NaN if it has some; of all else `numbers`."""
        array = self.array
        return self.numbers() if array is None or array.dtype.kind not in "biuf" else array.copy()

    @property
    def width(self) -> int:
        if self.columns is None and isinstance(self.rows, ArrayRows):
            return self.rows.width
        return len(self.columns) if self.columns is not None else len(self.rows[0]) if self.rows else 0

    def select(self, names: Sequence[str]) -> "Table":
        """These columns in this order; names compare without case. Unnamed columns are taken by position.

        Raises BadPayload naming a column that is missing, or the number of columns where they have no names.
        """
        if isinstance(self.rows, ArrayRows):
            self.rows.flat()
        if self.columns is None:
            if self.rows and self.width != len(names):
                raise BadPayload(f"has {count_columns(self.width)}, not {len(names)}: {','.join(names)}", row=1)
            return replace(self, columns=tuple(names))
        have = {name.lower(): index for index, name in enumerate(self.columns)}
        missing = [name for name in names if name.lower() not in have]
        if missing:
            raise BadPayload(f"is missing; this model takes {', '.join(names)}", column=missing[0])
        if len(have) != len(self.columns):
            given = [name.lower() for name in self.columns]
            twice = [name for name in names if given.count(name.lower()) > 1]
            if twice:
                raise BadPayload("is there twice, in upper and in lower case", column=twice[0])
        indices = [have[name.lower()] for name in names]
        rows: Sequence[Sequence[Cell]]
        if isinstance(self.rows, ArrayRows):
            rows = ArrayRows(self.rows.flat()[:, indices])
        else:
            rows = [[row[i] for i in indices] for row in self.rows]
        return replace(self, rows=rows, columns=tuple(names))

    def numbers(self) -> Floats:
        """Shape (rows, columns), finite. Raises BadPayload naming the first cell that is not a number."""
        if isinstance(self.rows, ArrayRows):
            array = self.rows.flat()
            if array.dtype.kind in "fiu":
                numbers = array.astype(np.float64)
                if not np.isfinite(numbers).all():
                    row, column = np.argwhere(~np.isfinite(numbers))[0]
                    _number(array[row, column].item(), int(row) + 1, self._name(column))
                return numbers
        if not self.rows:
            return np.empty((0, self.width))
        if not any(_needs_care(cell) for row in self.rows for cell in row):
            try:
                array = np.array(self.rows, dtype=np.float64)
                if np.isfinite(array).all():
                    return array
            except (ValueError, TypeError, OverflowError):
                pass  # the search below names the cell
        try:
            return np.array(
                [[_number(cell, i, self._name(j)) for j, cell in enumerate(row)] for i, row in enumerate(self.rows, 1)]
            )
        except BadPayload as error:
            raise self.hinted(error) from None

    def hinted(self, error: BadPayload) -> BadPayload:
        """`error` of a cell; where its row may have been meant as names, with how to say so."""
        if error.row != 1 or not self.may_have_header or not _looks_like_names(self.rows[0]):
            return error
        hint = f"{error.message}; if row 1 is a header, say so: Content-Type: text/csv; header=present"
        return BadPayload(hint, row=1, column=error.column)

    def _name(self, index: int) -> str:
        return self.columns[index] if self.columns is not None else str(index + 1)


def _looks_like_names(row: Sequence[Cell]) -> bool:
    return not any(is_number(cell) for cell in row if isinstance(cell, str)) and all(row)


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _needs_care(cell: Cell) -> bool:
    """Whether numpy would take as a number what a caller never meant as one: true, null, 1_000."""
    return cell is None or isinstance(cell, bool) or (isinstance(cell, str) and "_" in cell)


def _number(cell: Cell, row: int, column: str) -> float:
    if cell is None or cell == "":
        raise BadPayload("is empty where a number is needed", row=row, column=column)
    try:
        if _needs_care(cell):
            raise ValueError
        number = float(cell)
    except (ValueError, OverflowError):
        raise BadPayload(f"{shortened(cell)} is not a number", row=row, column=column) from None
    if not math.isfinite(number):
        raise BadPayload(f"{shortened(cell)} is not a finite number", row=row, column=column)
    return number


def count_columns(columns: int) -> str:
    return "1 column" if columns == 1 else f"{columns} columns"


def shortened(value: object, limit: int = 60) -> str:
    """A value as an error message shows it: quoted, and never longer than a line."""
    try:
        text = repr(value)
    except RecursionError:  # it was read a few frames nearer to the limit
        text = f"a {type(value).__name__} nested too deeply to be shown"
    return text if len(text) <= limit else text[: limit - 1] + "…"
