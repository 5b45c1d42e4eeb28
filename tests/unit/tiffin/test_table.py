from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiffin.errors import BadPayload
from tiffin.table import Envelope, Table, shortened

NAMES = ("R", "G")
CELLS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        (Table([[1, 2]]), [[1, 2]]),
        (Table([[1, 2]], ("g", "r")), [[2, 1]]),
        (Table([[1, 2, 3]], ("x", "G", "r")), [[3, 2]]),
        (Table([[1, 2, 3, 4]], ("x", "X", "G", "r")), [[4, 3]]),  # only what is asked for has to be clear
        (Table([]), []),
        (Table([], ("r", "g")), []),
    ],
)
def test_select(table: Table, rows: Any) -> None:
    chosen = table.select(NAMES)
    assert (chosen.rows, chosen.columns) == (rows, NAMES)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (Table([[1]]), "row 1: has 1 column, not 2: R,G"),
        (Table([[1, 2, 3]]), "row 1: has 3 columns, not 2: R,G"),
        (Table([[]]), "row 1: has 0 columns, not 2: R,G"),
        (Table([[1]], ("r",)), "column 'G': is missing; this model takes R, G"),
        (Table([[1, 2, 3]], ("r", "g", "G")), "column 'G': is there twice, in upper and in lower case"),
    ],
)
def test_select_what_is_not_there(table: Table, sentence: str) -> None:
    with pytest.raises(BadPayload) as raised:
        table.select(NAMES)
    assert str(raised.value) == sentence


def test_select_keeps_the_envelope() -> None:
    assert Table([[1, 2]], None, Envelope.ONE).select(NAMES).envelope is Envelope.ONE


@pytest.mark.parametrize(
    ("rows", "numbers"),
    [
        ([["1", " 2.5 "], ["-3e2", "+4"]], [[1, 2.5], [-300, 4]]),
        ([[1, 2.5]], [[1, 2.5]]),
        ([["1", 2]], [[1, 2]]),
        ([[0.1 + 0.2]], [[0.1 + 0.2]]),
        ([["0.30000000000000004"]], [[0.1 + 0.2]]),
    ],
)
def test_numbers(rows: Any, numbers: Any) -> None:
    array = Table(rows).numbers()
    assert array.dtype == np.float64
    np.testing.assert_array_equal(array, numbers)


@pytest.mark.parametrize(
    ("table", "shape"), [(Table([]), (0, 0)), (Table([], NAMES), (0, 2)), (Table([[], []]), (2, 0))]
)
def test_numbers_of_no_cells(table: Table, shape: tuple[int, int]) -> None:
    assert table.numbers().shape == shape


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        ("", "is empty where a number is needed"),
        (None, "is empty where a number is needed"),
        ("red", "'red' is not a number"),
        ("빨강", "'빨강' is not a number"),
        ("1_000", "'1_000' is not a number"),
        ("1,5", "'1,5' is not a number"),
        ("0x10", "'0x10' is not a number"),
        ("1\x00", r"'1\x00' is not a number"),
        (" ", "' ' is not a number"),
        (True, "True is not a number"),
        ("nan", "'nan' is not a finite number"),
        ("-Infinity", "'-Infinity' is not a finite number"),
        ("1e999", "'1e999' is not a finite number"),
        (float("inf"), "inf is not a finite number"),
        (10**400, "1" + "0" * 58 + "… is not a number"),
        ("x" * 500, "'" + "x" * 58 + "… is not a number"),
    ],
)
def test_the_first_cell_that_is_no_number_is_named(cell: Any, sentence: str) -> None:
    with pytest.raises(BadPayload) as raised:
        Table([["1", "2"], ["3", cell]]).numbers()
    assert str(raised.value) == f"row 2, column '2': {sentence}"
    with pytest.raises(BadPayload) as named:
        Table([[1, 2], [3, cell]], NAMES).numbers()
    assert str(named.value) == f"row 2, column 'G': {sentence}"


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=4))
def test_any_cells_are_finite_numbers_or_a_bad_payload(rows: list[list[Any]]) -> None:
    with suppress(BadPayload):
        assert np.isfinite(Table(rows).numbers()).all()


@pytest.mark.parametrize("value", ["", "abc", "x" * 10_000, ["x"] * 1000, 10**4000, "\n" * 100])
def test_shortened_is_one_short_line(value: object) -> None:
    assert len(shortened(value)) <= 60
    assert "\n" not in shortened(value)
