"""Prepared statements: where the parameters of a text are, and their values as literals.

mysql-mimic finds them by counting quotes, wants their types with each execution, and reads no DATE, TIME or bytes.
"""

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mysql_mimic.charset import CharacterSet
from mysql_mimic.results import NullBitmap
from mysql_mimic.types import ColumnType, read_str_len, read_uint_1, read_uint_4
from sqlglot import TokenType, tokenize
from sqlglot.errors import TokenError

from local_test.sql.errors import SqlError, near

_TEXTS = frozenset({
    ColumnType.VARCHAR, ColumnType.VAR_STRING, ColumnType.STRING, ColumnType.DECIMAL, ColumnType.NEWDECIMAL,
    ColumnType.ENUM, ColumnType.SET, ColumnType.JSON, ColumnType.BLOB, ColumnType.TINY_BLOB, ColumnType.MEDIUM_BLOB,
    ColumnType.LONG_BLOB, ColumnType.BIT,
})  # fmt: skip
_NUMBERS = {  # signed; upper case is unsigned
    ColumnType.TINY: "b",
    ColumnType.BOOL: "b",
    ColumnType.SHORT: "h",
    ColumnType.YEAR: "h",
    ColumnType.LONG: "i",
    ColumnType.INT24: "i",
    ColumnType.LONGLONG: "q",
}
_FLOATS = {ColumnType.FLOAT: "f", ColumnType.DOUBLE: "d"}
_DATES = frozenset({ColumnType.DATE, ColumnType.DATETIME, ColumnType.TIMESTAMP})
Type = tuple[ColumnType, bool]  # and whether it is unsigned


@dataclass
class Prepared:
    """With the names of mysql-mimic's own."""

    stmt_id: int
    sql: str
    num_params: int
    parts: tuple[str, ...]  # the text around the parameters
    param_buffers: dict[int, bytearray] | None = None
    cursor: None = None
    types: tuple[Type, ...] = ()  # of the last execution: a client sends them once

    @classmethod
    def of(cls, number: int, sql: str) -> "Prepared":
        """Raises SqlError 1064 for text without an end."""
        try:
            tokens = tokenize(sql, read="mysql")
        except TokenError:
            raise near(sql, 0) from None
        places = [token.start for token in tokens if token.token_type == TokenType.PLACEHOLDER and token.text == "?"]
        begins, ends = [0, *(place + 1 for place in places)], [*places, len(sql)]
        parts = tuple(sql[begin:end] for begin, end in zip(begins, ends, strict=True))
        return cls(number, sql, len(places), parts)

    def filled(self, values: Sequence[str]) -> str:
        """The text with these literals in the parameters' places."""
        return "".join(part + value for part, value in zip(self.parts, [*values, ""], strict=True))


def literals(
    prepared: Prepared, reader: io.BytesIO, count: int, charset: CharacterSet, *, are_named: bool
) -> list[str]:
    """The parameters' from behind the head of COM_STMT_EXECUTE. `count`: with query attributes, which come last."""
    if not count:
        return []
    nulls = NullBitmap.from_buffer(reader, count)
    if read_uint_1(reader):
        prepared.types = tuple(_type(reader, are_named=are_named) for _ in range(count))
    if len(prepared.types) < count:
        raise SqlError(1210, "Incorrect arguments to mysqld_stmt_execute")
    long = prepared.param_buffers or {}  # what came ahead
    found = []
    for number, (kind, is_unsigned) in enumerate(prepared.types[:count]):
        if nulls.is_flipped(number):
            found.append("NULL")
        elif number in long:
            found.append(_text(bytes(long[number]), charset))
        else:
            found.append(_literal(reader, kind, charset, is_unsigned=is_unsigned))
    return found[: prepared.num_params]


def _type(reader: io.BytesIO, *, are_named: bool) -> Type:
    kind, flags = ColumnType(read_uint_1(reader)), read_uint_1(reader)
    if are_named:
        read_str_len(reader)
    return kind, bool(flags & 0x80)


def _literal(reader: io.BytesIO, kind: ColumnType, charset: CharacterSet, *, is_unsigned: bool) -> str:
    if kind in _NUMBERS:
        return str(_unpacked(reader, _NUMBERS[kind].upper() if is_unsigned else _NUMBERS[kind]))
    if kind in _FLOATS:
        return repr(_unpacked(reader, _FLOATS[kind]))
    if kind in _DATES:
        return f"'{_date(reader)}'"
    if kind == ColumnType.TIME:
        return f"'{_time(reader)}'"
    if kind in _TEXTS:
        return _text(read_str_len(reader), charset)
    if kind == ColumnType.NULL:
        return "NULL"
    raise SqlError(1235, f"This version of MySQL doesn't yet support 'a parameter of type {kind.name}'")


def _unpacked(reader: io.BytesIO, code: str) -> Any:
    return struct.unpack(f"<{code}", reader.read(struct.calcsize(f"<{code}")))[0]


def _date(reader: io.BytesIO) -> str:
    size = read_uint_1(reader)
    year, month, day = struct.unpack("<HBB", reader.read(4)) if size else (0, 0, 0)
    text = f"{year:04}-{month:02}-{day:02}"
    if size > 4:  # noqa: PLR2004
        text += " {:02}:{:02}:{:02}".format(*reader.read(3))
    return text + _fraction(reader, size > 7)  # noqa: PLR2004


def _time(reader: io.BytesIO) -> str:
    size = read_uint_1(reader)
    if not size:
        return "00:00:00"
    is_negative, days = read_uint_1(reader), read_uint_4(reader)
    hours, minutes, seconds = reader.read(3)
    text = f"{'-' * bool(is_negative)}{days * 24 + hours:02}:{minutes:02}:{seconds:02}"
    return text + _fraction(reader, size > 8)  # noqa: PLR2004


def _fraction(reader: io.BytesIO, is_there: bool) -> str:
    return f".{read_uint_4(reader):06}" if is_there else ""


def _text(data: bytes, charset: CharacterSet) -> str:
    """Whatever type it was sent as: clients send bytes as text, and text as blobs."""
    try:
        text = str(charset.decode(data))
    except UnicodeDecodeError:
        return f"x'{data.hex()}'"
    text = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{text}'"
