"""The typed columns a model was trained on, and every request checked against them.

    number     finite; its code is itself
    boolean    true or false, in any case; 1 or 0
    category   one of the texts that the training data had; its code is the place in their sorted list

A missing value is NaN. It is taken where the training data had missing values in that column, and nowhere else.
"""

import difflib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from tiffin.errors import BadJob, BadPayload
from tiffin.table import Cell, Floats, Table, shortened

MISSING = frozenset({"", "na", "n/a", "nan", "null"})
_BOOLEANS = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}


@dataclass(frozen=True)
class Column:
    name: str
    type: str  # number, boolean or category
    categories: tuple[str, ...] = ()
    missing: bool = False

    def code(self, cell: Cell) -> float:
        """Raises ValueError with what is wrong with the cell."""
        if is_missing(cell):
            if not self.missing:
                raise ValueError("is empty; the training data had a value in every row")
            return math.nan
        match self.type:
            case "number":
                return _number(cell)
            case "boolean":
                code = _BOOLEANS.get(_text(cell).lower())
                if code is None:
                    raise ValueError(f"{shortened(cell)} is neither true nor false")
                return code
            case _:
                return self._category(_text(cell))

    def _category(self, text: str) -> float:
        if text in self.categories:
            return float(self.categories.index(text))
        near = difflib.get_close_matches(text, self.categories, n=1)
        some = ", ".join(self.categories[:10]) + (", …" if len(self.categories) > 10 else "")  # noqa: PLR2004
        hint = f"; did you mean {near[0]!r}?" if near else f": {some}"
        raise ValueError(f"{shortened(text)} is no category that the model was trained on{hint}")


@dataclass(frozen=True)
class Schema:
    columns: tuple[Column, ...]
    target: str | None = None
    ignored: tuple[str, ...] = ()  # columns that a request may bring and the model does not look at

    @classmethod
    def of(cls, document: dict[str, Any]) -> "Schema":
        columns = tuple(Column(**{**c, "categories": tuple(c["categories"])}) for c in document["columns"])
        return cls(columns, document["target"], tuple(document["ignored"]))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def is_of_numbers(self) -> bool:
        return all(column.type == "number" for column in self.columns)

    def features(self, table: Table) -> Floats:
        """(rows, columns) of codes; raises BadPayload naming row and column."""
        self._refuse_others(table)
        chosen = table.select(self.names)
        out = np.empty((len(chosen), len(self.columns)))
        for number, row in enumerate(chosen.rows, 1):
            for index, (column, cell) in enumerate(zip(self.columns, row, strict=True)):
                try:
                    out[number - 1, index] = column.code(cell)
                except ValueError as error:
                    hint = _header_hint(table, self.names) if number == 1 else ""
                    raise BadPayload(f"{error}{hint}", row=number, column=column.name) from None
        return out

    def _refuse_others(self, table: Table) -> None:
        known = {name.lower() for name in (*self.names, *self.ignored)}
        for name in table.columns or ():
            if name.lower() in known:
                continue
            if self.target is not None and name.lower() == self.target.lower():
                raise BadPayload("is what the model answers; leave it out", column=name)
            raise BadPayload(f"is no column of this model, which takes {', '.join(self.names)}", column=name)


@dataclass(frozen=True)
class Seen:
    """What the cells of a column were, as far as its type hangs on it; `distinct` are their texts."""

    distinct: frozenset[str]
    is_missing: bool
    are_numbers: bool
    are_booleans: bool

    @classmethod
    def of(cls, cells: Sequence[str]) -> "Seen":
        distinct = frozenset(cell for cell in cells if not is_missing(cell))
        return cls(
            distinct,
            any(is_missing(cell) for cell in cells),
            all(_is_number(cell) for cell in distinct),
            {cell.lower() for cell in distinct} <= {"true", "false"},
        )

    @classmethod
    def merged(cls, parts: Sequence["Seen"]) -> "Seen":
        return cls(
            frozenset().union(*(part.distinct for part in parts)),
            any(part.is_missing for part in parts),
            all(part.are_numbers for part in parts),
            all(part.are_booleans for part in parts),
        )

    def shortened(self, most: int) -> "Seen":
        """With one text more than a category may have: enough to refuse it."""
        return replace(self, distinct=frozenset(sorted(self.distinct)[: most + 1]))

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "distinct": sorted(self.distinct)}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Seen":
        return cls(**{**document, "distinct": frozenset(document["distinct"])})


def infer(name: str, seen: Seen, max_categories: int, as_category: bool) -> Column:
    """Raises BadJob for a column that is neither numbers nor a few categories."""
    if not seen.distinct:
        raise BadJob(f"column {name!r} is empty in every row; leave it out, or name it in ignore")
    if not as_category:
        if seen.are_booleans:
            return Column(name, "boolean", missing=seen.is_missing)
        if seen.are_numbers:
            return Column(name, "number", missing=seen.is_missing)
    texts = sorted(seen.distinct)
    if len(texts) > max_categories:
        text = next((text for text in texts if as_category or not _is_number(text)), texts[0])
        raise BadJob(
            f"column {name!r} has {len(texts)} different texts, such as {shortened(text)}: an id or free text is no "
            f"category. Name it in ignore, or raise max_categories={max_categories}"
        )
    return Column(name, "category", tuple(texts), seen.is_missing)


def is_missing(cell: Cell) -> bool:
    if isinstance(cell, str):
        return cell.lower() in MISSING
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def _number(cell: Cell) -> float:
    try:
        if isinstance(cell, bool) or cell is None or (isinstance(cell, str) and "_" in cell):
            raise ValueError  # float() takes 1_0 for 10
        number = float(cell)
    except (ValueError, OverflowError, TypeError):
        raise ValueError(f"{shortened(cell)} is not a number") from None
    if not math.isfinite(number):
        raise ValueError(f"{shortened(cell)} is not a finite number")
    return number


def _is_number(text: str) -> bool:
    try:
        _number(text)
    except ValueError:
        return False
    return True


def _text(cell: Cell) -> str:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def _header_hint(table: Table, names: Sequence[str]) -> str:
    if not table.may_have_header or {str(cell).lower() for cell in table.rows[0]} != {n.lower() for n in names}:
        return ""
    return "; row 1 is a header: say so with Content-Type: text/csv; header=present"
