"""The least that runs the hands-on's statements: mysql-mimic, DuckDB, and an Arrow UDF for each function.

What `local_test sql` is measured against; no passwords, one session at a time, an error is whatever it is.
`python -m bench.sql.outline PORT ENDPOINT_URL`
"""

import asyncio
import csv
import http.client
import inspect
import io
import re
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import duckdb
import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType
from mysql_mimic import MysqlServer, Session
from sqlglot import exp, parse_one

CREATE = re.compile(
    r"\s*CREATE\s+FUNCTION\s+(\w+)\s*\((.*)\)\s*RETURNS\s+(\w+).*ALIAS\s+AWS_SAGEMAKER_INVOKE_ENDPOINT\s+"
    r"ENDPOINT\s+NAME\s+'([^']+)'",
    re.IGNORECASE | re.DOTALL,
)
TYPES = {"BIGINT": "BIGINT", "INT": "INTEGER", "DOUBLE": "DOUBLE", "VARCHAR": "VARCHAR"}
HEADERS = {"Content-Type": "text/csv"}


class Outline(Session):  # type: ignore[misc]
    database_file = duckdb.connect()
    functions: dict[str, list[str]] = {}  # noqa: RUF012  name -> its arguments' types
    address = ("127.0.0.1", 0)

    def __init__(self) -> None:
        super().__init__()
        self.middlewares[self.middlewares.index(self._static_query_middleware)] = self._no_static_queries

    async def _no_static_queries(self, query: Any) -> Any:
        return await query.next()

    async def handle_query(self, sql: str, attrs: dict[str, str]) -> Any:
        if found := CREATE.match(sql):
            self._create(*found.groups())
            return [], []
        return await super().handle_query(sql, attrs)

    async def query(self, expression: exp.Expr, _sql: str, _attrs: dict[str, str]) -> Any:
        for call in expression.find_all(exp.Anonymous):
            if kinds := self.functions.get(call.name.lower()):
                call.set("expressions", [exp.cast(a, k) for a, k in zip(call.expressions, kinds, strict=True)])
        result = self.database_file.execute(expression.sql("duckdb"))
        return result.fetchall(), [column[0] for column in result.description]

    def _create(self, name: str, arguments: str, returns: str, _endpoint: str) -> None:
        columns = parse_one(f"CREATE TABLE t ({arguments})", read="mysql").find_all(exp.ColumnDef)
        kinds: list[Any] = [TYPES[column.args["kind"].this.name] for column in columns]
        self.functions[name.lower()] = kinds
        self.database_file.create_function(
            name,
            counted(self.predict if returns.upper() == "DOUBLE" else self.label, len(kinds)),
            kinds,
            TYPES[returns.upper()],
            type=PythonUDFType.ARROW,
            null_handling=FunctionNullHandling.SPECIAL,
            side_effects=True,
        )

    def predict(self, *columns: Any) -> pa.Array:
        return pa.array([float(line) if line else None for line in self.lines(columns)], pa.float64())

    def label(self, *columns: Any) -> pa.Array:
        return pa.array([line or None for line in self.lines(columns)], pa.string())

    def lines(self, columns: tuple[Any, ...]) -> list[str]:
        body = io.StringIO()
        csv.writer(body, lineterminator="\n").writerows(zip(*(column.to_pylist() for column in columns), strict=True))
        connection = http.client.HTTPConnection(*self.address)
        connection.request("POST", "/invocations", body.getvalue().encode(), HEADERS)
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.status != http.HTTPStatus.OK:
            raise ValueError(f"{answer.status}: {text[:200]}")
        return text.splitlines()


def counted(answer: Callable[..., Any], count: int) -> Callable[..., Any]:
    def call(*columns: Any) -> Any:
        return answer(*columns)

    kind = inspect.Parameter.POSITIONAL_ONLY
    call.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(f"a{i}", kind) for i in range(count)]
    )
    return call


if __name__ == "__main__":
    where = urlsplit(sys.argv[2])
    Outline.address = (where.hostname or "127.0.0.1", where.port or 80)
    asyncio.run(MysqlServer(session_factory=Outline).serve_forever(host="127.0.0.1", port=int(sys.argv[1])))
