"""What is refused, by MySQL's numbers and words; and what DuckDB refuses, said in them."""

import re
from dataclasses import dataclass

import duckdb

STATES = {
    1044: "42000",
    1045: "28000",
    1046: "3D000",
    1048: "23000",
    1049: "42000",
    1050: "42S01",
    1051: "42S02",
    1052: "23000",
    1054: "42S22",
    1055: "42000",
    1062: "23000",
    1064: "42000",
    1065: "42000",
    1083: "42000",
    1109: "42S02",
    1136: "21S01",
    1141: "42000",
    1142: "42000",
    1146: "42S02",
    1148: "42000",
    1213: "40001",
    1227: "42000",
    1231: "42000",
    1235: "42000",
    1261: "01000",
    1262: "01000",
    1264: "22003",
    1292: "22007",
    1304: "42000",
    1305: "42000",
    1317: "70100",
    1318: "42000",
    1370: "42000",
    1406: "22001",
    1410: "42000",
    3530: "HY000",
    3948: "42000",
}
SYNTAX, NOT_HERE, UNKNOWN = 1064, 1235, 1105
NO_FUNCTION, NO_TABLE, NO_COLUMN = 1305, 1146, 1054
WRONG_VALUE, TOO_LONG, OUT_OF_RANGE, NO_DATE = 1366, 1406, 1264, 1292
INTERRUPTED = 1317
MARK = "tiffin_ml_call_"  # a call's name while it is not yet predicted


@dataclass
class SqlError(Exception):
    """One for the client: MySQL's number and a sentence."""

    code: int
    message: str

    def __str__(self) -> str:
        return self.message

    @property
    def state(self) -> str:
        return STATES.get(self.code, "HY000")


class NotHere(Exception):
    """Why the session cannot be opened at all; its text is for the user."""


def near(sql: str, position: int) -> SqlError:
    """MySQL's sentence for text that cannot be read from `position` on."""
    return SqlError(
        SYNTAX,
        "You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version for the "
        f"right syntax to use near '{sql[position:][:80]}' at line {sql.count(chr(10), 0, position) + 1}",
    )


def chosen(database: str | None) -> str:
    """The session's, or the one that a name has before it; raises SqlError where there is neither."""
    if database is None:
        raise SqlError(1046, "No database selected")
    return database


def not_here(what: str) -> SqlError:
    return SqlError(NOT_HERE, f"This version of MySQL doesn't yet support '{what}'")


def of_duckdb(error: duckdb.Error, database: str | None) -> SqlError:
    text = re.sub(r"^[A-Za-z ]+ Error: ", "", str(error).split("\n", maxsplit=1)[0])
    if MARK in text.lower():
        return not_here("a SageMaker function in this place")
    for kind, pattern, code, sentence in _SENTENCES:
        if isinstance(error, kind) and (found := re.search(pattern, text)):
            named = {name: value.strip('"') for name, value in found.groupdict().items() if value}
            return SqlError(code, sentence.format(**{"database": database, **named}))
    if isinstance(error, duckdb.PermissionException):
        return SqlError(
            1290, "The MySQL server is running with the --secure-file-priv option: SQL reaches no files here"
        )
    if isinstance(error, duckdb.InterruptException):
        return SqlError(INTERRUPTED, "Query execution was interrupted")
    if isinstance(error, duckdb.ParserException):
        return SqlError(SYNTAX, f"You have an error in your SQL syntax; {text}")
    return SqlError(UNKNOWN, text)


_CATALOG, _BINDER = duckdb.CatalogException, duckdb.BinderException
_CONSTRAINT, _CONVERSION = duckdb.ConstraintException, duckdb.ConversionException
_NAME = r'(?:[\w$]+\.)?"?(?P<name>[^"\s!]+)"?'
_FIELD = "Unknown column '{name}' in 'field list'"
_SENTENCES: tuple[tuple[type[duckdb.Error], str, int, str], ...] = (
    (_CATALOG, rf"Table with name {_NAME} does not exist", NO_TABLE, "Table '{database}.{name}' doesn't exist"),
    (_CATALOG, rf"(Table|View) with name {_NAME} already exists", 1050, "Table '{name}' already exists"),
    (_CATALOG, rf"Schema with name {_NAME} already exists", 1007, "Can't create database '{name}'; database exists"),
    (_CATALOG, rf"Schema with name {_NAME} does not exist", 1049, "Unknown database '{name}'"),
    (_CATALOG, rf"Function with name {_NAME} does not exist", NO_FUNCTION, "FUNCTION {database}.{name} does not exist"),
    (_CATALOG, rf"Existing object {_NAME} is of type", 1347, "'{database}.{name}' is of another kind"),
    (_BINDER, rf"Referenced column {_NAME} not found", NO_COLUMN, _FIELD),
    (_BINDER, rf"Referenced update column {_NAME} not found", NO_COLUMN, _FIELD),
    (_BINDER, rf"does not have a column (with name|named) {_NAME}", NO_COLUMN, _FIELD),
    (_BINDER, rf"Referenced table {_NAME} not found", 1109, "Unknown table '{name}' in field list"),
    (
        _BINDER,
        r"has \d+ columns (but \d+ values|available but)|name/value mismatch",
        1136,
        "Column count doesn't match value count at row 1",
    ),
    (
        _BINDER,
        r'column "(?P<name>[^"]+)" must appear in the GROUP BY',
        1055,
        "Expression of SELECT list is not in GROUP BY clause and contains nonaggregated column '{name}' which is not "
        "functionally dependent on columns in GROUP BY clause; this is incompatible with sql_mode=only_full_group_by",
    ),
    (_BINDER, r'Ambiguous reference to column name "(?P<name>[^"]+)"', 1052, "Column '{name}' is ambiguous"),
    (_CONSTRAINT, r'Duplicate key "(?:[^":,]+: )?(?P<what>[^"]+)"', 1062, "Duplicate entry '{what}' for key 'PRIMARY'"),
    (
        duckdb.TransactionException,  # at COMMIT, where another session was quicker
        r'constraint violation: duplicate key "(?P<what>[^"]+)"',
        1062,
        "Duplicate entry '{what}' for key 'PRIMARY'",
    ),
    (_CONSTRAINT, r"NOT NULL constraint failed: (?:[^.]+\.)?(?P<name>\S+)", 1048, "Column '{name}' cannot be null"),
    (_CONVERSION, r"convert string '(?P<what>.*)' to U?INT\d+", WRONG_VALUE, "Incorrect integer value: '{what}'"),
    (_CONVERSION, r"convert string '(?P<what>.*)' to [A-Z]+", WRONG_VALUE, "Incorrect double value: '{what}'"),
    (_CONVERSION, r"(date|timestamp) field|(date|timestamp).* format", NO_DATE, "Incorrect datetime value"),
    (_CONVERSION, r"with value (?P<what>\S+) can't be cast", OUT_OF_RANGE, "Out of range value: {what}"),
    (duckdb.OutOfRangeException, r"^(?P<what>.*)$", OUT_OF_RANGE, "Out of range value: {what}"),
    (duckdb.Error, r"cannot encode str as UTF-8", 1300, "Invalid utf8mb4 character string"),
    (
        duckdb.TransactionException,
        r"[Cc]onflict",
        1213,
        "Deadlock found when trying to get lock; try restarting transaction",
    ),
)
