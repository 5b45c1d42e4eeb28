"""Plain decimal numbers out of CSV, many at a time: numpy's arithmetic on the digits of all cells at once.

A number of up to 15 digits is an integer that a float holds exactly, and so is the power of ten that divides it: the
quotient is rounded once, as by `float()`.
"""

import numpy as np

from tiffin.table import Floats

READS = b"0123456789-.,\n"
_PART = 128 * 1024  # bytes: what is worked on stays in the processor's cache
_DIGITS = 15
_LONGEST = _DIGITS + len("-.,")
_TENS = 10.0 ** np.arange(_DIGITS + 1)
_COMMA, _MINUS, _POINT, _LINE, _ZERO = b",-.\n0"


def read(lines: bytes) -> Floats | None:
    """(rows, columns) of `lines`, all of READS and each ended; None where a cell is no number, or too long for this."""
    columns = lines.count(b",", 0, lines.find(b"\n")) + 1
    found = np.empty((lines.count(b"\n"), columns))
    start = row = 0
    while start < len(lines):
        end = lines.rfind(b"\n", start, start + _PART) + 1 or lines.find(b"\n", start) + 1
        part = _read(lines[start:end], columns)
        if part is None:
            return None
        found[row : row + len(part)] = part
        start, row = end, row + len(part)
    return found


def _read(lines: bytes, columns: int) -> Floats | None:
    bytes_ = np.frombuffer(lines, np.uint8)
    ends = np.flatnonzero(bytes_ <= _COMMA)
    if len(ends) % columns or np.diff(ends, prepend=-1).max() > _LONGEST:
        return None
    kinds = bytes_[ends].reshape(-1, columns)
    if (kinds[:, :-1] != _COMMA).any() or (kinds[:, -1] != _LINE).any():
        return None  # ragged
    negative = np.flatnonzero(bytes_ == _MINUS)
    points = np.flatnonzero(bytes_ == _POINT)
    numbers = _whole(lines.translate(None, b"-.") if len(negative) or len(points) else lines)
    if numbers is None or (bytes_[negative - 1] > _COMMA).any():  # before the first one is the last line's end
        return None
    if len(points):
        cells = np.searchsorted(ends, points)
        if (cells[1:] == cells[:-1]).any():
            return None
        numbers[cells] /= _TENS[ends[cells] - points - 1]
    numbers[np.searchsorted(ends, negative)] *= -1
    return numbers.reshape(-1, columns)


def _whole(lines: bytes) -> Floats | None:
    """Cells of digits alone."""
    bytes_ = np.frombuffer(b"0" * _DIGITS + lines, np.uint8)
    ends = np.flatnonzero(bytes_ <= _COMMA)
    lengths = np.diff(ends, prepend=_DIGITS - 1) - 1
    longest = lengths.max()
    if lengths.min() < 1 or longest > _DIGITS:
        return None
    numbers = np.zeros(len(ends))
    for place in range(longest):
        numbers += (bytes_[ends - 1 - place] - _ZERO) * (lengths > place) * _TENS[place]
    return numbers
