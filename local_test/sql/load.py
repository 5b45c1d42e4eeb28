"""LOAD DATA LOCAL INFILE: a CSV of the client's into a table, by MySQL's rules of fields and lines, in strict mode."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa
from sqlglot import exp

from local_test.sql import fields, keys, types
from local_test.sql.errors import NO_DATE, OUT_OF_RANGE, WRONG_VALUE, SqlError, not_here
from local_test.sql.fields import Form
from local_test.sql.keys import Keys
from local_test.sql.result import Result
from local_test.sql.words import Words

_WORDS = {"TINYINT": "integer", "SMALLINT": "integer", "INTEGER": "integer", "BIGINT": "integer", "UTINYINT": "integer",
          "USMALLINT": "integer", "UINTEGER": "integer", "UBIGINT": "integer", "FLOAT": "double", "DOUBLE": "double",
          "DATE": "date", "TIMESTAMP": "datetime", "TIME": "time"}  # fmt: skip


_CHARSETS = frozenset({"utf8", "utf8mb3", "utf8mb4", "binary", "ascii"})


@dataclass(frozen=True)
class Load:
    path: str
    table: exp.Table
    columns: tuple[str, ...] = ()  # none: all of the table's; @x is a field to be passed over
    form: Form = field(default_factory=Form)
    skip: int = 0
    on_duplicate: str = "IGNORE"  # LOCAL's own way


def is_one(words: Words) -> bool:
    return words.starts("LOAD", "DATA")


def parse(words: Words) -> Load:
    words.expect("LOAD", "DATA")
    if words.accept("FROM"):
        raise not_here("LOAD DATA FROM S3")
    words.accept("LOW_PRIORITY") or words.accept("CONCURRENT")
    if not words.accept("LOCAL"):
        raise SqlError(
            1290,
            "The MySQL server is running with the --secure-file-priv option: LOAD DATA LOCAL INFILE reads the client's "
            "files",
        )
    words.expect("INFILE")
    path = words.text()
    on_duplicate = "REPLACE" if words.accept("REPLACE") else "IGNORE"
    words.accept("IGNORE")
    words.expect("INTO", "TABLE")
    database, name = words.qualified(None)
    table = exp.table_(name, database, quoted=True)
    if words.accept("CHARACTER", "SET") and words.name().lower() not in _CHARSETS:
        raise not_here("LOAD DATA in another character set than utf8mb4")
    form = _form(words)
    skip = 0
    if words.accept("IGNORE"):
        skip = words.number()
        if not words.accept("ROWS"):
            words.expect("LINES")
    columns = _columns(words)
    if words.starts("SET"):
        raise not_here("LOAD DATA ... SET")
    words.end()
    return Load(path, table, columns, form, skip, on_duplicate)


def _form(words: Words) -> Form:
    found: dict[str, str] = {}
    if words.accept("FIELDS") or words.accept("COLUMNS"):
        while True:
            if words.accept("TERMINATED", "BY"):
                found["separator"] = fields.unescaped(words.text())
            elif words.accept("OPTIONALLY", "ENCLOSED", "BY") or words.accept("ENCLOSED", "BY"):
                found["quote"] = fields.unescaped(words.text())
            elif words.accept("ESCAPED", "BY"):
                found["escape"] = fields.unescaped(words.text())
            else:
                break
    if words.accept("LINES"):
        if words.starts("STARTING"):
            raise not_here("LINES STARTING BY")
        words.expect("TERMINATED", "BY")
        found["line_end"] = fields.unescaped(words.text())
    form = Form(**found)
    if not form.separator or not form.line_end or len(form.quote) > 1 or len(form.escape) > 1:
        raise SqlError(1083, "Field separator argument is not what is expected; check the manual")
    return form


def _columns(words: Words) -> tuple[str, ...]:
    if not words.accept("("):
        return ()
    found = []
    while True:
        found.append(("@" if words.accept("@") else "") + words.name())
        if not words.accept(","):
            break
    words.expect(")")
    return tuple(found)


def run(connection: duckdb.DuckDBPyConnection, load: Load, known: Keys, data: bytes) -> Result:
    """Raises SqlError, and then nothing was loaded."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SqlError(1300, f"Invalid utf8mb4 character string: {data[error.start : error.start + 6]!r}") from None
    wanted = load.columns or known.columns
    there = {name.lower() for name in known.columns}
    unknown = [name for name in wanted if not name.startswith("@") and name.lower() not in there]
    if unknown:
        raise SqlError(1054, f"Unknown column '{unknown[0]}' in 'field list'")
    cells: list[list[str | None]] = [[] for _ in wanted]
    for number, record in enumerate(fields.records(load.form, text), 1 - load.skip):
        if number < 1:
            continue
        if len(record) < len(wanted):
            raise SqlError(1261, f"Row {number} doesn't contain data for all columns")
        if len(record) > len(wanted):
            raise SqlError(1262, f"Row {number} was truncated; it contained more data than there were input columns")
        for column, cell in zip(cells, record, strict=True):
            column.append(cell)
    kept = [(name, pa.array(column, pa.string())) for name, column in zip(wanted, cells, strict=True) if name[0] != "@"]
    view = "tiffin_load"
    connection.register(view, pa.table({f"c{i}": column for i, (_, column) in enumerate(kept)}))
    try:
        return _insert(connection, load, known, [name for name, _ in kept], view)
    finally:
        connection.unregister(view)


def _insert(connection: duckdb.DuckDBPyConnection, load: Load, known: Keys, names: Sequence[str], view: str) -> Result:
    table = load.table.sql("duckdb")
    columns = ", ".join(types.quoted(name) for name in names)
    kinds = [
        str(kind) for _, kind, *_ in connection.execute(f"SELECT {columns} FROM {table} LIMIT 0").description or ()
    ]
    for i, (name, kind) in enumerate(zip(names, kinds, strict=True)):
        wrong = connection.execute(
            f"SELECT c{i}, row, TRY_CAST(c{i} AS DOUBLE) IS NOT NULL "
            f"FROM (SELECT c{i}, row_number() OVER () AS row FROM {view}) "
            f"WHERE c{i} IS NOT NULL AND TRY_CAST(c{i} AS {kind}) IS NULL ORDER BY row LIMIT 1"
        ).fetchall()
        if wrong:
            raise _refused(kind, name, *wrong[0])
    place, auto = known.numbers(names), known.auto
    picked = [f"CAST(c{i} AS {kind})" for i, kind in enumerate(kinds)]
    if auto and place is not None:
        picked[place] = auto.number(picked[place])
    way = f" OR {load.on_duplicate}" if known.unique else ""
    [(count,)] = connection.execute(
        f"INSERT{way} INTO {table} ({columns}) SELECT {', '.join(picked)} FROM {view}"
    ).fetchall()
    [(total,)] = connection.execute(f"SELECT count(*) FROM {view}").fetchall()
    if auto and place is not None:
        keys.move_on(connection, auto, keys.top(connection, load.table, auto))
    return Result(affected=count, info=f"Records: {total}  Deleted: 0  Skipped: {total - count}  Warnings: 0")


def _refused(kind: str, column: str, value: str, row: int, is_number: bool) -> SqlError:
    word = _WORDS.get(kind, "decimal" if kind.startswith("DECIMAL") else kind.lower())
    where = f"for column '{column}' at row {row}"
    if is_number and word in ("integer", "decimal"):
        return SqlError(OUT_OF_RANGE, f"Out of range value {where}")
    code = NO_DATE if word in ("date", "datetime", "time") else WRONG_VALUE
    return SqlError(code, f"Incorrect {word} value: {types.literal(value)} {where}")
