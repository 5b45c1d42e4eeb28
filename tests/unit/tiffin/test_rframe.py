"""Tables to R's columns and back, without R."""

import math
from typing import Any

import numpy as np
import pytest

from tiffin import rframe
from tiffin.errors import BadPayload
from tiffin.rframe import Schema
from tiffin.rlang import NA_INTEGER
from tiffin.table import ArrayRows, Table

SCHEMA = Schema(
    ("x", "g", "s", "ok", "n"),
    ("double", "factor", "text", "logical", "integer"),
    (None, ("a", "나"), None, None, None),
)


def test_a_schema_says_what_cells_mean() -> None:
    rows: list[list[Any]] = [
        ["1.5", "나", "007", "TRUE", "3"],
        ["", "", "", "", ""],
        ["NA", "a", "007", "f", "NA"],
        [None] * 5,
    ]
    frame = rframe.to_frame(Table(rows), SCHEMA)
    double, factor, text, logical, integer = frame.columns
    assert frame.names == SCHEMA.names
    assert double.values[0] == 1.5
    assert np.isnan(double.values[1:]).all()
    assert (factor.kind, factor.texts, factor.values.tolist()) == (
        "factor",
        ("a", "나"),
        [2, NA_INTEGER, 1, NA_INTEGER],
    )
    assert (text.texts, text.values.tolist()) == (("007",), [1, NA_INTEGER, 1, NA_INTEGER])
    assert logical.values.tolist() == [1, NA_INTEGER, 0, NA_INTEGER]
    assert integer.values.tolist() == [3, NA_INTEGER, NA_INTEGER, NA_INTEGER]


def test_a_header_that_nothing_announced_is_told_how_to_be_one() -> None:
    header, row = ["x", "g", "s", "ok", "n"], ["1", "a", "t", "T", "1"]
    with pytest.raises(BadPayload, match=r"'x' is not a number; if row 1 is a header, say so: .*header=present"):
        rframe.to_frame(Table([header, row], may_have_header=True), SCHEMA)
    with pytest.raises(BadPayload, match=r"'x' is not a number$"):
        rframe.to_frame(Table([["x", "a", "t", "T", "1"]], may_have_header=True), SCHEMA)


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        (["1", "2.5"], "double", [1, 2.5]),
        (["1", ""], "double", [1, math.nan]),
        (["1", "NA"], "double", [1, math.nan]),
        (["NA", "NA"], "text", [1, 1]),
        (["1", "x"], "text", [1, 2]),
        (["1_000"], "text", [1]),
        (["nan"], "text", [1]),  # text never becomes NaN (K-06)
        ([1, 2], "integer", [1, 2]),
        ([1, None], "integer", [1, NA_INTEGER]),
        ([1, 2**40], "double", [1, 2**40]),
        ([1, 2.5], "double", [1, 2.5]),
        ([True, None], "logical", [1, NA_INTEGER]),
        ([None, ""], "logical", [NA_INTEGER, NA_INTEGER]),
        ([True, 1], "text", [1, 2]),
    ],
)
def test_without_a_schema_a_column_is_what_its_cells_are(cells: list[Any], kind: str, values: list[float]) -> None:
    frame = rframe.to_frame(Table([[cell] for cell in cells]), None)
    assert (frame.names, frame.columns[0].kind) == (("V1",), kind)
    assert np.array_equal(frame.columns[0].values, values, equal_nan=True)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (["x", "a", "", "", ""], "row 2, column 'x': 'x' is not a number"),
        (["nan", "a", "", "", ""], "row 2, column 'x': 'nan' is not a number"),
        (["1_0", "a", "", "", ""], "row 2, column 'x': '1_0' is not a number"),
        ([True, "a", "", "", ""], "row 2, column 'x': True is not a number"),
        (["1", "c", "", "", ""], "row 2, column 'g': 'c' is none of a, 나"),
        (["1", "a", "", "yes", ""], "row 2, column 'ok': 'yes' is neither true nor false"),
        (["1", "a", "", "", "1.5"], "row 2, column 'n': '1.5' is not a whole number below 2^31"),
        (["1", "a", "b\0", "", ""], "row 2, column 's': 'b\\x00' has a character that R's text cannot hold"),
        (["1", "a", "\ud800", "", ""], "row 2, column 's': '\\ud800' has a character that R's text cannot hold"),
        (["1", "a", [1], "", ""], "row 2, column 's': [1] is no single value"),
    ],
)
def test_a_cell_that_does_not_fit_is_named(row: list[Any], message: str) -> None:
    with pytest.raises(BadPayload) as raised:
        rframe.to_frame(Table([["1", "a", "b", "", "1"], row]), SCHEMA)
    assert str(raised.value) == message


def test_columns_are_taken_by_name_where_they_have_names() -> None:
    table = Table([["9", "TRUE", "s", "a", "1"]], ("n", "OK", "s", "g", "X"))
    frame = rframe.to_frame(table, SCHEMA)
    assert [column.values.tolist() for column in frame.columns] == [[1.0], [1], [1], [1], [9]]


def test_arrays_become_columns_without_lists() -> None:
    frame = rframe.to_frame(Table(ArrayRows(np.array([[1, 2], [3, 4]], np.int64))), None)
    assert [(column.kind, column.values.tolist()) for column in frame.columns] == [
        ("double", [1, 3]),
        ("double", [2, 4]),
    ]


TWO = ["p", "q"]
NONE = NA_INTEGER


@pytest.mark.parametrize(
    ("kinds", "values", "texts", "names", "rows"),
    [
        (["text"], [[2, NONE, 1]], [["a", "나"]], None, [["나"], [None], ["a"]]),
        (["logical", "integer"], [[1, NONE], [NONE, 7]], [None, None], TWO, [[True, None], [None, 7]]),
        (["double", "text"], [[1.5, math.nan], [1, 1]], [None, ["a"]], TWO, [[1.5, "a"], [None, "a"]]),
        (["double"], [[1.5, 2.5]], [None], None, [[1.5], [2.5]]),
        (["double", "double"], [[1.5, 2.5], [3.0, 4.0]], [None, None], TWO, [[1.5, 3], [2.5, 4]]),
    ],
)
def test_answers_become_tables(
    kinds: list[str], values: list[list[float]], texts: list[Any], names: list[str] | None, rows: list[Any]
) -> None:
    types = [np.float64 if kind == "double" else np.int32 for kind in kinds]
    arrays = [np.array(cells, kind) for cells, kind in zip(values, types, strict=True)]
    table = rframe.to_table([[len(arrays[0])], names, kinds, arrays, texts])
    assert table.columns == (tuple(names) if names else None)
    assert list(table.rows) == rows
