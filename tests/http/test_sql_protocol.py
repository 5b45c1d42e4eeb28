"""`local_test sql` byte by byte: who is let in, prepared statements, character sets."""

import hashlib
import socket
from collections.abc import Iterator
from contextlib import closing

import pymysql
import pytest

from tests import localsql
from tests.localsql import PASSWORD, LocalSql


@pytest.fixture(scope="module")
def sql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSql]:
    with localsql.session(tmp_path_factory.mktemp("sql") / "data") as found:
        found.rows("CREATE TABLE t (u varchar(20), p varchar(20), s double)")
        found.rows("INSERT INTO t VALUES ('1', '2', 3), ('2', '3', NULL)")
        yield found


class Raw:
    """The protocol by hand."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        greeting = self.read()
        rest = greeting.partition(b"\0")[2][4:]  # behind the version and the connection's id
        self.nonce = rest[:8] + rest[27:39]

    def read(self) -> bytes:
        head = self._exactly(4)
        if not head:
            return b""
        self.sequence = head[3]
        return self._exactly(int.from_bytes(head[:3], "little"))

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                return b""
            data += part
        return data

    def send(self, payload: bytes, sequence: int | None = None) -> None:
        number = self.sequence + 1 if sequence is None else sequence
        for byte in len(payload).to_bytes(3, "little") + bytes([number]) + payload:
            self.socket.sendall(bytes([byte]))  # in the smallest of pieces

    def greet(self, plugin: bytes, scramble: bytes) -> None:
        flags = 0x0008_0000 | 0x8000 | 0x200 | 0x1  # PLUGIN_AUTH, SECURE_CONNECTION, PROTOCOL_41, LONG_PASSWORD
        head = flags.to_bytes(4, "little") + (1 << 24).to_bytes(4, "little") + b"\x2d" + b"\0" * 23
        self.send(head + b"admin\0" + bytes([len(scramble)]) + scramble + plugin + b"\0")

    def let_in(self) -> None:
        once = hashlib.sha1(PASSWORD.encode()).digest()  # noqa: S324
        mask = hashlib.sha1(self.nonce + hashlib.sha1(once).digest()).digest()  # noqa: S324
        self.greet(b"mysql_native_password", bytes(a ^ b for a, b in zip(once, mask, strict=True)))
        assert self.read()[0] == 0


def test_who_was_denied_is_not_served(sql: LocalSql) -> None:
    raw = Raw(sql.port)
    with closing(raw.socket):
        raw.greet(b"mysql_native_password", b"\1" * 20)
        assert raw.read()[:3] == b"\xff" + (1045).to_bytes(2, "little")
        try:
            raw.send(b"\x03DROP TABLE t", 0)
            assert raw.read() == b""
        except ConnectionError:
            pass
    assert sql.rows("SELECT COUNT(*) FROM t") == [(2,)]


def test_a_client_without_the_native_plugin_is_served(sql: LocalSql) -> None:
    """As MySQL 9's: caching_sha2_password, by its short way."""
    raw = Raw(sql.port)
    with closing(raw.socket):
        raw.greet(b"caching_sha2_password", b"")
        assert raw.read() == b"\xfecaching_sha2_password\0" + raw.nonce + b"\0"
        once = hashlib.sha256(PASSWORD.encode()).digest()
        mask = hashlib.sha256(hashlib.sha256(once).digest() + raw.nonce).digest()
        raw.send(bytes(a ^ b for a, b in zip(once, mask, strict=True)))
        assert raw.read() == b"\x01\x03"
        assert raw.read()[0] == 0
        raw.send(b"\x03SELECT 1", 0)
        assert raw.read() == b"\x01"


def test_who_may_not_become_another_user_is_not_served(sql: LocalSql) -> None:
    raw = Raw(sql.port)
    with closing(raw.socket):
        raw.let_in()
        raw.send(b"\x11admin\0\x14" + b"\1" * 20 + b"test\0\x2d\0mysql_native_password\0", 0)  # COM_CHANGE_USER
        assert raw.read()[:3] == b"\xff" + (1045).to_bytes(2, "little")
        assert raw.read() == b""


