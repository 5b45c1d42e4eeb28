"""One client's session: a statement comes in as text, is told by its first words, and gives a Result or a SqlError.

It runs on a thread of its own; only `cancel` is called from others.
"""

import logging
import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError

from local_test.sql import (
    accounts,
    calls,
    dialect,
    explain,
    function,
    grants,
    literals,
    load,
    settings,
    show,
    types,
    variables,
)
from local_test.sql.accounts import Scope, User
from local_test.sql.calls import Marked
from local_test.sql.database import HIDDEN, Database
from local_test.sql.errors import INTERRUPTED, SqlError, chosen, near, not_here, of_duckdb
from local_test.sql.predict import Predictions
from local_test.sql.queries import Queries
from local_test.sql.result import Result
from local_test.sql.udf import Udfs
from local_test.sql.words import Words
from local_test.sql.writes import Writes

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # its warnings are for who translates, not for who asks

_CONDITIONAL = re.compile(r"\s*/\*!\d*\s(.*?)\*/\s*;?\s*", re.DOTALL)
INFORMATION = "information_schema"
_FOR_SQLGLOT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", re.IGNORECASE)
_TRANSACTIONS = ("START", "BEGIN", "COMMIT", "ROLLBACK")
Kill = Callable[[int, bool], None]  # connection id, and whether the statement only


