import io
import math
import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tiffin.codecs import csv
from tiffin.errors import BadPayload, NotAcceptable
from tiffin.table import Table

FIELDS = st.text().map(str.strip)
TABLES = st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(FIELDS, min_size=width, max_size=width)))


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("1,2\n3,4\n", [["1", "2"], ["3", "4"]]),
        ("1,2\r\n3,4", [["1", "2"], ["3", "4"]]),
        ("1,2\r3,4", [["1", "2"], ["3", "4"]]),
        ("\n1\n\n\n2\n\n", [["1"], ["2"]]),
        ("1, 2 \n", [["1", "2"]]),
        (",\n", [["", ""]]),
        ('""\n', [[""]]),
        ('"a,b","c""d","e\nf"\n', [["a,b", 'c"d', "e\nf"]]),
        ('5" pipe\n', [['5" pipe']]),
        ("하늘색,#87ceeb\n", [["하늘색", "#87ceeb"]]),
        ("a\u2028b\x85c\x0bd\n", [["a\u2028b\x85c\x0bd"]]),  # no line ends of CSV
        ("a\0b\n", [["a\0b"]]),
        ("x" * 200_000 + "\n", [["x" * 200_000]]),
        ("", []),
        ("\n\n", []),
    ],
)
def test_decode(text: str, rows: list[list[str]]) -> None:
    assert csv.decode(text).rows == rows


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1,2\n3\n", "row 2: has 1 column where row 1 has 2"),
        ("1\n\n2\n3,4\n", "row 3: has 2 columns where row 1 has 1"),
        ('1,2\n"3,4\n5,6\n', "line 2: not CSV: a quote is opened and never closed"),
        ('1\n\n"2"x\n', "line 3: not CSV: text after a closing quote"),
    ],
)
def test_decode_what_is_no_table(text: str, sentence: str) -> None:
    with pytest.raises(BadPayload) as raised:
        csv.decode(text)
    assert str(raised.value) == sentence


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([], ""),
        ([["blue"], ["red"]], "blue\nred\n"),
        ([[1, 2.5, "a"]], "1,2.5,a\n"),
        ([[0.1 + 0.2, 1e-9, 1e22]], "0.30000000000000004,1e-09,1e+22\n"),
        ([[True, False]], "true,false\n"),
        ([[None, math.nan, 1]], ",,1\n"),
        ([[None]], '""\n'),
        ([["a,b", 'c"d', "e\nf", "g\rh", "i j"]], '"a,b","c""d","e\nf","g\rh",i j\n'),
        ([["\r\n"]], '"\r\n"\n'),
        ([["a\r"]], '"a\r"\n'),
    ],
)
def test_encode(rows: list[list[Any]], text: str) -> None:
    assert csv.encode(Table(rows)) == text


@given(TABLES)
@example([[""], ["a"]])
@example([["a\rb"]])
def test_what_is_written_is_read_back(rows: list[list[str]]) -> None:
    assert csv.decode(csv.encode(Table(rows))).rows == rows


def test_records_name_the_line_they_begin_on() -> None:
    text = 'a,b\n\n"c\nd",e\nf,g\n'
    assert list(csv.records(io.StringIO(text, newline=""))) == [(1, ["a", "b"]), (3, ["c\nd", "e"]), (5, ["f", "g"])]


def test_records_of_lines_with_a_bare_carriage_return() -> None:
    with pytest.raises(ValueError, match="line 2: not CSV: a bare carriage return"):
        list(csv.records(["1\n", "2\r3\n"]))


def test_time_grows_with_the_payload() -> None:
    """An unclosed quote over many lines, and many blank lines: what naive readers read again and again."""
    started = time.perf_counter()
    with pytest.raises(BadPayload, match="never closed"):
        csv.decode('"' + "1\n" * 200_000)
    csv.decode("\n" * 200_000 + "1")
    assert time.perf_counter() - started < 5


def test_a_declared_header_names_the_columns() -> None:
    assert csv.decode("r, g\n1,2\n", header=True) == Table([["1", "2"]], ("r", "g"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("r,r\n1,2\n", "column 'r': is in the header twice"),
        ("r,\n1,2\n", "the header's name of column 2 is empty"),
        ("r,-2.5\n1,2\n", "the header has a number, '-2.5', where names are; is it a row of data?"),
        ("r,nan\n1,2\n", "the header has a number, 'nan', where names are; is it a row of data?"),
        ("r,g\n", "the body is a header without rows; send at least one row"),
        ("r,g\n1,2\n3\n", "row 2: has 1 column where the header has 2"),
    ],
)
def test_headers_that_cannot_be(text: str, sentence: str) -> None:
    with pytest.raises(BadPayload) as raised:
        csv.decode(text, header=True)
    assert str(raised.value) == sentence


def test_a_header_is_written_where_it_is_asked_for() -> None:
    assert csv.encode(Table([["blue", 0.5]], ("label", "p, share")), header=True) == 'label,"p, share"\nblue,0.5\n'
    with pytest.raises(NotAcceptable, match="have no names"):
        csv.encode(Table([["blue"]]), header=True)


@pytest.mark.parametrize("body", ["R,G\n1,2\n", "a,b\n"])
def test_names_where_numbers_are_needed_hint_at_the_header(body: str) -> None:
    with pytest.raises(BadPayload, match=r"row 1, column '1': '.' is not a number; if row 1 is a header, say so"):
        csv.decode(body).numbers()


@pytest.mark.parametrize("body", ["1,G\n", "1,2\nR,G\n", "R,\n"])
def test_other_rows_do_not(body: str) -> None:
    with pytest.raises(BadPayload) as raised:
        csv.decode(body).numbers()
    assert "header" not in str(raised.value)