def test_parameters_of_a_prepared_statement_are_no_sql(sql: LocalSql) -> None:
    text = "1' OR '1'='1 \\"
    raw = Raw(sql.port)
    with closing(raw.socket):
        raw.let_in()
        raw.send(b"\x16SELECT ? AS given, COUNT(*) n FROM t WHERE u = ?", 0)
        prepared = [raw.read() for _ in range(4)]  # OK, two parameters, EOF
        sent = text.encode()
        value = bytes([len(sent)]) + sent
        raw.send(b"\x17" + prepared[0][1:5] + b"\0\1\0\0\0" + b"\0\1" + b"\xfd\0" * 2 + value * 2, 0)
        assert raw.read() == b"\2"
        for _ in range(3):  # two columns, EOF
            raw.read()
        assert raw.read() == b"\0\0" + value + (0).to_bytes(8, "little")


def test_a_prepared_statement_has_its_types_once_and_dates(sql: LocalSql) -> None:
    raw = Raw(sql.port)
    with closing(raw.socket):
        raw.let_in()
        raw.send(b'\x16SELECT ? AS a, "it\'s ?" AS b -- ?', 0)
        prepared = [raw.read() for _ in range(3)]  # OK, a parameter, EOF
        assert prepared[0][7:9] == (1).to_bytes(2, "little")
        head, date = b"\x17" + prepared[0][1:5] + b"\0\1\0\0\0\0", b"\4\xe4\7\1\2"
        for types in (b"\1\x0a\0", b"\0"):
            raw.send(head + types + date, 0)
            for _ in range(4):  # their number, two columns, EOF
                raw.read()
            assert raw.read() == b"\0\0\x0a2020-01-02\x06it's ?"
            raw.read()


@pytest.mark.parametrize("charset", ["latin1", "utf8mb4", "cp1251"])
def test_a_client_is_answered_in_its_character_set(sql: LocalSql, charset: str) -> None:
    sql.rows("CREATE TABLE IF NOT EXISTS wide SELECT '\ud55c' AS w")
    with closing(sql.connect(charset=charset)) as connection, connection.cursor() as cursor:
        text = {"latin1": "\u00e9", "cp1251": "\u0436"}.get(charset, "\ud55c")
        cursor.execute(f"SELECT '{text}' AS `{text}`, CHAR_LENGTH('{text}'), @@character_set_results")
        assert cursor.fetchall() == ((text, 1, charset),)
        assert cursor.description[0][0] == text
        cursor.execute("SELECT w FROM wide")
        assert cursor.fetchall() == (("\ud55c" if charset == "utf8mb4" else "?",),)
        cursor.execute("SET NAMES utf8mb4")
        assert cursor.execute("SELECT CAST(0 AS DECIMAL(20,10)), CAST(1 AS DECIMAL(38,10))") == 1
        assert [format(cell, "f") for cell in cursor.fetchall()[0]] == ["0.0000000000", "1.0000000000"]


def test_bytes_go_both_ways(sql: LocalSql) -> None:
    every = bytes(range(256))
    with closing(sql.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bytes (n int, b blob)")
        cursor.executemany(
            "INSERT INTO bytes VALUES (%s, %s)", [(1, every), (2, b"text"), (3, "\ud55c".encode()), (4, b"")]
        )
        cursor.execute("SELECT b FROM bytes ORDER BY n")
        assert [row[0] for row in cursor.fetchall()] == [every, b"text", "\ud55c".encode(), b""]
        cursor.execute("SELECT n, LENGTH(b), %s FROM bytes WHERE b = %s", (every, every))
        assert cursor.fetchall() == ((1, 256, every),)
        with pytest.raises(pymysql.MySQLError) as caught:
            connection.query(b"SELECT 'x\xff'")
        assert caught.value.args[0] == 1300
