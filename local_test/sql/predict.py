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
import pyarrow.compute as pc

from local_test.sql import batches, types
from local_test.sql.counters import Counters
from local_test.sql.endpoints import Endpoints
from local_test.sql.errors import NO_DATE, OUT_OF_RANGE, TOO_LONG, WRONG_VALUE, SqlError
from local_test.sql.function import Function
from local_test.sql.types import SqlType

_DATES = ("date", "datetime", "time")


@dataclass(frozen=True)
class Given:
    """The rows of arguments."""

    query: str  # DuckDB's, with columns a0, a1 ...
    is_same_again: bool = False  # it gives the same rows however often it is asked

    @classmethod
    def of(cls, arguments: Sequence[str], source: str, *, is_same_again: bool = False) -> "Given":
        columns = ", ".join(f"{text} AS a{i}" for i, text in enumerate(arguments)) or "1 AS nothing"
        return cls(f"SELECT {columns} FROM {source}", is_same_again)


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

    def predict(self, function: Function, given: Given, *, single: bool = False) -> str:
        """The name of a table with one column v, a row for each of the given rows.

        `single`: not batched, to be counted as such.
        """
        if single:
            self.counters.add(single_request=1)
        raw = given.query if given.is_same_again else f"SELECT * FROM temp.{self.table(given.query)}"
        found = self.answers(function, self._lines(function, raw))
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

    def _lines(self, function: Function, raw: str) -> pa.Table:
        """Raises SqlError for the first row with an argument that cannot be cast."""
        kinds = [kind for _, kind in function.arguments]
        cast = ", ".join(f"TRY_CAST(a{i} AS {kind.duck}) AS c{i}" for i, kind in enumerate(kinds))
        bad = [_bad_argument(f"a{i}", f"c{i}", kind) for i, kind in enumerate(kinds)]
        line = batches.line([(f"c{i}", kind) for i, kind in enumerate(kinds)])
        query = (
            f"SELECT {line} AS line, {' OR '.join(bad) or 'false'} AS bad FROM (SELECT *, {cast or '1'} FROM ({raw}))"
        )
        found = batches.arrow(self.connection, query)
        if pc.any(found.column("bad")).as_py():
            both = f"SELECT *, {cast} FROM ({raw})"
            wrong = [(i, first) for i, test in enumerate(bad) if (first := self._first(both, f"a{i}", test))]
            i, first = min(wrong, key=lambda each: each[1][1])
            raise _refused(kinds[i], function.arguments[i][0], *first)
        return found

    def _first(self, raw: str, column: str, test: str) -> tuple[str, int, bool] | None:
        """Value, row from 1 on, and whether it is a number at all, of the first row that fails."""
        text = f"CAST({column} AS VARCHAR)"
        found = self.connection.execute(
            f"SELECT {text}, row, TRY_CAST({text} AS DOUBLE) IS NOT NULL "
            f"FROM (SELECT *, row_number() OVER () AS row FROM ({raw})) WHERE {test} ORDER BY row LIMIT 1"
        ).fetchall()  # an open result would hold the connection
        return found[0] if found else None

    def _typed(self, function: Function, found: pa.Array) -> str:
        view = f"tiffin_answers_{next(self._numbers)}"
        kind = function.returns
        numbers = _doubles(found) if kind.duck == "DOUBLE" else None
        self.connection.register(view, pa.table({"v": found if numbers is None else numbers}))
        try:
            if numbers is not None:
                return self.table(f"SELECT v FROM {view}")
            if not kind.is_number:
                return self.table(f"SELECT left(v, {kind.length}) AS v FROM {view}")  # cut, as Aurora cuts
            table = self.table(f"SELECT v AS t, TRY_CAST(v AS {kind.duck}) AS v FROM {view}")
            finite = " OR NOT isfinite(v)" if kind.word == "double" else ""
            if wrong := self._first(f"SELECT * FROM temp.{table}", "t", f"t IS NOT NULL AND (v IS NULL{finite})"):
                raise _refused(kind, function.name, *wrong)
            return table
        finally:
            self.connection.unregister(view)


def _bad_argument(given: str, cast: str, kind: SqlType) -> str:
    if kind.word == "string":
        return f"length({cast}) > {kind.length}" if kind.length else "false"
    return f"({given} IS NOT NULL AND {cast} IS NULL)"


def _doubles(found: pa.Array) -> pa.Array | None:
    """The short way; None where DuckDB is to judge."""
    try:
        numbers = found.cast(pa.float64())
    except pa.ArrowInvalid:
        return None
    return numbers if pc.all(pc.is_finite(numbers)).as_py() is not False else None


def _refused(kind: SqlType, column: str, value: str, row: int, is_number: bool) -> SqlError:
    where = f"for column '{column}' at row {row}"
    if kind.word == "string":
        return SqlError(TOO_LONG, f"Data too long {where}")
    if is_number and kind.is_number and value.strip().lower().lstrip("+-") not in ("nan", "inf", "infinity"):
        return SqlError(OUT_OF_RANGE, f"Out of range value {where}")
    code = NO_DATE if kind.word in _DATES else WRONG_VALUE
    return SqlError(code, f"Incorrect {kind.word} value: {types.literal(value)} {where}")
