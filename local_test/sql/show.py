"""SHOW, of what a client asks for."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from local_test.sql import accounts, function, grants, types
from local_test.sql.accounts import Scope
from local_test.sql.database import HIDDEN
from local_test.sql.errors import NO_FUNCTION, NO_TABLE, SqlError, chosen, not_here
from local_test.sql.keys import Keys
from local_test.sql.result import Result, of_texts
from local_test.sql.variables import ROWS_NOW, like
from local_test.sql.words import Words

if TYPE_CHECKING:
    from local_test.sql.session import Session

_CHARSETS = ("utf8mb4", "utf8mb4_0900_ai_ci", "utf8mb4_0900_ai_ci")


def is_one(words: Words) -> bool:
    return words.starts("SHOW")


def run(session: "Session", words: Words) -> Result:
    words.expect("SHOW")
    for name, show in _KINDS.items():
        if words.accept(*name.split()):
            return show(session, words)
    raise not_here("SHOW " + (words.until().split() or ["(nothing)"])[0].upper())


def _pattern(words: Words) -> str:
    pattern = words.text() if words.accept("LIKE") else "%"
    if words.starts("WHERE"):
        raise not_here("SHOW ... WHERE")
    words.end()
    return pattern


def _status(session: "Session", words: Words) -> Result:
    matches = like(_pattern(words)).fullmatch
    found = session.shared.counters.all().items()
    return of_texts(("Variable_name", "Value"), [(name, str(count)) for name, count in found if matches(name)])


def _variables(session: "Session", words: Words) -> Result:
    matches = like(_pattern(words)).fullmatch
    rows = [(name, _told(value)) for name, value in session.variables.list() if matches(name)]
    return of_texts(("Variable_name", "Value"), rows)


def _told(value: object) -> str:
    if isinstance(value, bool):
        return "ON" if value else "OFF"
    return "" if value is None else str(value)


def _databases(session: "Session", words: Words) -> Result:
    matches, user = like(_pattern(words)).fullmatch, session.user
    names = [name for name in session.shared.names() if matches(name)]
    seen = [
        n
        for n in names
        if user.is_admin or n == "information_schema" or any(g.scope.database in ("*", n) for g in user.grants)
    ]
    return of_texts(("Database",), [(name,) for name in seen])


def _tables(session: "Session", words: Words, *, full: bool = False) -> Result:
    database = _database(session, words)
    matches = like(_pattern(words)).fullmatch
    found = session.connection.execute(
        "SELECT table_name, 'BASE TABLE' FROM duckdb_tables() WHERE schema_name = $1 UNION ALL "
        "SELECT view_name, 'VIEW' FROM duckdb_views() WHERE schema_name = $1 ORDER BY 1",
        [database],
    ).fetchall()
    rows = [row if full else row[:1] for row in found if matches(row[0])]
    return of_texts((f"Tables_in_{database}", "Table_type")[: 2 if full else 1], rows)


def _full(session: "Session", words: Words) -> Result:
    if words.accept("TABLES"):
        return _tables(session, words, full=True)
    if words.accept("COLUMNS") or words.accept("FIELDS"):
        rows = [(*r[:2], None, *r[2:], "select,insert,update,references", "") for r in _columns(session, words).rows]
        columns = ("Field", "Type", "Collation", "Null", "Key", "Default", "Extra", "Privileges", "Comment")
        return of_texts(columns, rows)
    words.expect("PROCESSLIST")
    return _processes(session, words)


def _processes(session: "Session", words: Words) -> Result:
    words.end()
    columns = ("Id", "User", "Host", "db", "Command", "Time", "State", "Info")
    return of_texts(columns, [(session.number, session.user_name, "localhost", session.name, "Query", 0, "", None)])


def _columns(session: "Session", words: Words) -> Result:
    database, name = _table(session, words)
    return columns_of(session, database, name, _pattern(words))


def _table(session: "Session", words: Words) -> tuple[str, str]:
    """FROM table FROM database."""
    if not words.accept("FROM"):
        words.expect("IN")
    database, name = words.qualified(session.name)
    if words.accept("FROM") or words.accept("IN"):
        database = words.name()
    return chosen(database), name


def columns_of(session: "Session", database: str, name: str, pattern: str) -> Result:
    """What DESCRIBE shows of a table."""
    rows = _described(session, database, name)
    matches = like(pattern).fullmatch
    return of_texts(("Field", "Type", "Null", "Key", "Default", "Extra"), [row for row in rows if matches(row[0])])


def _described(session: "Session", database: str, name: str) -> list[tuple[Any, ...]]:
    where = "lower(table_name) = lower($1) AND (schema_name = $2 OR (database_name = 'temp' AND schema_name = 'main'))"
    columns = session.connection.execute(
        "SELECT column_name, COALESCE(comment, ''), data_type, is_nullable, column_default FROM duckdb_columns() "
        f"WHERE {where} ORDER BY column_index",
        [name, database],
    ).fetchall()
    if not columns or database.lower() in HIDDEN:
        raise SqlError(NO_TABLE, f"Table '{database}.{name}' doesn't exist")
    accounts.check_table(session.user, "SELECT", database, name)
    known = _keys(session, database, name)
    keys = {each: "UNI" for key in known.others for each in key} | dict.fromkeys(known.primary, "PRI")
    found = []
    for column, declared, kind, nullable, default in columns:
        key = keys.get(column, "")
        null = "YES" if nullable and key != "PRI" else "NO"
        found.append((column, declared or types.shown(kind), null, key, *_default(default)))
    return found


def _default(duck: str | None) -> tuple[str | None, str]:
    """And what Extra says."""
    if (duck or "").startswith("nextval("):
        return None, "auto_increment"
    return ("CURRENT_TIMESTAMP", "DEFAULT_GENERATED") if duck == ROWS_NOW else (duck, "")


def _keys(session: "Session", database: str, name: str) -> Keys:
    """Without the session's own database before it a temporary table is found."""
    return session.writes.keys_of(exp.table_(name, None if database == session.name else database, quoted=True))


