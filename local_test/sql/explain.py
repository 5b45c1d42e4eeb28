"""EXPLAIN and DESCRIBE: of a table its columns, of a statement what Aurora's Extra says of its calls."""

from typing import TYPE_CHECKING

from sqlglot import exp

from local_test.sql import calls, materialise
from local_test.sql.errors import chosen, not_here
from local_test.sql.result import Result, of_texts
from local_test.sql.show import columns_of
from local_test.sql.words import Words

if TYPE_CHECKING:
    from local_test.sql.session import Session

BATCHED = "Batched machine learning"
_COLUMNS = ("id", "select_type", "table", "partitions", "type", "possible_keys", "key", "key_len", "ref", "rows",
            "filtered", "Extra")  # fmt: skip
_STATEMENTS = ("SELECT", "INSERT", "REPLACE", "UPDATE", "DELETE", "WITH", "(", "TABLE", "VALUES", "CREATE")


def is_one(words: Words) -> bool:
    return any(map(words.starts, ("EXPLAIN", "DESCRIBE", "DESC")))


def run(session: "Session", words: Words) -> Result:
    words.accept("EXPLAIN") or words.accept("DESCRIBE") or words.accept("DESC")
    if words.accept("FORMAT", "="):
        if not words.accept("TRADITIONAL"):
            raise not_here("EXPLAIN FORMAT other than TRADITIONAL")
    elif words.starts("ANALYZE"):
        raise not_here("EXPLAIN ANALYZE")
    else:
        words.accept("EXTENDED")
    if any(map(words.starts, _STATEMENTS)):
        return _plan(session, words.until())
    database, name = words.qualified(session.name)
    column = "" if words.is_over() else words.name()
    words.end()
    return columns_of(session, chosen(database), name, column or "%")


def _plan(session: "Session", text: str) -> Result:
    words = Words(text)
    marked = session.mark(f"INSERT {words.until()}" if words.accept("REPLACE") else text)
    statement = session.parse(marked.sql)
    session.check_tables(statement, "SELECT")
    session.queries.check_calls(statement, marked)
    rows: list[tuple[object, ...]] = []
    selects = list(statement.find_all(exp.Select))
    if not isinstance(statement, exp.Query) and not any(calls.own(select) for select in selects):
        table = statement.find(exp.Table)
        extra = BATCHED if any(calls.of(statement)) else None
        rows.append(_row(1, statement.key.upper(), table.alias_or_name if table else None, extra))
    for number, select in enumerate(selects, 1):
        kind = "SIMPLE" if len(selects) == 1 else "PRIMARY" if number == 1 else "SUBQUERY"
        own = calls.own(select)
        extras = ["Using where"] if select.args.get("where") else []
        if own and all(materialise.can_be_batched(select, call) for call in own):
            extras.append(BATCHED)
        tables = [table for table in select.find_all(exp.Table) if table.find_ancestor(exp.Select) is select]
        for table in tables:
            rows.append(_row(number, kind, table.alias_or_name, "; ".join(extras) or None, _count(session, table)))
        if not tables:
            rows.append(_row(number, kind, None, "; ".join([*extras, "No tables used"])))
    return of_texts(_COLUMNS, rows)


def _row(number: int, kind: str, table: str | None, extra: str | None, rows: int | None = None) -> tuple[object, ...]:
    scans = "ALL" if table else None
    return (number, kind, table, None, scans, None, None, None, None, rows, 100.0 if table else None, extra)


def _count(session: "Session", table: exp.Table) -> int | None:
    """About how many rows it has; None for what is no table."""
    found = session.connection.execute(
        "SELECT estimated_size FROM duckdb_tables() WHERE lower(table_name) = lower(?) AND schema_name = ?",
        [table.name, table.db or session.name],
    ).fetchall()
    return int(found[0][0]) if found else None
