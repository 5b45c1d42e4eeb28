"""A call that stays in its place: DuckDB hands over its vectors, 2,048 rows at most, and each is a request or more."""

import csv
import inspect
import io
import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType
from sqlglot import exp

from local_test.sql.errors import SqlError
from local_test.sql.function import Function
from local_test.sql.predict import Predictions

_NUMBERS = itertools.count()  # DuckDB shares the names among all sessions


@dataclass
class Udfs:
    """Those of one statement."""

    connection: duckdb.DuckDBPyConnection
    predictions: Predictions
    error: SqlError | None = None  # what a call raised: DuckDB keeps its text only
    _names: dict[Function, str] = field(default_factory=dict)

    def call(self, call: exp.Anonymous, function: Function) -> exp.Expr:
        """DuckDB's expression for it."""
        arguments = [
            exp.cast(exp.cast(each.copy(), kind.duck, dialect="duckdb"), "VARCHAR")
            for each, (_, kind) in zip(call.expressions, function.arguments, strict=True)
        ]
        text = exp.Anonymous(this=self._name(function), expressions=arguments or [exp.Literal.string("")])
        if function.returns.is_number:
            return exp.cast(text, function.returns.duck, dialect="duckdb")
        return exp.Anonymous(this="left", expressions=[text, exp.Literal.number(function.returns.length or 1)])

    def drop(self) -> None:
        names, self._names, self.error = list(self._names.values()), {}, None
        for name in names:
            with suppress(duckdb.Error):  # gone already, with the transaction that it was made in
                self.connection.remove_function(name)

    def _name(self, function: Function) -> str:
        if function not in self._names:
            name = f"tiffin_udf_{next(_NUMBERS)}"

            count = max(1, len(function.arguments))
            self.connection.create_function(
                name,
                _counted(lambda *columns: self._answer(function, columns), count),
                ["VARCHAR"] * count,
                "VARCHAR",
                type=PythonUDFType.ARROW,
                null_handling=FunctionNullHandling.SPECIAL,
                side_effects=True,  # never folded, never kept: NOT DETERMINISTIC
            )
            self._names[function] = name
        return self._names[function]

    def _answer(self, function: Function, columns: tuple[Any, ...]) -> pa.Array:
        self.predictions.counters.add(single_request=1)
        try:
            return self.predictions.answers(function, pa.table({"line": lines(columns)}))
        except SqlError as error:
            self.error = self.error or error
            raise


def _counted(answer: Callable[..., Any], count: int) -> Callable[..., Any]:
    """DuckDB counts a function's parameters."""
    kind = inspect.Parameter.POSITIONAL_ONLY
    signature = inspect.Signature([inspect.Parameter(f"a{i}", kind) for i in range(count)])
    answer.__signature__ = signature  # type: ignore[attr-defined]
    return answer


def lines(columns: tuple[Any, ...]) -> pa.Array:
    """As `batches.line` writes them."""
    found = []
    for row in zip(*(column.to_pylist() for column in columns), strict=True):
        file = io.StringIO()
        csv.writer(file, lineterminator="\n").writerow(row)
        found.append(file.getvalue())
    return pa.array(found, pa.string())
