"""A statement that reads, made ready for DuckDB: names resolved, calls predicted, and run."""

import re
from typing import TYPE_CHECKING, Any

import duckdb
from sqlglot import exp
from sqlglot.errors import OptimizeError
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from local_test.sql import accounts, calls, dialect, types
from local_test.sql.calls import Marked
from local_test.sql.errors import NO_COLUMN, SqlError
from local_test.sql.materialise import Materialiser
from local_test.sql.result import Column, Result

if TYPE_CHECKING:
    from local_test.sql.session import Session


_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Neg, exp.Sum, exp.Avg)


class Queries:
    def __init__(self, session: "Session") -> None:
        self._session = session

    def result(self, query: exp.Expr, marked: Marked) -> Result:
        connection = self._session.connection
        connection.execute(self.ready(query, marked).sql("duckdb"))
        columns = tuple(Column(name, str(kind)) for name, kind, *_ in connection.description or ())
        return Result(columns, connection.fetchall())

    def value(self, expression: exp.Expr, marked: Marked) -> Any:
        """Of an expression by itself."""
        result = self.result(exp.select(expression), marked)
        return result.rows[0][0]

    def ready(self, query: exp.Expr, marked: Marked) -> exp.Expr:
        """What DuckDB is to run in its place; its calls have been predicted by then."""
        self._session.check_tables(query, "SELECT")
        dialect.query(query)
        self.texts_as_numbers(query)
        if not any(calls.of(query)):
            return query
        self.check_calls(query, marked)
        query = self._qualified(query)
        self.materialiser(marked).rewrite(query)
        return query

    def materialiser(self, marked: Marked) -> Materialiser:
        return Materialiser(self._session.predictions, marked, self._session.udfs.call)

    def check_calls(self, statement: exp.Expr, marked: Marked) -> None:
        session = self._session
        for call in calls.of(statement):
            called = marked.function(call)
            accounts.check_function(session.user, session.active_roles, called.database, called.name)
            calls.check_arity(call, called)

    def _qualified(self, query: exp.Expr) -> exp.Expr:
        tables = self._columns(query)
        actual = {name.lower(): name for columns in tables.values() for name in columns}
        for column in query.find_all(exp.Column):
            if isinstance(column.this, exp.Identifier):
                column.this.set("this", actual.get(column.name.lower(), column.name))
        has_row = any(column.name == "rowid" for column in query.find_all(exp.Column))
        aliases = {table.alias_or_name.lower(): table.alias_or_name for table in query.find_all(exp.Table)}
        for column in query.find_all(exp.Column):
            if column.table:
                column.set("table", exp.to_identifier(aliases.get(column.table.lower(), column.table)))
        try:
            return qualify(query, schema=_Known(tables, has_row=has_row), dialect="mysql", identify=True, sql=None)
        except OptimizeError as error:
            raise _unresolved(str(error), tables) from None

    def _columns(self, query: exp.Expr) -> dict[str, list[str]]:
        """Of each table that is read; raises DuckDB's error for one that is not there."""
        ctes = {cte.alias for cte in query.find_all(exp.CTE)}
        found: dict[str, list[str]] = {}
        for table in query.find_all(exp.Table):
            if table.db or table.name not in ctes:
                found.setdefault(_key(table), self.columns(table))
        return found

    def texts_as_numbers(self, statement: exp.Expr) -> None:
        """In arithmetic, in place: MySQL takes a column of text for the number that it says; DuckDB refuses it."""
        found = [column for column in statement.find_all(exp.Column) if isinstance(column.parent, _ARITHMETIC)]
        if not found:
            return
        ctes = {cte.alias for cte in statement.find_all(exp.CTE)}
        kinds: dict[str, set[str]] = {}
        for table in statement.find_all(exp.Table):
            if table.db or table.name not in ctes:
                for name, kind in self.described(table):
                    kinds.setdefault(name.lower(), set()).add(kind)
        for column in found:
            if kinds.get(column.name.lower()) == {"VARCHAR"}:
                column.replace(exp.cast(column.copy(), "DOUBLE"))

    def columns(self, table: exp.Table) -> list[str]:
        return [name for name, _ in self.described(table)]

    def described(self, table: exp.Table) -> list[tuple[str, str]]:
        """Names and DuckDB's types."""
        named = ".".join(types.quoted(part) for part in (table.db, table.name) if part)
        try:
            description = self._session.connection.execute(f"SELECT * FROM {named} LIMIT 0").description or ()
        except duckdb.CatalogException:
            raise SqlError(1146, f"Table '{table.db or self._session.name}.{table.name}' doesn't exist") from None
        return [(name, str(kind)) for name, kind, *_ in description]


class _Known(MappingSchema):
    """Columns of tables with and without a database before their names."""

    def __init__(self, tables: dict[str, list[str]], *, has_row: bool) -> None:
        """`has_row`: rowid is one of them, for a statement that changes rows."""
        super().__init__(dialect="mysql")
        self._tables, self._more = tables, ["rowid"] if has_row else []

    @property
    def empty(self) -> bool:
        return False

    def column_names(self, table: exp.Table | str, *_args: Any, **_options: Any) -> list[str]:
        return [*self._tables.get(_key(table), []), *self._more] if isinstance(table, exp.Table) else []

    def get_column_type(self, *_args: Any, **_options: Any) -> exp.DataType:
        return exp.DataType.build("unknown")


def _key(table: exp.Table) -> str:
    return f"{table.db}.{table.name}".lower()


def _unresolved(text: str, tables: dict[str, list[str]]) -> SqlError:
    if found := re.search(r"[Cc]olumn '\"?([^'\"]+)\"?' could not be resolved", text):
        if table := re.search(r"for table:? '\"?([^'\"]+)", text):
            return SqlError(NO_COLUMN, f"Unknown column '{table[1]}.{found[1]}' in 'field list'")
        if any(found[1] in columns for columns in tables.values()):
            return SqlError(1052, f"Column '{found[1]}' in field list is ambiguous")
        return SqlError(NO_COLUMN, f"Unknown column '{found[1]}' in 'field list'")
    if found := re.search(r"Unknown table: '?\"?([^'\"\s]+)", text):
        return SqlError(1109, f"Unknown table '{found[1]}' in field list")
    return SqlError(1064, f"You have an error in your SQL syntax; {text.splitlines()[0]}")
