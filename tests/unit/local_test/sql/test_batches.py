"""The CSV on the wire, and the answers back: Q-01, Q-03, Q-05, Q-07."""

import csv
import io

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_test.sql import batches, types
from local_test.sql.errors import SqlError


def written(kinds: list[str], rows: list[tuple[object, ...]]) -> list[bytes]:
    connection = duckdb.connect()
    found = [types.parse(kind) for kind in kinds]
    columns = ", ".join(f"c{i} {kind.duck}" for i, kind in enumerate(found))
    connection.execute(f"CREATE TABLE t ({columns})")
    connection.executemany(f"INSERT INTO t VALUES ({','.join('?' * len(kinds))})", rows)
    line = batches.line([(f"c{i}", kind) for i, kind in enumerate(found)])
    return list(batches.bodies(batches.arrow(connection, f"SELECT {line} AS line FROM t"), 10_000))


@pytest.mark.parametrize(
    ("kinds", "row", "line"),
    [
        (["bigint", "double"], (1, 2.5), "1,2.5\n"),
        (["bigint", "varchar(9)"], (None, None), ",\n"),
        (["varchar(9)"], (None,), '""\n'),
        (["varchar(9)"], ("",), '""\n'),
        (["varchar(9)", "int"], ("a|,b", 1), '"a|,b",1\n'),
        (["varchar(9)", "int"], ('say "hi"', 1), '"say ""hi""",1\n'),
        (["varchar(9)", "int"], ("a\nb\r", 1), '"a\nb\r",1\n'),
        (["varchar(9)", "int"], ("한글 ", 1), "한글 ,1\n"),
        (["date", "datetime", "decimal(10,2)", "bool"], ("2020-01-02", "2020-01-02 03:04:05", 1.5, 1),
         "2020-01-02,2020-01-02 03:04:05,1.50,1\n"),
        (["varchar(9)", "varchar(9)"], (" x", "'y'"), " x,'y'\n"),
    ],
)  # fmt: skip
def test_a_row_is_written(kinds: list[str], row: tuple[object, ...], line: str) -> None:
    assert written(kinds, [row]) == [line.encode()]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=20))
def test_any_text_is_read_back_by_the_csv_module(rows: list[tuple[str, str]]) -> None:
    rows = [(a.replace("\0", ""), b.replace("\0", "")) for a, b in rows]
    [body] = written(["varchar(100)", "varchar(100)"], list(rows))
    assert [tuple(row) for row in csv.reader(io.StringIO(body.decode(), newline=""), strict=True)] == rows


def test_Q02_batches_are_of_the_size_that_was_declared() -> None:
    line = batches.line([("range", types.parse("bigint"))])
    lines = batches.arrow(duckdb.connect(), f"SELECT {line} AS line FROM range(25000)")
    found = list(batches.bodies(lines, 10_000))
    assert [body.count(b"\n") for body in found] == [10_000, 10_000, 5_000]
    assert b"".join(found) == "".join(f"{i}\n" for i in range(25_000)).encode()


@pytest.mark.parametrize(
    ("body", "values"),
    [
        (b"1.5\n2\n", ["1.5", "2"]),
        (b"1.5\r\n2", ["1.5", "2"]),
        (b'"a,b"\n"say ""hi"""\n', ["a,b", 'say "hi"']),
        (b'"a\nb"\n"c"\n', ["a\nb", "c"]),
        (b"\n1\n", [None, "1"]),
        (b'""\n1\n', [None, "1"]),
        ("검정\n흰색\n".encode(), ["검정", "흰색"]),
    ],
)
def test_answers_are_read(body: bytes, values: list[str | None]) -> None:
    assert batches.values(body, 2, "ep").to_pylist() == values


@pytest.mark.parametrize(
    ("body", "rows", "sentence"),
    [
        (b"1\n2\n", 3, "answered 2 lines for 3 rows: one for each row is needed"),
        (b"1\n2\n3\n4\n", 3, "answered 4 lines for 3 rows"),
        (b"", 1, "answered 0 lines for 1 row"),
        (b"h\n1\n", 1, "answered 2 lines for 1 row"),
        (b"1\n0.9,0.1\n", 2, "answered 2 values in line 2 of 2 rows: '0.9,0.1'; one value is needed"),
        (b"\xff\xfe\n", 1, "bytes that are not UTF-8"),
        (b"[1.0,2.0]", 2, "answered 2 values in line 1 of 2 rows"),
    ],
)
def test_Q05_other_than_one_value_a_row_is_refused(body: bytes, rows: int, sentence: str) -> None:
    with pytest.raises(SqlError) as caught:
        batches.values(body, rows, "ep")
    assert (caught.value.code, sentence in caught.value.message) == (1105, True), caught.value.message


def test_lines_of_several_chunks_and_of_a_slice_are_one_body() -> None:
    column = pa.chunked_array([["a\n", "b\n"], [], ["c\n"]], pa.string())
    assert batches.from_lines(column) == b"a\nb\nc\n"
    assert list(batches.bodies(pa.table({"line": column}), 2)) == [b"a\nb\n", b"c\n"]
    assert batches.from_lines(column.slice(1, 2)) == b"b\nc\n"
