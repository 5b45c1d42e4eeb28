"""An estimator's own `predict`, asked once for the CSV rows of many requests (its rows do not know of each other).

Only what is plain is answered: numbers, no quotes. None stands for a request that needs the long way. Answers that
are floats are predicted request by request all the same: a matrix product over more rows may round its last digit
otherwise, and joining must never change an answer.
"""

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from tiffin import codecs, media
from tiffin.predictor import Raw, as_table
from tiffin.table import Floats, Table

_PLAIN = b"0123456789+-.eE,\n"  # no quotes, no blanks, no nan, no 1_000
_NEEDS_QUOTES = re.compile(r'[",\r]|^\n|\n\n')  # a cell of these, or an empty one


def _any(rows: Floats) -> bool:  # noqa: ARG001
    return True


def joined(predict: Callable[[Floats], Any], is_plain: Callable[[Floats], bool] = _any) -> Raw:
    """`is_plain`: whether the model takes a request's (rows, columns) as they are."""
    alone = False  # once an answer was of floats, or of what may hold them

    def raw(bodies: list[bytes]) -> list[bytes | None]:
        nonlocal alone
        arrays = [rows if (rows := _numbers(body)) is not None and is_plain(rows) else None for body in bodies]
        width = next((array.shape[1] for array in arrays if array is not None), 0)
        asked = [(i, array) for i, array in enumerate(arrays) if array is not None and array.shape[1] == width]
        answers: list[bytes | None] = [None] * len(bodies)
        if len(asked) > 1 and not alone:
            rows = np.concatenate([array for _, array in asked])
            predictions = predict(rows)
            alone = getattr(predictions, "dtype", np.dtype(object)).kind not in "USiub"
            if not alone:
                if len(predictions) != len(rows):
                    return answers  # the long way says what is wrong
                start = 0
                for i, array in asked:
                    answers[i] = _lines(predictions[start : start + len(array)], len(array))
                    start += len(array)
                return answers
        for i, array in asked:
            answers[i] = _lines(predict(array), len(array))
        return answers

    return raw


def _numbers(body: bytes) -> Floats | None:
    """(rows, columns), finite; None when the body is not plain, so that the long way can say why or how."""
    body = body.replace(b"\r\n", b"\n").strip(b"\n")
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


def _lines(predictions: Any, rows: int) -> bytes | None:
    kind = predictions.dtype.kind if isinstance(predictions, np.ndarray) and predictions.ndim == 1 else ""
    if kind in "Uiu" and kind:
        text = "\n".join(predictions.tolist() if kind == "U" else map(str, predictions.tolist())) + "\n"
        if not _NEEDS_QUOTES.search(text) and text.count("\n") == rows == len(predictions):
            return text.encode()
    table = as_table(predictions)
    if len(table) != rows:
        return None  # the long way says what is wrong
    return codecs.encode(Table(table.rows), media.CSV)
