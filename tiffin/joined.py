"""An estimator's own `predict`, asked once for the CSV rows of many requests (its rows do not know of each other).

Only what is plain is answered: numbers, no quotes. None stands for a request that needs the long way. Answers that
are floats are predicted request by request all the same: a matrix product over more rows may round its last digit
otherwise, and joining must never change an answer.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from tiffin import codecs, media, numerals
from tiffin.predictor import Raw, as_table
from tiffin.table import Floats, Table

_PLAIN = b"0123456789+-.eE,\n"  # no quotes, no blanks, no nan, no 1_000
_MANY_BYTES, _MANY_BODIES = 1024, 12  # from which on arithmetic on all cells at once is quicker
_FEW_BYTES = 2048  # of many bodies together, up to which Python's own reader is quicker
_FEW_LABELS = 100  # up to which joining texts is quicker than copying numpy's own
_LAST_OF_ASCII = 127
_FLOATS = "efd"  # dtypes by their letter: those that are Python's own floats in a list


def _any(rows: Floats) -> bool:  # noqa: ARG001
    return True


def joined(predict: Callable[[Floats], Any], is_plain: Callable[[Floats], bool] = _any) -> Raw:
    """`is_plain`: whether the model takes a request's (rows, columns) as they are."""
    alone = False  # once an answer was of floats, or of what may hold them

    def raw(bodies: list[bytes]) -> list[bytes | None]:
        nonlocal alone
        arrays = [rows if rows is not None and is_plain(rows) else None for rows in _arrays(bodies)]
        width = next((array.shape[1] for array in arrays if array is not None), 0)
        asked = [(i, array) for i, array in enumerate(arrays) if array is not None and array.shape[1] == width]
        answers: list[bytes | None] = [None] * len(bodies)
        if len(asked) > 1 and not alone:
            rows = np.concatenate([array for _, array in asked])
            predictions = predict(rows)
            alone = not _is_exact(predictions)
            if not alone:
                if len(predictions) == len(rows):
                    for (i, _), answer in zip(asked, _parts(predictions, [len(a) for _, a in asked]), strict=True):
                        answers[i] = answer
                return answers  # None: the long way says what is wrong
        for i, array in asked:
            answers[i] = _lines(predict(array), len(array))
        return answers

    return raw


def _arrays(bodies: list[bytes]) -> list[Floats | None]:
    """Those of many small bodies in one go, where all are alike."""
    if len(bodies) < _MANY_BODIES:
        return [_numbers(body) for body in bodies]
    bodies = [_tidied(body) for body in bodies]
    text = b"\n".join(bodies)
    rows = None
    if all(bodies) and not text.translate(None, numerals.READS):
        rows = _few(text) if len(text) < _FEW_BYTES else numerals.read(text + b"\n")
    if rows is None:
        return [_numbers(body) for body in bodies]
    return _split(rows, [body.count(b"\n") + 1 for body in bodies])


def _few(text: bytes) -> Floats | None:
    """Of a few cells Python's own reader is done before arithmetic on arrays has begun."""
    lines = text.split(b"\n")
    commas = lines[0].count(b",")
    if any(line.count(b",") != commas for line in lines):
        return None
    try:
        flat = np.array(list(map(float, text.replace(b"\n", b",").split(b","))))
    except ValueError:
        return None
    return flat.reshape(len(lines), commas + 1) if np.isfinite(flat).all() else None


def _split(rows: Any, sizes: list[int]) -> list[Any]:
    start, parts = 0, []
    for size in sizes:
        parts.append(rows[start : start + size])
        start += size
    return parts


def _tidied(body: bytes) -> bytes:
    return body.replace(b"\r\n", b"\n").strip(b"\n")


def _numbers(body: bytes) -> Floats | None:
    """(rows, columns), finite; None when the body is not plain, so that the long way can say why or how."""
    body = _tidied(body)
    if len(body) > _MANY_BYTES and not body.translate(None, numerals.READS):
        rows = numerals.read(body + b"\n")
        if rows is not None:
            return rows
    if not body or body.translate(None, _PLAIN):
        return None
    lines = body.split(b"\n")
    commas = lines[0].count(b",")
    if len(lines) > 1 and any(line.count(b",") != commas for line in lines):
        return None  # ragged, or blank lines within
    try:
        flat = np.fromstring(body.replace(b"\n", b","), sep=",")
    except (ValueError, DeprecationWarning):  # numpy warns where it stopped before the end
        return None
    if len(flat) != len(lines) * (commas + 1) or not np.isfinite(flat).all():
        return None
    return flat.reshape(len(lines), commas + 1)


def _parts(predictions: Any, sizes: list[int]) -> list[bytes | None]:
    """`_lines` of each part."""
    lines = _plain_lines(predictions)
    if lines is None:
        return [_lines(part, size) for part, size in zip(_split(predictions, sizes), sizes, strict=True)]
    return [b"\n".join(part) + b"\n" for part in _split(lines[:-1].split(b"\n"), sizes)]


def _lines(predictions: Any, rows: int) -> bytes | None:
    lines = _plain_lines(predictions)
    if lines is not None:
        return lines if len(predictions) == rows else None
    table = as_table(predictions)
    if len(table) != rows:
        return None  # the long way says what is wrong
    return codecs.encode(Table(table.rows), media.CSV)


def _plain_lines(predictions: Any) -> bytes | None:
    """One for each prediction; None where they are no labels or numbers, one is not finite, or a label needs quotes."""
    if not isinstance(predictions, np.ndarray) or predictions.ndim != 1:
        return None
    kind = predictions.dtype.kind
    if kind in ("i", "u"):
        return _texts(map(str, predictions.tolist()))
    if predictions.dtype.char in _FLOATS:
        return _texts(map(repr, predictions.tolist())) if np.isfinite(predictions).all() else None
    if kind == "U":
        lines = _ascii(predictions) if len(predictions) > _FEW_LABELS else None
        lines = lines or _texts(predictions.tolist())
    elif kind == "O" and _all_text(predictions):
        lines = _texts(predictions.tolist())
    else:
        return None
    return lines if not _needs_quotes(lines) and lines.count(b"\n") == len(predictions) else None


def _texts(texts: Iterable[str]) -> bytes:
    return ("\n".join(texts) + "\n").encode()


def _ascii(labels: npt.NDArray[np.str_]) -> bytes | None:
    """As `_texts`; None where a label is not of ASCII or has a NUL within."""
    codes = np.ascontiguousarray(labels).view(np.uint32).reshape(len(labels), -1)
    if codes.max() > _LAST_OF_ASCII or ((codes[:, :-1] == 0) & (codes[:, 1:] != 0)).any():
        return None
    lines = np.empty((len(labels), codes.shape[1] + 1), np.uint8)
    lines[:, :-1] = codes
    lines[:, -1] = ord("\n")
    return lines.tobytes().translate(None, b"\0")  # numpy pads with them


def _all_text(predictions: npt.NDArray[np.object_]) -> bool:
    """As an estimator answers whose labels came from a pandas column."""
    return set(map(type, predictions.tolist())) == {str}


def _needs_quotes(lines: bytes) -> bool:
    """Whether a cell has one of these within, or is empty."""
    return b'"' in lines or b"," in lines or b"\r" in lines or lines.startswith(b"\n") or b"\n\n" in lines


def _is_exact(predictions: Any) -> bool:
    kind = getattr(predictions, "dtype", np.dtype(object)).kind
    return kind in "USiub" or (kind == "O" and isinstance(predictions, np.ndarray) and _all_text(predictions))