def _index(session: "Session", words: Words) -> Result:
    database, name = _table(session, words)
    words.end()
    null = {row[0]: "YES" if row[2] == "YES" else "" for row in _described(session, database, name)}
    known = _keys(session, database, name)
    columns = ("Table", "Non_unique", "Key_name", "Seq_in_index", "Column_name", "Collation", "Cardinality", "Sub_part",
               "Packed", "Null", "Index_type", "Comment", "Index_comment", "Visible", "Expression")  # fmt: skip
    rows = [
        (name, 0, "PRIMARY" if key == known.primary else key[0], place, column, "A", None, None, None, null[column],
         "BTREE", "", "", "YES", None)
        for key in known.unique
        for place, column in enumerate(key, 1)
    ]  # fmt: skip
    return of_texts(columns, rows)


def _create_table(session: "Session", words: Words) -> Result:
    database, name = words.qualified(session.name)
    words.end()
    rows = _described(session, chosen(database), name)
    lines = []
    for column, kind, null, _, default, extra in rows:
        parts = [types.backticked(column), kind]
        parts += ["NOT NULL"] if null == "NO" else []
        parts += [f"DEFAULT {default}"] if default else ["AUTO_INCREMENT"] if extra == "auto_increment" else []
        lines.append("  " + " ".join(parts))
    known = _keys(session, chosen(database), name)
    for key in known.unique:
        head = "PRIMARY KEY" if key == known.primary else f"UNIQUE KEY {types.backticked(key[0])}"
        lines.append(f"  {head} ({','.join(map(types.backticked, key))})")
    body = ",\n".join(lines)
    text = f"CREATE TABLE {types.backticked(name)} (\n{body}\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"
    return of_texts(("Table", "Create Table"), [(name, text)])


def _create_function(session: "Session", words: Words) -> Result:
    database, name = words.qualified(session.name)
    words.end()
    found = session.shared.catalog.function(database, name)
    if found is None or not _may_see(session, found):
        raise SqlError(NO_FUNCTION, f"FUNCTION {name} does not exist")
    columns = (
        "Function",
        "sql_mode",
        "Create Function",
        "character_set_client",
        "collation_connection",
        "Database Collation",
    )
    return of_texts(columns, [(found.name, session.variables["sql_mode"], function.create_text(found), *_CHARSETS)])


