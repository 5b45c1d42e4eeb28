"""Statements that change something, their counts, and the commits that MySQL makes around them."""

import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from local_test.sql import accounts, calls, dialect, keys, load, types, variables
from local_test.sql.accounts import Scope
from local_test.sql.calls import Marked
from local_test.sql.database import HIDDEN
from local_test.sql.errors import SqlError, chosen, not_here
from local_test.sql.keys import Auto, Keys
from local_test.sql.predict import Given
from local_test.sql.result import Result
from local_test.sql.types import SqlType
from local_test.sql.words import Words

if TYPE_CHECKING:
    from local_test.sql.session import Session


class Writes:
    def __init__(self, session: "Session") -> None:
        self._session = session

    def run(self, statement: exp.Expr, marked: Marked, *, replaces: bool = False, values: str = "") -> Result:
        """`values`: those of an INSERT, in the place of what is parsed."""
        match statement:
            case exp.Insert():
                return self._insert(statement, marked, values, replaces=replaces)
            case exp.Update():
                return self._update(statement, marked)
            case exp.Delete():
                return self._delete(statement, marked)
            case exp.TruncateTable():
                self._session.implicit_commit()
                return self._truncate(statement)
            case exp.Create():
                self._session.implicit_commit()
                return self._create(statement, marked)
            case exp.Drop() | exp.Alter():
                self._session.implicit_commit()
                return self._change(statement)
        raise not_here(f"{statement.key.upper()} statements")

    # rows

    def _insert(self, insert: exp.Insert, marked: Marked, values: str, *, replaces: bool) -> Result:
        table = insert.this.this if isinstance(insert.this, exp.Schema) else insert.this
        self._session.check_tables(insert, "INSERT", table)
        source = insert.expression
        if isinstance(source, exp.Query) and not isinstance(source, exp.Values):
            insert.set("expression", self._session.queries.ready(source, marked))
        elif any(calls.of(insert)):
            self._constants(insert, marked)
        known = self.keys_of(table)
        given = [each.name for each in insert.this.expressions] if table is not insert.this else known.columns
        deciding = known.deciding(given)
        dialect.on_conflict(insert, deciding)
        if deciding and replaces:
            keys.replace(insert, known, deciding)
        elif deciding and insert.args.get("ignore"):
            insert.set("alternative", "IGNORE")
        insert.set("ignore", None)
        auto, place = known.auto, known.numbers(given)
        if auto and place is not None and "DEFAULT" not in values.upper():
            keys.move_on(self._session.connection, auto, keys.number(insert, auto, given, place))
        sql = insert.sql("duckdb")
        if values:
            sql = sql.replace("VALUES (NULL)", f"VALUES {values}", 1)
        sql += f" RETURNING {types.quoted(auto.column)}" if auto else ""
        rows = self._session.connection.execute(sql).fetchall()
        if not auto:
            return Result(affected=rows[0][0], info=_info(rows[0][0]))
        if place is not None:
            keys.move_on(self._session.connection, auto, keys.top(self._session.connection, table, auto))
        return Result(
            affected=len(rows), last_id=max(0, min((row[0] for row in rows), default=0)), info=_info(len(rows))
        )

    def _constants(self, insert: exp.Insert, marked: Marked) -> None:
        """The calls of all VALUES in batches, each by a number of its own."""
        session = self._session
        session.queries.check_calls(insert, marked)
        materialiser = session.queries.materialiser(marked)
        while simple := [call for call in calls.of(insert) if calls.is_simple(call)]:
            function = marked.function(simple[0])
            same = [call for call in simple if marked.function(call) == function]
            rows = ", ".join(
                "(" + (", ".join(each.sql("duckdb") for each in call.expressions) or "1") + ")" for call in same
            )
            names = ", ".join(f"c{i}" for i in range(max(1, len(function.arguments))))
            picked = [f"c{i}" for i in range(len(function.arguments))]
            given = Given.of(picked, f"(VALUES {rows}) AS given({names})")
            table = materialiser.predictions.predict(function, given, single=len(same) == 1)
            found = session.connection.execute(f"SELECT v FROM temp.{table} ORDER BY rowid").fetchall()
            for call, (value,) in zip(same, found, strict=True):
                call.replace(variables.value(value))

    def _update(self, update: exp.Update, marked: Marked) -> Result:
        table = update.this
        if not isinstance(table, exp.Table) or table.args.get("joins"):
            raise not_here("UPDATE of several tables")
        self._session.check_tables(update, "UPDATE", table)
        if len(update.expressions) > 1:
            self._one_after_the_other(update, table)
        if any(calls.of(update)) or update.args.get("limit"):
            self._by_row(update, table, marked)
        else:
            for each in update.expressions:
                if each.this.table:
                    each.this.set("table", None)
            dialect.query(update)
            self._session.queries.texts_as_numbers(update)
        return self._counted(update)

    def _one_after_the_other(self, update: exp.Update, table: exp.Table) -> None:
        """SET a = 1, b = a: MySQL's second a is the new one, and DuckDB's the old one."""
        kinds = {name.lower(): kind for name, kind in self._session.queries.described(table)}
        new: dict[str, exp.Expr] = {}
        for each in update.expressions:
            for column in list(each.expression.find_all(exp.Column)):
                name, is_own = column.name.lower(), column.table in ("", table.alias_or_name)
                if name in new and is_own and column.find_ancestor(exp.Select) is None:
                    column.replace(exp.cast(new[name].copy(), kinds[name], dialect="duckdb"))
            if each.this.name.lower() in kinds:
                new[each.this.name.lower()] = each.expression

    def _by_row(self, update: exp.Update, table: exp.Table, marked: Marked) -> None:
        """UPDATE t SET c = f(a) WHERE w, from the rows that SELECT rowid, f(a) FROM t WHERE w gives."""
        select = exp.select(exp.alias_(exp.column("rowid"), "tiffin_row"), dialect="mysql")
        for i, each in enumerate(update.expressions):
            select.select(exp.alias_(each.expression.copy(), f"tiffin_v{i}"), copy=False)
        ready = self._rows(select, update, table, marked)
        for i, each in enumerate(update.expressions):
            column = exp.column(each.this.name, quoted=True)
            each.replace(exp.EQ(this=column, expression=exp.column(f"tiffin_v{i}", "tiffin_new")))
        for part in ("where", "order", "limit"):
            update.set(part, None)
        bare = table.copy()
        bare.set("alias", None)
        update.set("this", bare)
        update.set(
            "from_", exp.From(this=exp.Subquery(this=ready, alias=exp.TableAlias(this=exp.to_identifier("tiffin_new"))))
        )
        row = exp.column("rowid", bare.name)
        update.set("where", exp.Where(this=exp.EQ(this=row, expression=exp.column("tiffin_row", "tiffin_new"))))

    def _rows(self, select: exp.Select, statement: exp.Expr, table: exp.Table, marked: Marked) -> exp.Expr:
        select.from_(table.copy(), copy=False)
        for part in ("where", "order", "limit"):
            if found := statement.args.get(part):
                select.set(part, found.copy())
        return self._session.queries.ready(select, marked)

    def _delete(self, delete: exp.Delete, marked: Marked) -> Result:
        table = delete.this
        if delete.args.get("tables") or delete.args.get("using") or not isinstance(table, exp.Table):
            raise not_here("DELETE from several tables")
        self._session.check_tables(delete, "DELETE", table)
        if any(calls.of(delete)) or delete.args.get("limit"):
            select = exp.select(exp.alias_(exp.column("rowid"), "tiffin_row"))
            ready = self._rows(select, delete, table, marked)
            for part in ("order", "limit"):
                delete.set(part, None)
            inside = exp.In(this=exp.column("rowid"), query=exp.Subquery(this=ready))
            delete.set("where", exp.Where(this=inside))
        else:
            dialect.query(delete)
            self._session.queries.texts_as_numbers(delete)
        return self._counted(delete)

    def _counted(self, statement: exp.Expr) -> Result:
        rows = self._session.connection.execute(statement.sql("duckdb")).fetchall()
        return Result(affected=rows[0][0] if rows else 0)

    def _truncate(self, statement: exp.TruncateTable) -> Result:
        tables = [each for each in statement.expressions if isinstance(each, exp.Table)]
        self._session.check_tables(statement, "DROP", *tables)
        for table in tables:
            self._session.connection.execute(f"DELETE FROM {table.sql('duckdb', identify=True)}")
        return Result()

    # tables

    def _create(self, create: exp.Create, marked: Marked) -> Result:
        session, kind = self._session, create.kind
        named = create.this.this if isinstance(create.this, exp.Schema) else create.this
        if kind == "INDEX":
            return self._index(create)
        if kind not in ("TABLE", "VIEW") or not isinstance(named, exp.Table):
            raise not_here(f"CREATE {kind}")
        session.check_tables(create, "CREATE" if kind == "TABLE" else "CREATE VIEW", named)
        source = create.expression
        if kind == "VIEW":
            if any(calls.of(create)):
                raise not_here("a view with a SageMaker function")
            dialect.query(create)
            session.connection.execute(create.sql("duckdb"))
            return Result()
        if self._exists(named):
            if create.args.get("exists"):
                session.warnings = [("Note", 1050, f"Table '{named.name}' already exists")]
                return Result()
            raise SqlError(1050, f"Table '{named.name}' already exists")
        is_temporary = create.find(exp.TemporaryProperty) is not None  # and so is its counter
        table = dialect.columns_of(create, self._sequence(named, is_temporary=is_temporary))
        if isinstance(source, exp.Query):
            if table.columns:
                raise not_here("CREATE TABLE with columns and SELECT; give the columns by CAST")
            create.set("expression", session.queries.ready(source, marked))
        for each in table.sequences:
            session.connection.execute(f"CREATE {'TEMP ' * is_temporary}SEQUENCE {each}")
        rows = session.connection.execute(create.sql("duckdb")).fetchall()
        self._declare(named, table.columns)
        count = rows[0][0] if rows and source else 0
        return Result(affected=count, info=_info(count) if source else "")

    def _sequence(self, named: exp.Table, *, is_temporary: bool) -> str:
        """A new name."""
        name = types.quoted(f"tiffin_{secrets.token_hex(8)}_{named.name}")
        return name if is_temporary else f"{types.quoted(named.db or self._session.name or '')}.{name}"

    def _declare(self, named: exp.Table, columns: Sequence[tuple[str, SqlType]]) -> None:
        """MySQL's types, which DuckDB has no other place for."""
        where = named.sql("duckdb", identify=True)
        for column, kind in columns:
            self._session.connection.execute(
                f"COMMENT ON COLUMN {where}.{types.quoted(column)} IS {types.literal(kind.declared)}"
            )

    def _index(self, create: exp.Create) -> Result:
        table = create.this.args.get("table")
        self._session.check_tables(create, "INDEX", table)
        for ordered in list(create.find_all(exp.Ordered)):
            ordered.replace(ordered.this)
        self._session.connection.execute(create.sql("duckdb"))
        return Result()

    def _change(self, statement: exp.Drop | exp.Alter) -> Result:
        kind = statement.args.get("kind")
        if kind not in ("TABLE", "VIEW", "INDEX"):
            raise not_here(f"{statement.key.upper()} {kind}")
        tables = [
            each for each in statement.find_all(exp.Table) if each.find_ancestor(exp.Drop, exp.Alter) is statement
        ]
        self._session.check_tables(statement, statement.key.upper(), *tables)
        added: tuple[tuple[str, SqlType], ...] = ()
        if isinstance(statement, exp.Alter):
            added = dialect.altered(statement)
        elif kind == "TABLE" and not statement.args.get("exists") and not self._exists(tables[0]):
            raise SqlError(1051, f"Unknown table '{tables[0].db or self._session.name}.{tables[0].name}'")
        else:
            dialect.dropped(statement)
        autos = [auto for table in tables if kind == "TABLE" and (auto := self._automatic(table))]
        for each in _one_by_one(statement):
            self._session.connection.execute(each.sql("duckdb"))
        self._declare(tables[0], added)
        for auto in autos if isinstance(statement, exp.Drop) else ():
            self._session.connection.execute(f"DROP SEQUENCE {auto.sequence.sql('duckdb', identify=True)}")
        return Result()

    def database(self, words: Words) -> Result:
        session = self._session
        is_create = words.accept("CREATE")
        if not is_create:
            words.expect("DROP")
        if not words.accept("DATABASE"):
            words.expect("SCHEMA")
        is_needed = not (words.accept("IF", "NOT", "EXISTS") or words.accept("IF", "EXISTS"))
        name = words.name()
        privilege = "CREATE" if is_create else "DROP"
        if name.lower() in HIDDEN or name == "information_schema" or not session.user.has(privilege, Scope(name)):
            raise SqlError(1044, f"Access denied for user '{session.user.name}'@'%' to database '{name}'")
        session.implicit_commit()
        there = session.shared.has(name)
        if is_create and there and is_needed:
            raise SqlError(1007, f"Can't create database '{name}'; database exists")
        if not is_create and not there:
            if is_needed:
                raise SqlError(1008, f"Can't drop database '{name}'; database doesn't exist")
            return Result()
        if is_create and not there:
            session.connection.execute(f"CREATE SCHEMA {types.quoted(name)}")
            return Result(affected=1)
        if not is_create:
            session.leave(name)
            session.connection.execute(f"DROP SCHEMA {types.quoted(name)} CASCADE")
            session.shared.catalog.drop_database(name)
        return Result()

    # files

    def load(self, wanted: load.Load, data: bytes) -> Result:
        session = self._session
        table = wanted.table
        database = chosen(table.db or session.name)
        session.check_tables(table, "INSERT", table)
        accounts.check_table(session.user, "INSERT", database, table.name)
        return load.run(session.connection, wanted, self.keys_of(table), data)

    # what DuckDB knows of a table

    def _exists(self, table: exp.Table) -> bool:
        return bool(
            self._asked(table, "duckdb_tables()", "1") or self._asked(table, "duckdb_views()", "1", "view_name")
        )

    def keys_of(self, table: exp.Table) -> Keys:
        what, which = "constraint_type, constraint_column_names", "constraint_type IN ('PRIMARY KEY', 'UNIQUE')"
        found = [(kind, tuple(key)) for kind, key in self._asked(table, "duckdb_constraints()", what, more=which)]
        primary = next((key for kind, key in found if kind == "PRIMARY KEY"), ())
        others = tuple(key for kind, key in found if kind == "UNIQUE")
        return Keys(tuple(self._session.queries.columns(table)), primary, others, self._automatic(table))

    def _automatic(self, table: exp.Table) -> Auto | None:
        what, which = "column_name, column_default", "column_default LIKE 'nextval(%'"
        found = self._asked(table, "duckdb_columns()", what, more=which)
        return Auto(*map(str, found[0])) if found else None

    def _asked(
        self, table: exp.Table, source: str, what: str, column: str = "table_name", more: str = "true"
    ) -> list[tuple[Any, ...]]:
        return self._session.connection.execute(
            f"SELECT {what} FROM {source} WHERE lower({column}) = lower(?) AND {more} "
            "AND (schema_name = ? OR (database_name = 'temp' AND schema_name = 'main'))",
            [table.name, table.db or self._session.name],
        ).fetchall()


def _one_by_one(statement: exp.Drop | exp.Alter) -> list[exp.Expr]:
    """DROP TABLE a, b: DuckDB drops one at a time."""
    tables = statement.args.get("tables") or []
    if len(tables) < 2:  # noqa: PLR2004
        return [statement]
    found: list[exp.Expr] = []
    for table in tables:
        one = statement.copy()
        one.set("tables", [table.copy()])
        found.append(one)
    return found


def _info(count: int) -> str:
    return f"Records: {count}  Duplicates: 0  Warnings: 0"
