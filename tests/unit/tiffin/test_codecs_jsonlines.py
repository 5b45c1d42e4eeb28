from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiffin.codecs import jsonlines
from tiffin.errors import BadPayload
from tiffin.table import Envelope, Table


@pytest.mark.parametrize(
    ("text", "rows", "columns"),
    [
        ('{"r":1}\n{"r":2}\n', [[1], [2]], ("r",)),
        ("[1,2]\r\n\r\n[3,4]", [[1, 2], [3, 4]], None),
        ("1\n \n2", [[1], [2]], None),
        ('"a\u2028b"\n', [["a\u2028b"]], None),
        ("", [], None),
    ],
)
def test_decode(text: str, rows: Any, columns: Any) -> None:
    assert jsonlines.decode(text) == Table(rows, columns, Envelope.MANY)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('1\n\n{"r":\n', "row 2: not JSON: Expecting value at column 6"),
        ("1\n[NaN]\n", "row 2: not JSON: NaN is not a JSON number"),
        ("1\n" + "[" * 100_000, "row 2: not read: the JSON is nested too deeply"),
        ("1\n" + "9" * 5000, "row 2: not JSON: a number has thousands of digits"),
        ('1\n"\\udead"', "row 2: not read: a text holds half of a surrogate pair"),
        ('1\n{"instances":[1]}', "row 2: 'instances' belongs to application/json; a line holds one row"),
        ('{"a":1}\n{"b":1}', "row 2, column 'a': is missing"),
        ("[[1]]\n", "row 1: [1] is not a single value"),
        ("[\n1\n]\n", "row 1: not JSON: Expecting value at column 2"),
    ],
)
def test_decode_what_is_no_table(text: str, sentence: str) -> None:
    with pytest.raises(BadPayload) as raised:
        jsonlines.decode(text)
    assert str(raised.value).startswith(sentence)


@pytest.mark.parametrize(
    ("table", "text"),
    [
        (Table([["blue"], [None]]), '"blue"\nnull\n'),
        (Table([[1, 2]], ("a", "b")), '{"a":1,"b":2}\n'),
        (Table([["a\nb"]]), '"a\\nb"\n'),
        (Table([["blue"]], None, Envelope.ONE), '"blue"\n'),
        (Table([]), ""),
    ],
)
def test_encode(table: Table, text: str) -> None:
    assert jsonlines.encode(table) == text


@given(st.lists(st.lists(st.text() | st.integers(), min_size=2, max_size=2)))
def test_one_line_a_row_and_the_same_rows_again(rows: list[list[Any]]) -> None:
    text = jsonlines.encode(Table(rows))
    assert text.count("\n") == len(rows)
    assert jsonlines.decode(text).rows == rows
