"""MySQL's types, and DuckDB's in their place."""

from dataclasses import dataclass

from sqlglot import exp
from sqlglot.errors import ParseError

from local_test.sql.errors import SqlError, near

_T = exp.DataType.Type
_INTEGERS = {
    _T.TINYINT: "TINYINT",
    _T.UTINYINT: "UTINYINT",
    _T.SMALLINT: "SMALLINT",
    _T.USMALLINT: "USMALLINT",
    _T.MEDIUMINT: "INTEGER",
    _T.UMEDIUMINT: "UINTEGER",
    _T.INT: "INTEGER",
    _T.UINT: "UINTEGER",
    _T.BIGINT: "BIGINT",
    _T.UBIGINT: "UBIGINT",
    _T.BOOLEAN: "TINYINT",
    _T.YEAR: "SMALLINT",
}
_FLOATS = {_T.FLOAT: "FLOAT", _T.DOUBLE: "DOUBLE", _T.UDOUBLE: "DOUBLE"}
_DECIMALS = {_T.DECIMAL, _T.UDECIMAL}
_VARYING = {_T.VARCHAR, _T.CHAR, _T.NCHAR, _T.NVARCHAR}
_TEXTS = {_T.TEXT, _T.TINYTEXT, _T.MEDIUMTEXT, _T.LONGTEXT, _T.ENUM, _T.SET, _T.JSON}
_TIMES = {_T.DATE: "DATE", _T.DATETIME: "TIMESTAMP", _T.TIMESTAMP: "TIMESTAMP", _T.TIMESTAMPTZ: "TIMESTAMP",
          _T.TIME: "TIME"}  # fmt: skip
_BINARIES = {_T.BINARY, _T.VARBINARY, _T.BLOB, _T.TINYBLOB, _T.MEDIUMBLOB, _T.LONGBLOB}


@dataclass(frozen=True)
class SqlType:
    declared: str  # as MySQL shows it: bigint(20)
    duck: str  # what DuckDB is told
    word: str  # in MySQL's errors: integer, double, decimal, string, date, datetime, time
    length: int | None = None  # characters of a VARCHAR

    @property
    def is_number(self) -> bool:
        return self.word in ("integer", "double", "decimal")


def parse(text: str) -> SqlType:
    """Raises SqlError for what is no type of MySQL's."""
    try:
        kind = exp.DataType.build(text, dialect="mysql")
    except ParseError:
        raise near(text, 0) from None
    return of(kind)


def of(kind: exp.DataType) -> SqlType:
    declared = kind.sql("mysql").lower().replace(", ", ",")
    found = _numeric(kind, declared) or _other(kind, declared)
    if found is None:
        raise SqlError(1064, f"You have an error in your SQL syntax; there is no type {declared!r} here")
    return found


def _numeric(kind: exp.DataType, declared: str) -> SqlType | None:
    if kind.this in _INTEGERS:
        return SqlType(declared, _INTEGERS[kind.this], "integer")
    if kind.this in _FLOATS:
        return SqlType(declared, _FLOATS[kind.this], "double")
    if kind.this in _DECIMALS:
        precision, scale = (*_sizes(kind), 10)[:1] + (*_sizes(kind), 0, 0)[1:2]
        return SqlType(declared, f"DECIMAL({min(precision, 38)},{scale})", "decimal")
    return None


def _other(kind: exp.DataType, declared: str) -> SqlType | None:
    if kind.this in _VARYING:
        return SqlType(declared, "VARCHAR", "string", (*_sizes(kind), 1)[0])
    if kind.this in _TEXTS:
        return SqlType(declared, "VARCHAR", "string")
    if kind.this in _TIMES:
        return SqlType(declared, _TIMES[kind.this], "datetime" if _TIMES[kind.this] == "TIMESTAMP" else declared)
    if kind.this in _BINARIES:
        return SqlType(declared, "BLOB", "binary")
    return None


def _sizes(kind: exp.DataType) -> list[int]:
    return [int(each.name) for each in kind.expressions if each.name.isdecimal()]


_SHOWN = {
    "TINYINT": "tinyint",
    "SMALLINT": "smallint",
    "INTEGER": "int",
    "BIGINT": "bigint",
    "UTINYINT": "tinyint unsigned",
    "USMALLINT": "smallint unsigned",
    "UINTEGER": "int unsigned",
    "UBIGINT": "bigint unsigned",
    "HUGEINT": "decimal(38,0)",
    "FLOAT": "float",
    "DOUBLE": "double",
    "VARCHAR": "varchar(255)",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP": "datetime",
    "BLOB": "blob",
    "BOOLEAN": "tinyint(1)",
}


def shown(duck: str) -> str:
    """MySQL's name of a column's type, where none was declared."""
    return _SHOWN.get(duck, duck.lower())


def quoted(name: str) -> str:
    """For DuckDB."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def backticked(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
