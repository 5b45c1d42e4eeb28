"""Prepared statements: parameters in the text, and their bytes as literals."""

import io
import struct

import pytest
from mysql_mimic.charset import CharacterSet
from mysql_mimic.types import ColumnType

from local_test.sql.errors import SqlError
from local_test.sql.prepared import Prepared, literals

UTF8 = CharacterSet.utf8mb4
LONG = b"\x01\xff"  # the text's length, and its bytes


@pytest.mark.parametrize(
    ("sql", "count"),
    [
        ("SELECT ?", 1),
        ("SELECT ?, \"it's ?\", 'x\\'?', '''?', `a?b`, ? -- ?", 2),
        ("SELECT /* ? it's */ ? # ?", 1),
        ("INSERT INTO t VALUES (?,?),(?,?)", 4),
        ("SELECT 1", 0),
    ],
)
def test_where_the_parameters_are(sql: str, count: int) -> None:
    found = Prepared.of(1, sql)
    assert (found.num_params, found.filled(["?"] * count)) == (count, sql)


def test_text_without_an_end_is_1064() -> None:
    with pytest.raises(SqlError) as caught:
        Prepared.of(1, "SELECT 'x")
    assert caught.value.code == 1064


@pytest.mark.parametrize(
    ("kind", "flags", "data", "literal"),
    [
        (ColumnType.TINY, 0, b"\xfb", "-5"),
        (ColumnType.TINY, 0x80, b"\xfb", "251"),
        (ColumnType.SHORT, 0, struct.pack("<h", -300), "-300"),
        (ColumnType.YEAR, 0x80, struct.pack("<H", 2020), "2020"),
        (ColumnType.LONG, 0, struct.pack("<i", -70000), "-70000"),
        (ColumnType.LONGLONG, 0x80, b"\xff" * 8, "18446744073709551615"),
        (ColumnType.FLOAT, 0, struct.pack("<f", 1.5), "1.5"),
        (ColumnType.DOUBLE, 0, struct.pack("<d", 1e20), "1e+20"),
        (ColumnType.DATE, 0, b"\x04\xe4\x07\x01\x02", "'2020-01-02'"),
        (ColumnType.DATE, 0, b"\x00", "'0000-00-00'"),
        (ColumnType.DATETIME, 0, b"\x07\xe4\x07\x01\x02\x03\x04\x05", "'2020-01-02 03:04:05'"),
        (ColumnType.TIMESTAMP, 0, b"\x0b\xe4\x07\x01\x02\x03\x04\x05\x06\0\0\0", "'2020-01-02 03:04:05.000006'"),
        (ColumnType.TIME, 0, b"\x08\x00\0\0\0\0\x05\x06\x07", "'05:06:07'"),
        (ColumnType.TIME, 0, b"\x0c\x01\x01\0\0\0\x05\x06\x07\x08\0\0\0", "'-29:06:07.000008'"),
        (ColumnType.TIME, 0, b"\x00", "'00:00:00'"),
        (ColumnType.NEWDECIMAL, 0, b"\x041.50", "'1.50'"),
        (ColumnType.VAR_STRING, 0, b"\x07it's \\x", "'it''s \\\\x'"),
        (ColumnType.BLOB, 0, b"\x06\xed\x95\x9c\xea\xb8\x80", "'한글'"),
        (ColumnType.BLOB, 0, LONG, "x'ff'"),
        (ColumnType.STRING, 0, LONG, "x'ff'"),
        (ColumnType.NULL, 0, b"", "NULL"),
    ],
)
def test_a_parameter_as_a_literal(kind: ColumnType, flags: int, data: bytes, literal: str) -> None:
    prepared = Prepared.of(1, "SELECT ?, ?")
    head = b"\0\1" + bytes([kind, flags]) + bytes([ColumnType.TINY, 0])
    for sent in (head, b"\0\0"):  # the types come with the first execution only
        found = literals(prepared, io.BytesIO(sent + data + b"\x07"), 2, UTF8, are_named=False)
        assert found == [literal, "7"]
    assert literals(prepared, io.BytesIO(b"\1\0\x07"), 2, UTF8, are_named=False) == ["NULL", "7"]


def test_what_came_ahead_is_taken() -> None:
    prepared = Prepared.of(1, "SELECT ?, ?")
    prepared.param_buffers = {0: bytearray(b"long")}
    sent = b"\0\1" + bytes([ColumnType.BLOB, 0, ColumnType.TINY, 0]) + b"\x07"
    assert literals(prepared, io.BytesIO(sent), 2, UTF8, are_named=False) == ["'long'", "7"]


def test_query_attributes_come_last_and_are_no_parameters() -> None:
    prepared = Prepared.of(1, "SELECT ?")
    sent = b"\0\1" + bytes([ColumnType.TINY, 0, 0]) + bytes([ColumnType.TINY, 0, 1]) + b"n" + b"\x07\x08"
    assert literals(prepared, io.BytesIO(sent), 2, UTF8, are_named=True) == ["7"]


@pytest.mark.parametrize(("sent", "code"), [(b"\0\0\x07", 1210), (b"\0\1" + bytes([ColumnType.GEOMETRY, 0]), 1235)])
def test_what_is_not_taken(sent: bytes, code: int) -> None:
    with pytest.raises(SqlError) as caught:
        literals(Prepared.of(1, "SELECT ?"), io.BytesIO(sent), 1, UTF8, are_named=False)
    assert caught.value.code == code