def _function_status(session: "Session", words: Words) -> Result:
    if words.accept("WHERE"):
        words.expect("DB", "=")
        wanted, pattern = words.text(), "%"
        words.end()
    else:
        wanted, pattern = "", _pattern(words)
    matches = like(pattern).fullmatch
    columns = ("Db", "Name", "Type", "Definer", "Modified", "Created", "Security_type", "Comment",
               "character_set_client", "collation_connection", "Database Collation")  # fmt: skip
    rows = [
        (each.database, each.name, "FUNCTION", each.definer, each.created, each.created, each.security, "", *_CHARSETS)
        for each in session.shared.catalog.functions()
        if matches(each.name) and each.database == (wanted or each.database) and _may_see(session, each)
    ]
    return of_texts(columns, rows)


def _may_see(session: "Session", found: function.Function) -> bool:
    return session.user.has("EXECUTE", Scope(found.database, found.name, is_function=True))


def _grants(session: "Session", words: Words) -> Result:
    user = session.user
    if words.accept("FOR") and not words.accept("CURRENT_USER"):
        name, _, host = function.user(words).rpartition("@")
        found = session.shared.catalog.user(name)
        if name != user.name:
            accounts.check_admin(user, "SELECT")
        if found is None:
            raise SqlError(1141, f"There is no such grant defined for user '{name}' on host '{host}'")
        user = found
    return of_texts((f"Grants for {user.name}@{user.host}",), [(line,) for line in grants.shown(user)])


def _warnings(session: "Session", words: Words) -> Result:
    if words.accept("LIMIT"):
        words.until()
    words.end()
    return of_texts(("Level", "Code", "Message"), session.warnings)


def _errors(session: "Session", words: Words) -> Result:
    if words.accept("LIMIT"):
        words.until()
    rows = [row for row in session.warnings if row[0] == "Error"]
    return of_texts(("Level", "Code", "Message"), rows)


def _empty(*columns: str) -> Callable[["Session", Words], Result]:
    def show(_session: "Session", words: Words) -> Result:
        words.until()
        return of_texts(columns, [])

    return show


def _engines(_session: "Session", words: Words) -> Result:
    words.end()
    columns = ("Engine", "Support", "Comment", "Transactions", "XA", "Savepoints")
    return of_texts(columns, [("InnoDB", "DEFAULT", "DuckDB, in its place", "YES", "NO", "NO")])


def _database(session: "Session", words: Words) -> str:
    if words.accept("FROM") or words.accept("IN"):
        name = words.name()
        if not session.shared.has(name):
            raise SqlError(1049, f"Unknown database '{name}'")
        accounts.check_database(session.user, name)
        return name
    return chosen(session.name)


_KINDS: dict[str, Callable[["Session", Words], Result]] = {
    "GLOBAL STATUS": _status,
    "SESSION STATUS": _status,
    "STATUS": _status,
    "GLOBAL VARIABLES": _variables,
    "SESSION VARIABLES": _variables,
    "VARIABLES": _variables,
    "DATABASES": _databases,
    "SCHEMAS": _databases,
    "FULL": _full,
    "TABLES": _tables,
    "PROCESSLIST": _processes,
    "COLUMNS": _columns,
    "FIELDS": _columns,
    "CREATE TABLE": _create_table,
    "CREATE FUNCTION": _create_function,
    "FUNCTION STATUS": _function_status,
    "PROCEDURE STATUS": _empty("Db", "Name", "Type", "Definer", "Modified", "Created"),
    "GRANTS": _grants,
    "WARNINGS": _warnings,
    "ERRORS": _errors,
    "ENGINES": _engines,
    "PLUGINS": _empty("Name", "Status", "Type", "Library", "License"),
    "COLLATION": _empty("Collation", "Charset", "Id", "Default", "Compiled", "Sortlen"),
    "TRIGGERS": _empty("Trigger", "Event", "Table", "Statement", "Timing"),
    "EVENTS": _empty("Db", "Name", "Definer"),
    "TABLE STATUS": _empty("Name", "Engine", "Version"),
    "INDEX": _index,
    "INDEXES": _index,
    "KEYS": _index,
}