class Session:
    def __init__(self, database: Database, user: str, name: str | None, number: int = 0, kill: Kill | None = None):
        """`name`: the database to begin in. Raises SqlError for one that is not there, or not this user's."""
        self.shared = database
        self.connection = database.root.cursor()
        self.user_name, self.number, self._kill = user, number, kill
        self.active_roles = self.user.default_roles
        self.variables = variables.system()
        self.user_variables: dict[str, Any] = {}
        self.warnings: list[tuple[str, int, str]] = []
        self.last_id, self.last_count, self.in_transaction = 0, -1, False
        self.cancelled = threading.Event()
        self.predictions = Predictions(self.connection, database.endpoints, database.counters, self.cancelled)
        self.udfs = Udfs(self.connection, self.predictions)
        self.queries, self.writes = Queries(self), Writes(self)
        self.name: str | None = None
        if name:
            self.use(name)

    @property
    def user(self) -> User:
        """As the catalog has it now: another session may have granted."""
        if found := self.shared.catalog.user(self.user_name):
            return found
        raise SqlError(1045, f"Access denied for user '{self.user_name}'@'localhost': it was dropped")

    def close(self) -> None:
        self.connection.close()

    def cancel(self) -> None:
        """From another thread: what is running ends with 1317."""
        self.cancelled.set()
        self.connection.interrupt()

    def run(self, sql: str) -> Result:
        """Raises SqlError."""
        self.cancelled.clear()
        return self._guarded(lambda: self._run(sql), is_show=sql.lstrip()[:4].upper() == "SHOW")

    def receive(self, wanted: load.Load, data: bytes) -> Result:
        """The file that LOAD DATA LOCAL INFILE asked for."""
        return self._guarded(lambda: self.writes.load(wanted, data), is_show=False)

    def _guarded(self, work: Callable[[], Result], *, is_show: bool) -> Result:
        if not is_show:
            self.warnings = []
        try:
            result = work()
        except duckdb.Error as error:
            found = self.udfs.error or of_duckdb(error, self.name)
            if self.cancelled.is_set():
                found = SqlError(INTERRUPTED, "Query execution was interrupted")
            self._failed(found)
            raise found from None
        except ParseError as error:
            line = error.errors[0] if error.errors else {}
            found = SqlError(1064, f"You have an error in your SQL syntax near '{line.get('highlight', '')}'")
            self._failed(found)
            raise found from None
        except SqlError as error:
            self._failed(error)
            raise
        finally:
            self._clean()
        self.last_count = -1 if result.columns else result.affected
        self.last_id = result.last_id or self.last_id
        return result

    def _failed(self, error: SqlError) -> None:
        self.warnings = [("Error", error.code, error.message)]
        self.last_count = -1
        if self.in_transaction:
            try:
                self.connection.execute("SELECT 1").fetchall()
            except duckdb.Error:  # DuckDB gives a transaction up over an error in it
                self.connection.rollback()
                self.in_transaction = False

    def _clean(self) -> None:
        try:
            self.predictions.drop()
            self.udfs.drop()
        except duckdb.Error:
            logging.getLogger(__name__).debug("temporary tables are left to the session's end", exc_info=True)

    def _run(self, sql: str) -> Result:
        if told := _CONDITIONAL.fullmatch(sql):  # mysqldump's
            sql = told[1]
        if found := literals.of(sql):
            return self._parsed(found.head, values=found.values)
        if _FOR_SQLGLOT.match(sql):  # at once: a long INSERT is read but where it must be
            return self._parsed(sql)
        words = Words(sql)
        if words.is_over():
            raise SqlError(1065, "Query was empty")
        words.check_single()
        for is_one, run in (
            (function.is_definition, self._create_function),
            (grants.is_one, self._grant),
            (show.is_one, lambda words: show.run(self, words)),
            (explain.is_one, lambda words: explain.run(self, words)),
            (load.is_one, lambda words: Result(wanted=load.parse(words))),
            (settings.is_one, lambda words: settings.run(self, words)),
            (_is_plain, self._plain),
        ):
            if is_one(words):
                return run(words)
        return self._parsed(sql)

    def _create_function(self, words: Words) -> Result:
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        definition = function.parse(words, self.name, f"{self.user.name}@{self.user.host}", now)
        made = definition.function
        if not self.shared.has(made.database) or made.database == INFORMATION:
            raise SqlError(1049, f"Unknown database '{made.database}'")
        if not self.user.has("CREATE ROUTINE", Scope(made.database)):
            raise SqlError(1044, f"Access denied for user '{self.user.name}'@'%' to database '{made.database}'")
        self.implicit_commit()
        if definition.is_needed or not self.shared.catalog.function(made.database, made.name):
            self.shared.catalog.create(made)
        return Result()

    def _grant(self, words: Words) -> Result:
        self.implicit_commit()
        grants.Grants(self.shared.catalog, self.user, self.name).run(words)
        return Result()

    def _plain(self, words: Words) -> Result:
        """Statements of a few words."""
        if words.accept("USE"):
            self.use(words.name())
            words.end()
        elif words.accept("FLUSH"):
            if words.accept("STATUS"):
                accounts.check_admin(self.user, "RELOAD")
                self.shared.counters.flush()
        elif words.accept("KILL"):
            is_query = words.accept("QUERY")
            words.accept("CONNECTION")
            if self._kill:
                self._kill(words.number(), is_query)
        elif any(map(words.starts, _TRANSACTIONS)):
            self._transaction(words)
        elif words.accept("DROP", "FUNCTION"):
            self._drop_function(words)
        else:
            return self.writes.database(words)
        return Result()

    def _transaction(self, words: Words) -> None:
        if words.accept("ROLLBACK"):
            if words.starts("TO"):
                raise not_here("SAVEPOINT")
            was_in, self.in_transaction = self.in_transaction, False
            if was_in:
                self.connection.rollback()
            return
        is_commit = words.accept("COMMIT")
        self.implicit_commit()
        if not is_commit:
            self.begin()

    def _drop_function(self, words: Words) -> None:
        is_needed = not words.accept("IF", "EXISTS")
        database, name = words.qualified(self.name)
        words.end()
        database = chosen(database)
        if not self.user.has("ALTER ROUTINE", Scope(database, name, is_function=True)):
            raise SqlError(1370, f"alter routine command denied to user '{self.user.name}'@'%' for routine '{name}'")
        self.implicit_commit()
        if is_needed or self.shared.catalog.function(database, name):
            self.shared.catalog.drop(database, name)

    def _parsed(self, sql: str, values: str = "") -> Result:
        """`values`: of an INSERT, already as DuckDB reads them."""
        replaces = sql.lstrip()[:7].upper() == "REPLACE"
        if replaces:  # sqlglot reads it as one long word
            sql = "INSERT" + sql.lstrip()[7:]
        marked = self.mark(sql)
        statement = self.parse(marked.sql)
        if self.name == INFORMATION:
            for table in statement.find_all(exp.Table):
                if not table.db:
                    table.set("db", exp.to_identifier(INFORMATION))
        if not self.variables["autocommit"] and not self.in_transaction:
            self.begin()
        if isinstance(statement, exp.Query | exp.Values):
            dialect.head(statement, calls.headings(sql))
            return self.queries.result(statement, marked)
        if isinstance(statement, exp.Create) and isinstance(statement.expression, exp.Query):
            dialect.head(statement.expression, calls.headings(sql))
        return self.writes.run(statement, marked, replaces=replaces, values=values)

    def mark(self, sql: str) -> Marked:
        return calls.mark(sql, self.shared.catalog.function, self.name)

    def parse(self, text: str) -> exp.Expr:
        """With variables and what the session knows put in."""
        try:
            parsed = sqlglot.parse(text, read="mysql")
        except (ParseError, RecursionError) as error:
            raise near(text, _position(text, error)) from None
        if len(parsed) > 1 and parsed[1] is not None:
            Words(text).check_single()
        statement = parsed[0] if parsed else None
        if statement is None or isinstance(statement, exp.Command):
            raise near(text, len(text) - len(text.lstrip()))
        statement = variables.put_in(statement, self.user_variables, self.variables, self._asked())
        return dialect.functions(statement)

    def _asked(self) -> variables.Asked:
        now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
        moments: dict[str, Callable[[], Any]] = dict.fromkeys(
            ("NOW", "CURRENT_TIMESTAMP", "SYSDATE", "LOCALTIME", "LOCALTIMESTAMP", "UTC_TIMESTAMP"), lambda: now
        )
        names = dict.fromkeys(("DATABASE", "SCHEMA", "CURRENT_SCHEMA"), lambda: self.name)
        users: dict[str, Callable[[], Any]] = dict.fromkeys(
            ("USER", "SESSION_USER", "SYSTEM_USER"), lambda: f"{self.user_name}@localhost"
        )
        return {
            **moments,
            **names,
            **users,
            "CURRENT_DATE": now.date,
            "CURDATE": now.date,
            "CURRENT_TIME": now.time,
            "CURTIME": now.time,
            "CURRENT_USER": lambda: f"{self.user.name}@{self.user.host}",
            "CURRENT_ROLE": lambda: ",".join(f"`{role}`@`%`" for role in sorted(self.active_roles)) or "NONE",
            "VERSION": lambda: variables.VERSION,
            "CURRENT_VERSION": lambda: variables.VERSION,
            "AURORA_VERSION": lambda: self.variables["aurora_version"],
            "CONNECTION_ID": lambda: self.number,
            "LAST_INSERT_ID": lambda: self.last_id,
            "ROW_COUNT": lambda: self.last_count,
        }

    def use(self, name: str) -> None:
        if not self.shared.has(name):
            raise SqlError(1049, f"Unknown database '{name}'")
        accounts.check_database(self.user, name)
        inside = "main" if name == INFORMATION else name  # DuckDB's own is nothing to be in
        self.connection.execute(f'USE "_tiffin".{types.quoted(inside)}')
        self.name = name

    def leave(self, name: str) -> None:
        """Its database is about to go."""
        if self.name == name:
            self.connection.execute('USE "_tiffin".main')
            self.name = None

    def begin(self) -> None:
        self.connection.begin()
        self.in_transaction = True

    def implicit_commit(self) -> None:
        was_in, self.in_transaction = self.in_transaction, False  # it is over, too, where it is refused
        if was_in:
            self.connection.commit()

    def check_tables(self, statement: exp.Expr, privilege: str, *tables: exp.Table) -> None:
        """`privilege` for these, SELECT for all others that are read."""
        ctes = {cte.alias for cte in statement.find_all(exp.CTE)}
        for table in statement.find_all(exp.Table):
            if not table.db and table.name in ctes:
                continue
            database = chosen(table.db or self.name)
            needed = privilege if any(table is one for one in tables) else "SELECT"
            if database.lower() in HIDDEN:
                who = f"'{self.user.name}'@'{self.user.host}'"
                raise SqlError(1142, f"{needed} command denied to user {who} for table '{table.name}'")
            if table.db and not self.shared.has(table.db):
                raise SqlError(1049, f"Unknown database '{table.db}'")
            if database != INFORMATION:
                accounts.check_table(self.user, needed, database, table.name)


def _is_plain(words: Words) -> bool:
    firsts = ("USE", "FLUSH", "KILL", "BEGIN", "COMMIT", "ROLLBACK")
    pairs = (("START", "TRANSACTION"), ("DROP", "FUNCTION"))
    return any(map(words.starts, firsts)) or any(words.starts(*pair) for pair in pairs) or _is_database(words)


def _is_database(words: Words) -> bool:
    return any(words.starts(verb, kind) for verb in ("CREATE", "DROP") for kind in ("DATABASE", "SCHEMA"))


def _position(text: str, error: Exception) -> int:
    if not isinstance(error, ParseError) or not error.errors:
        return 0
    first = error.errors[0]
    lines = text.split("\n")[: int(first["line"]) - 1]
    column = max(0, int(first["col"]) - len(first["highlight"] or ""))
    return min(len(text), sum(len(line) + 1 for line in lines) + column)
