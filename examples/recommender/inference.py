"""Serve the recommender: `512505687,44600062`, a user and a product, in; how well they go together, a double, out.

An id that the model does not know, and SQL's NULL (an empty field), is answered by the mean over all users, or over all
products.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tiffin.errors import BadPayload
from tiffin.joined import joined
from tiffin.predictor import Raw
from tiffin.table import Cell, Floats, Table, shortened

from . import artifact
from .artifact import Recommender, Side

_EXACT = 2**53  # below it a float holds every whole number
_UNKNOWN = -(2**63)


@dataclass(frozen=True)
class Served:
    """`raw`: the short way, for ids that are whole numbers."""

    model: Recommender
    raw: Raw | None


def model_fn(model_dir: str) -> Served:
    model = artifact.load(Path(model_dir))

    def scores(rows: Floats) -> Floats:
        ids = rows.astype(np.int64)
        return model.scores(ids[:, 0], ids[:, 1])

    numbers = model.users.is_of_numbers and model.products.is_of_numbers
    return Served(model, joined(scores, _are_ids) if numbers else None)


def raw_fn(bodies: list[bytes], served: Served) -> list[bytes | None]:
    return served.raw(bodies) if served.raw is not None else [None] * len(bodies)


def predict_fn(table: Table, served: Served) -> Floats:
    model = served.model
    pairs = table.select([model.users.name, model.products.name])
    users = _ids([row[0] for row in pairs.rows], model.users, table)
    products = _ids([row[1] for row in pairs.rows], model.products, table)
    return model.scores(users, products)


def _are_ids(rows: Floats) -> bool:
    return rows.shape[1] == 2 and bool(((rows == np.rint(rows)) & (np.abs(rows) < _EXACT)).all())  # noqa: PLR2004


def _ids(cells: list[Cell], side: Side, table: Table) -> npt.NDArray[Any]:
    if not side.is_of_numbers:
        return np.array(["" if cell is None else str(cell) for cell in cells], dtype=np.str_)
    ids = np.empty(len(cells), dtype=np.int64)
    for row, cell in enumerate(cells, 1):
        try:
            ids[row - 1] = _whole(cell)
        except ValueError:
            is_header = table.may_have_header and str(cell).lower() == side.name.lower()
            hint = "; if row 1 is a header, say so: text/csv; header=present" if is_header else ""
            raise BadPayload(
                f"{shortened(cell)} is no id: those of this model are whole numbers{hint}", row=row, column=side.name
            ) from None
    return ids


def _whole(cell: Cell) -> int:
    """NULL, and what is beyond 64 bits, is an id that nobody has. Raises ValueError."""
    if cell is None or cell == "" or (isinstance(cell, float) and math.isnan(cell)):
        return _UNKNOWN
    if isinstance(cell, bool) or (isinstance(cell, str) and "_" in cell):
        raise ValueError
    if isinstance(cell, str) and cell.lstrip("+-").isdecimal():
        number = int(cell) if len(cell) < 20 else _UNKNOWN  # noqa: PLR2004
    else:
        exact = float(cell)
        if not exact.is_integer():
            raise ValueError
        number = int(exact) if isinstance(cell, str) else int(cell)
    return number if abs(number) < 2**63 else _UNKNOWN
