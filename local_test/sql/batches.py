"""Rows of arguments as the CSV of requests, and the answers' lines as a column, by Arrow's buffers and not row by row.

Q-01, Q-03, Q-07: no header, RFC 4180 quotes where they are needed, NULL as an empty field, a line end after each row.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.csv

from local_test.sql.errors import UNKNOWN, SqlError
from local_test.sql.types import SqlType

_SPECIAL = "'[\",\\r\\n]'"


def line(columns: Sequence[tuple[str, SqlType]]) -> str:
    """DuckDB's expression of one row's line, with its end; `columns` are already of DuckDB's type."""
    fields = [_field(name, kind) for name, kind in columns]
    if len(fields) == 1:
        fields = [f"CASE WHEN {fields[0]} = '' THEN '\"\"' ELSE {fields[0]} END"]  # an empty line is no row to many
    return " || ',' || ".join(fields or ["''"]) + " || chr(10)"


def _field(name: str, kind: SqlType) -> str:
    text = f"CAST({name} AS VARCHAR)"
    if kind.word == "string":
        text = (
            f"CASE WHEN regexp_matches({name}, {_SPECIAL}) "
            f"THEN '\"' || replace({name}, '\"', '\"\"') || '\"' ELSE {name} END"
        )
    return f"COALESCE({text}, '')"


def bodies(lines: pa.Table, size: int) -> Iterator[bytes]:
    """Of one column of lines: a body for each `size` rows."""
    for begin in range(0, lines.num_rows, size):
        yield from_lines(lines.slice(begin, size).column(0))


def from_lines(column: Any) -> bytes:
    """The bytes lie side by side already, whatever the number of rows."""
    parts = []
    for chunk in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
        if not len(chunk):
            continue
        chunk = chunk.cast(pa.large_string())  # noqa: PLW2901
        offsets = memoryview(chunk.buffers()[1]).cast("q")
        first, last = offsets[chunk.offset], offsets[chunk.offset + len(chunk)]
        parts.append(memoryview(chunk.buffers()[2])[first:last])
    return b"".join(parts)


def values(body: bytes, rows: int, endpoint: str) -> pa.Array:
    """Text, null for an empty field. Raises SqlError where there is not one value for each row."""
    try:
        found = _parsed(body)
    except pa.ArrowInvalid:
        found = _by_record(body, rows, endpoint)
    if len(found) != rows:
        raise SqlError(
            UNKNOWN,
            f"Endpoint {endpoint!r} answered {_count(len(found), 'line')} for {_count(rows, 'row')}: "
            "one for each row is needed",
        )
    return found


def _parsed(body: bytes) -> pa.Array:
    if not body:
        return pa.array([], pa.string())
    table = pyarrow.csv.read_csv(
        io.BytesIO(body),
        pyarrow.csv.ReadOptions(column_names=["v"], use_threads=False, block_size=max(len(body), 1)),
        pyarrow.csv.ParseOptions(newlines_in_values=b'"' in body, ignore_empty_lines=False),
        pyarrow.csv.ConvertOptions(column_types={"v": pa.string()}, null_values=[""], strings_can_be_null=True),
    )
    return table.column("v").combine_chunks()


def _by_record(body: bytes, rows: int, endpoint: str) -> pa.Array:
    """Says what is wrong; what is a matter of taste only is read."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise SqlError(UNKNOWN, f"Endpoint {endpoint!r} answered bytes that are not UTF-8") from None
    records = list(csv.reader(io.StringIO(text, newline="")))
    for number, record in enumerate(records, 1):
        if len(record) > 1:
            raise SqlError(
                UNKNOWN,
                f"Endpoint {endpoint!r} answered {len(record)} values in line {number} of {_count(rows, 'row')}: "
                f"{','.join(record)[:200]!r}; one value is needed",
            )
    return pa.array([record[0] if record and record[0] else None for record in records], pa.string())


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def arrow(connection: duckdb.DuckDBPyConnection, sql: str) -> pa.Table:
    return connection.sql(sql).to_arrow_table()
