"""Cells of one column (or of one array) as a numpy array: of their own type, or refused, never silently of another."""

from collections.abc import Sequence

import numpy as np

from tiffin.errors import NotAcceptable
from tiffin.table import Array, Cell, shortened

_EXACT = 2**53  # the largest whole number below which a float64 holds every one


def array(cells: Sequence[Cell], because: str) -> Array:
    """Integers are int64 (uint64 where needed), with decimals among them float64, as null is NaN among numbers.

    Raises NotAcceptable, which says `because`, for two kinds of values together and for what does not fit.
    """
    kinds = set(map(type, cells))
    some = kinds - {type(None)}
    if not kinds:
        return np.empty(0)
    if some == {bool} and kinds == some:
        return np.array(cells, dtype=np.bool_)
    if some == {int} and kinds == some:
        return _integers(cells, because)
    if some <= {int, float}:
        if any(isinstance(cell, int) and abs(cell) > _EXACT for cell in cells):
            raise _refused(f"{because}, and integers beyond 2^53 are no floats")
        return np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64)
    if some == {str} and kinds == some:
        if any(isinstance(cell, str) and cell.endswith("\0") for cell in cells):
            raise _refused("the format drops the NUL at the end of a text")
        longest = max(len(cell) for cell in cells if isinstance(cell, str))
        if 4 * longest * len(cells) > _WIDEST:
            raise _refused(f"one text of {longest} characters makes every cell as long")
        return np.array(cells, dtype=f"<U{max(longest, 1)}")
    names = {str: "text", int: "integers", float: "decimals", bool: "booleans", type(None): "null"}
    unknown = next((kind for kind in kinds if kind not in names), None)
    if unknown is not None:
        raise TypeError(f"{shortened(next(c for c in cells if type(c) is unknown))} is not a single value")
    held = " and ".join(name for kind, name in names.items() if kind in kinds)
    raise _refused(f"{because}, and the answer has {held}")


_WIDEST = 512 * 1024 * 1024  # bytes


def _integers(cells: Sequence[Cell], because: str) -> Array:
    try:
        return np.array(cells, dtype=np.int64)
    except OverflowError:
        pass
    try:
        return np.array(cells, dtype=np.uint64)
    except OverflowError:
        raise _refused(f"{because}, and an integer has more than 64 bits") from None


def _refused(reason: str) -> NotAcceptable:
    return NotAcceptable(f"the answer does not fit the format: {reason}; ask for application/json")
