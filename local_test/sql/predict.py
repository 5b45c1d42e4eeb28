"""One function over the rows of a query: arguments cast as MySQL casts them, batches sent, answers cast back.

Everything lies in temporary tables of the session's connection; a row's number is its place in them, which DuckDB
keeps (preserve_insertion_order).
"""

import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from local_test.sql import batches, types
from local_test.sql.counters import Counters
from local_test.sql.endpoints import Endpoints
from local_test.sql.errors import NO_DATE, OUT_OF_RANGE, TOO_LONG, WRONG_VALUE, SqlError
from local_test.sql.function import Function
from local_test.sql.types import SqlType

_DATES = ("date", "datetime", "time")


@dataclass
class Predictions:
    """The temporary tables of one statement."""

    connection: duckdb.DuckDBPyConnection
    endpoints: Endpoints
    counters: Counters
    cancelled: threading.Event
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _tables: list[str] = field(default_factory=list)

    def table(self, query: str) -> str:
        """The name of a new temporary table with the query's rows in their order."""
        name = f"tiffin_{next(self._numbers)}"
        self.connection.execute(f"CREATE TEMP TABLE {name} AS {query}")
        self._tables.append(name)
        return name

    def drop(self) -> None:
        for name in self._tables:
            self.connection.execute(f"DROP TABLE IF EXISTS temp.{name}")
        self._tables.clear()

    def predict(self, function: Function, arguments: Sequence[str], source: str | None, *, single: bool = False) -> str:
        """`arguments`: DuckDB's expressions over `source`. The name of a table with one column v, a row for each row.

        `single`: not batched, to be counted as such.
        """
        if single:
            self.counters.add(single_request=1)
        columns = ", ".join(f"{text} AS a{i}" for i, text in enumerate(arguments)) or "1 AS none"
        raw = self.table(f"SELECT {columns}" + (f" FROM {source}" if source else ""))
        self._check_arguments(function, raw)
        cast = ", ".join(f"CAST(a{i} AS {kind.duck}) AS a{i}" for i, (_, kind) in enumerate(function.arguments))
        line = batches.line([(f"a{i}", kind) for i, (_, kind) in enumerate(function.arguments)])
        lines = batches.arrow(self.connection, f"SELECT {line} AS line FROM (SELECT {cast or '1'} FROM temp.{raw})")
        found = self.answers(function, lines)
        return self._typed(function, found)

    def answers(self, function: Function, lines: pa.Table) -> pa.Array:
        """Text, one for each line."""
        rows = lines.num_rows
        self.counters.add(logical_request=rows)
        sizes = [min(function.batch, rows - begin) for begin in range(0, rows, function.batch)]
        answered = self.endpoints.predict(
            function.endpoint, list(batches.bodies(lines, function.batch)), self.cancelled
        )
        found = [batches.values(body, size, function.endpoint) for body, size in zip(answered, sizes, strict=True)]
        self.counters.add(logical_response=rows)
        return pa.concat_arrays(found) if found else pa.array([], pa.string())

    def _check_arguments(self, function: Function, raw: str) -> None:
        for i, (name, kind) in enumerate(function.arguments):
            if kind.word == "string":
                test = f"length(CAST(a{i} AS VARCHAR)) > {kind.length}" if kind.length else "false"
            else:
                test = f"a{i} IS NOT NULL AND TRY_CAST(a{i} AS {kind.duck}) IS NULL"
            if wrong := self._first(raw, f"a{i}", test):
                raise _refused(kind, name, *wrong)

    def _first(self, table: str, column: str, test: str) -> tuple[str, int, bool] | None:
        """Value, row from 1 on, and whether it is a number at all, of the first row that fails."""
        query = (
            f"SELECT CAST({column} AS VARCHAR), rowid + 1, TRY_CAST(CAST({column} AS VARCHAR) AS DOUBLE) IS NOT NULL "
            f"FROM temp.{table} WHERE {test} ORDER BY rowid LIMIT 1"
        )
        found = self.connection.execute(query).fetchall()  # an open result would hold the connection
        return found[0] if found else None

    def _typed(self, function: Function, found: pa.Array) -> str:
        view = f"tiffin_answers_{next(self._numbers)}"
        kind = function.returns
        self.connection.register(view, pa.table({"v": found}))
        try:
            text = self.table(f"SELECT v FROM {view}") if kind.is_number else ""
            if kind.is_number:
                number = f"TRY_CAST(v AS {kind.duck})"
                finite = f" OR NOT isfinite({number})" if kind.word == "double" else ""
                if wrong := self._first(text, "v", f"v IS NOT NULL AND ({number} IS NULL{finite})"):
                    raise _refused(kind, function.name, *wrong)
                return self.table(f"SELECT CAST(v AS {kind.duck}) AS v FROM temp.{text}")
            return self.table(f"SELECT left(v, {kind.length}) AS v FROM {view}")  # cut, as Aurora cuts
        finally:
            self.connection.unregister(view)


def _refused(kind: SqlType, column: str, value: str, row: int, is_number: bool) -> SqlError:
    where = f"for column '{column}' at row {row}"
    if kind.word == "string":
        return SqlError(TOO_LONG, f"Data too long {where}")
    if is_number and kind.is_number and value.strip().lower().lstrip("+-") not in ("nan", "inf", "infinity"):
        return SqlError(OUT_OF_RANGE, f"Out of range value {where}")
    code = NO_DATE if kind.word in _DATES else WRONG_VALUE
    return SqlError(code, f"Incorrect {kind.word} value: {types.literal(value)} {where}")
