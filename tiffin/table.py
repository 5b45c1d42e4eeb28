"""Rows of cells: what every codec reads into and writes from."""

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tiffin.errors import BadPayload

Cell = str | int | float | bool | None
Floats = npt.NDArray[np.float64]


class Envelope(enum.Enum):
    """How a JSON request held its rows, so that the answer is held alike."""

    ONE = "one"  # {"r": 73}           -> "blue"
    MANY = "many"  # [{"r": 73}]         -> ["blue"]
    INSTANCES = "instances"  # {"instances": []} -> {"predictions": []}


@dataclass(frozen=True)
class Table:
    """Rows of equal length; `columns` names them where the format did.

    Cells of a text format are text, as they were sent: what they mean is for the model to say.
    """

    rows: Sequence[Sequence[Cell]]
    columns: tuple[str, ...] | None = None
    envelope: Envelope = Envelope.MANY

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def width(self) -> int:
        return len(self.columns) if self.columns is not None else len(self.rows[0]) if self.rows else 0

    def select(self, names: Sequence[str]) -> "Table":
        """These columns in this order; names compare without case. Unnamed columns are taken by position.

        Raises BadPayload naming a column that is missing, or the number of columns where they have no names.
        """
        if self.columns is None:
            if self.rows and self.width != len(names):
                raise BadPayload(f"has {count_columns(self.width)}, not {len(names)}: {','.join(names)}", row=1)
            return Table(self.rows, tuple(names), self.envelope)
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
        return Table([[row[i] for i in indices] for row in self.rows], tuple(names), self.envelope)

    def numbers(self) -> Floats:
        """Shape (rows, columns), finite. Raises BadPayload naming the first cell that is not a number."""
        if not self.rows:
            return np.empty((0, self.width))
        if not any(_needs_care(cell) for row in self.rows for cell in row):
            try:
                array = np.array(self.rows, dtype=np.float64)
                if np.isfinite(array).all():
                    return array
            except (ValueError, TypeError, OverflowError):
                pass  # the search below names the cell
        return np.array(
            [[_number(cell, i, self._name(j)) for j, cell in enumerate(row)] for i, row in enumerate(self.rows, 1)]
        )

    def _name(self, index: int) -> str:
        return self.columns[index] if self.columns is not None else str(index + 1)


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
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
