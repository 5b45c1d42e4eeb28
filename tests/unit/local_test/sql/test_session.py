"""Statements that call nothing: what a client shows, sets and makes."""

import re
import threading
from typing import Any

import pytest

from local_test.sql import literals
from local_test.sql.database import Database
from local_test.sql.endpoints import IN_FLIGHT
from local_test.sql.session import Session
from tests.endpointstub import Answer, Stub
from tests.unit.local_test.sql.conftest import FUNCTION, Client


def test_show_create_function_makes_it_again(client: Client) -> None:
    [(name, _, text, *_)] = client.rows("SHOW CREATE FUNCTION f")
    assert name == "f"
    assert text.splitlines() == [
        "CREATE DEFINER=`admin`@`%` FUNCTION `f`(`a` bigint(20), `b` bigint(20)) RETURNS double",
        "    ALIAS AWS_SAGEMAKER_INVOKE_ENDPOINT ENDPOINT NAME 'ep' MAX_BATCH_SIZE 10000",
    ]
    client.count("DROP FUNCTION test.f")
    client.count("DROP FUNCTION IF EXISTS f")
    client.count(text)
    assert client.rows("SELECT f(1, 2)") == [(3.0,)]


def test_show_function_status(client: Client) -> None:
    client.count("CREATE DATABASE other")
    client.count(FUNCTION.replace(" f ", " other.g "))
    shown = [row[:4] for row in client.rows("SHOW FUNCTION STATUS")]
    assert shown == [("other", "g", "FUNCTION", "admin@%"), ("test", "f", "FUNCTION", "admin@%")]
    assert [row[1] for row in client.rows("SHOW FUNCTION STATUS LIKE 'F'")] == ["f"]
    assert [row[1] for row in client.rows("SHOW FUNCTION STATUS WHERE Db = 'other'")] == ["g"]
    client.count("DROP DATABASE other")
    assert [row[1] for row in client.rows("SHOW FUNCTION STATUS")] == ["f"]


def test_a_table_is_described_as_it_was_declared(client: Client) -> None:
    client.count(
        "CREATE TABLE made (id int unsigned NOT NULL AUTO_INCREMENT, name varchar(20) DEFAULT 'x', n decimal(10,2), "
        "at datetime, e enum('a','b'), PRIMARY KEY (id), UNIQUE KEY u (name), KEY k (n)) "
        "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"
    )
    expected = [
        ("id", "int unsigned", "NO", "PRI", None, "auto_increment"),
        ("name", "varchar(20)", "YES", "UNI", "'x'", ""),
        ("n", "decimal(10,2)", "YES", "", None, ""),
        ("at", "datetime", "YES", "", None, ""),
        ("e", "enum('a','b')", "YES", "", None, ""),
    ]
    for sql in ("DESC made", "DESCRIBE test.made", "SHOW COLUMNS FROM made", "SHOW COLUMNS IN made FROM test"):
        assert client.rows(sql) == expected
    assert client.rows("DESC made name") == expected[1:2]
    assert client.rows("SHOW FULL COLUMNS FROM made LIKE 'n'")[0][:4] == ("n", "decimal(10,2)", None, "YES")
    client.count("ALTER TABLE made ADD COLUMN later int DEFAULT 7")
    assert client.rows("SELECT COUNT(*), MAX(later) FROM made") == [(0, None)]
    client.count("ALTER TABLE made DROP COLUMN later")
    [(_, text)] = client.rows("SHOW CREATE TABLE made")
    assert "`id` int unsigned NOT NULL AUTO_INCREMENT" in text
    assert client.count("INSERT INTO made (name) VALUES ('a'), ('b')") == 2
    assert client.rows("SELECT LAST_INSERT_ID(), ROW_COUNT()") == [(1, 2)]
    assert client.rows("DESC t") == [
        ("u", "varchar(20)", "YES", "", None, ""),
        ("p", "varchar(20)", "YES", "", None, ""),
        ("s", "double", "YES", "", None, ""),
    ]


def test_databases(client: Client) -> None:
    assert client.rows("SHOW DATABASES") == [("information_schema",), ("test",)]
    client.count("CREATE DATABASE shop CHARACTER SET utf8mb4")
    client.count("CREATE DATABASE IF NOT EXISTS shop")
    client.count("USE shop")
    assert client.rows("SELECT DATABASE()") == [("shop",)]
    client.count("CREATE TABLE x (a int)")
    assert client.rows("SHOW TABLES") == [("x",)]
    assert client.rows("SHOW FULL TABLES FROM test LIKE 't%'") == [("t", "BASE TABLE")]
    client.count("DROP DATABASE shop")
    assert client.rows("SELECT DATABASE()") == [(None,)]
    assert client.error("SELECT * FROM t")[0] == 1046
    assert client.error("CREATE TABLE y (a int)")[0] == 1046
    assert client.error("DROP DATABASE mysql")[0] == 1044
    assert client.error("USE mysql")[0] == 1049
    client.count("USE information_schema")
    assert client.rows("SELECT table_name FROM tables WHERE table_schema = 'test'") == [("t",)]


def test_variables(client: Client) -> None:
    client.count("SET @x = 2, @y = 'a\\'b', @@sql_safe_updates = 1, SESSION net_read_timeout = 9")
    client.count("SET @z = f(@x, 3)")
    assert client.rows("SELECT @x, @Y, @z, @nothing") == [(2, "a'b", 5.0, None)]
    assert client.rows("SELECT @@net_read_timeout, @@session.autocommit") == [(9, 1)]
    assert client.rows("SHOW VARIABLES LIKE 'sql_safe%'") == [("sql_safe_updates", "ON")]
    assert re.match(r"8\.0\.\d+-tiffin", client.rows("SELECT VERSION()")[0][0])
    client.count("SET NAMES utf8mb4 COLLATE utf8mb4_general_ci")
    client.count("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
    client.count("/*!40101 SET NAMES utf8mb4 */")
    assert client.error("SET version = 'x'")[0] == 1238
    assert client.error("SET GLOBAL autocommit = 1")[0] == 1235


@pytest.mark.parametrize(
    ("sql", "row"),
    [
        ("SELECT DATE_FORMAT('2020-04-03 05:06:07', '%Y/%m/%d %H:%i')", ("2020/04/03 05:06",)),
        ("SELECT YEAR(NOW()) > 2000, CURDATE() <= NOW()", (True, True)),
        ("SELECT IF(1 > 2, 'a', 'b'), IFNULL(NULL, 3), CONCAT('a', 'b'), 1 / 0", ("b", 3, "ab", None)),
        ("SELECT USER(), CURRENT_USER()", ("admin@localhost", "admin@%")),
        ("SELECT 1 FROM DUAL WHERE '12' = 12", (1,)),
        ("SELECT CAST('5' AS SIGNED) + 1, 7 DIV 2, 7 % 4", (6, 3, 3)),
        ("SELECT -7 DIV 2, 7.5 DIV 2, 3e0 DIV 2, 2 + 10 DIV 3 DIV 2, 1 DIV 0, 1 % 0", (-3, 3, 1, 3, None, None)),
        ("SELECT 9223372036854775807 DIV 2", (4611686018427387903,)),
        (
            "SELECT LENGTH('한글'), CHAR_LENGTH('한글'), OCTET_LENGTH('한'), LENGTH(123), LENGTH(x'00ff')",
            (6, 2, 3, 3, 2),
        ),
        (
            r"SELECT 'a%' LIKE 'a\%', 'ab' LIKE 'a\%', 'ab' LIKE 'a_', 'a%' LIKE 'a|%' ESCAPE '|'",
            (True, False, True, True),
        ),
        ("SELECT _utf8mb4'한글', _latin1 'x'", ("한글", "x")),
    ],
)
def test_without_a_table(client: Client, sql: str, row: tuple[Any, ...]) -> None:
    assert client.rows(sql) == [row]


def test_text_is_a_number_in_arithmetic(client: Client) -> None:
    client.count("DELETE FROM t WHERE u IS NULL")
    assert client.rows("SELECT u + 1, T.p * s, SUM(u) OVER () FROM t WHERE u - 1 >= 0") == [
        (2.0, 6.0, 3.0),
        (3.0, None, 3.0),
    ]
    assert client.rows("SELECT SUM(u), AVG(p), MAX(s) + 1 FROM t") == [(3.0, 2.5, 4.0)]
    assert client.rows("SELECT f(u + 1, p) FROM t") == [(4.0,), (6.0,)]
    client.count("UPDATE t SET s = u * 10")
    assert client.rows("SELECT s FROM t") == [(10.0,), (20.0,)]
    assert client.count("DELETE FROM t WHERE u + 0 = 1") == 1


def test_functions_mean_the_same_wherever_they_stand(client: Client) -> None:
    client.count("INSERT INTO t (u, s) VALUES (LENGTH('한'), 7.5 DIV 2)")
    assert client.rows("SELECT u, s FROM t WHERE LENGTH(u) = 1 AND s DIV 2 = 1") == [("1", 3.0), ("3", 3.0)]
    assert client.count("UPDATE t SET u = LENGTH('한글') WHERE u LIKE '3\\%' OR u LIKE '3'") == 1
    assert client.count("DELETE FROM t WHERE u NOT LIKE '\\_' AND s DIV 2 = 1") == 2


def test_on_duplicate_key(client: Client) -> None:
    client.count("CREATE TABLE k (id int PRIMARY KEY, n int)")
    client.count("INSERT INTO k VALUES (1, 1)")
    client.count("INSERT INTO k VALUES (1, 5), (2, 6) ON DUPLICATE KEY UPDATE n = n + VALUES(n)")
    assert sorted(client.rows("SELECT * FROM k")) == [(1, 6), (2, 6)]
    assert client.count("INSERT IGNORE INTO k VALUES (1, 9), (3, 3)") == 1
    client.count("REPLACE INTO k VALUES (1, 7)")
    assert sorted(client.rows("SELECT * FROM k")) == [(1, 7), (2, 6), (3, 3)]
    client.count("DROP TABLE k, t")
    assert client.rows("SHOW TABLES") == []


def test_transactions(database: Database, client: Client) -> None:
    other = Client(Session(database, "admin", "test"))
    client.count("START TRANSACTION")
    client.count("UPDATE t SET s = f(u, p)")
    assert other.rows("SELECT s FROM t WHERE u = 2") == [(None,)]
    client.count("ROLLBACK")
    client.count("SET autocommit = 0")
    client.count("UPDATE t SET s = 7")
    client.count("CREATE TABLE commits (a int)")
    assert other.rows("SELECT DISTINCT s FROM t") == [(7.0,)]
    client.count("DELETE FROM t")
    assert client.error("SELECT CAST('x' AS SIGNED)")[0] == 1366  # DuckDB gives the transaction up
    assert client.rows("SELECT COUNT(*) FROM t") == [(3,)]
    client.count("DELETE FROM t")
    client.count("COMMIT")
    assert other.rows("SELECT COUNT(*) FROM t") == [(0,)]
    other.session.close()


def test_a_commit_that_is_refused_ends_its_transaction(database: Database, client: Client) -> None:
    other = Client(Session(database, "admin", "test"))
    client.count("CREATE TABLE k (id int PRIMARY KEY)")
    for end in ("COMMIT", "SET autocommit = 1", "CREATE TABLE IF NOT EXISTS k (a int)"):
        client.count("SET autocommit = 0")
        client.count("INSERT INTO k VALUES (1)")
        other.count("INSERT INTO k VALUES (1)")
        assert client.error(end) == (1062, "Duplicate entry '1' for key 'PRIMARY'")
        assert not client.session.in_transaction
        client.count("ROLLBACK")
        client.count("SET autocommit = 1")
        client.count("INSERT INTO k VALUES (2)")
        assert other.rows("SELECT id FROM k ORDER BY id") == [(1,), (2,)]
        other.count("DELETE FROM k")
    other.session.close()


def test_an_update_sets_one_after_the_other(client: Client) -> None:
    client.count("CREATE TABLE o (a int, b int, c varchar(9))")
    client.count("INSERT INTO o VALUES (1, 2, 'x')")
    client.count("UPDATE o x SET x.a = '7', b = a + x.a, c = CONCAT(b, (SELECT MAX(a) FROM o))")
    assert client.rows("SELECT * FROM o") == [(7, 14, "141")]


def test_tables_are_altered(client: Client) -> None:
    client.count("ALTER TABLE t ADD COLUMN w varchar(7) DEFAULT 'q'")
    assert client.rows("DESC t w") == [("w", "varchar(7)", "YES", "", "'q'", "")]
    client.count("CREATE INDEX by_u ON t (u)")
    client.count("DROP INDEX by_u ON t")
    assert client.error("ALTER TABLE t MODIFY COLUMN w text")[0] == 1235
    assert client.error("ALTER TABLE t CHANGE w v text")[0] == 1235


ROWS = ", ".join(f"({i}, 'it''s \\\\ {i} \\n 한글', NULL, -1.5e3)" for i in range(500))


def test_a_long_insert_of_literals_is_what_a_short_one_is(client: Client) -> None:
    client.count("CREATE TABLE long_one (n int, w varchar(99), x int, d double)")
    assert literals.of(f"INSERT INTO long_one VALUES {ROWS};") is not None
    assert client.count(f"INSERT INTO `long_one` (n, w, x, d) VALUES {ROWS};") == 500
    client.count("CREATE TABLE short_one (n int, w varchar(99), x int, d double)")
    for i in (0, 499):
        client.count(f"INSERT INTO short_one VALUES ({i}, 'it''s \\\\ {i} \\n 한글', NULL, -1.5e3)")
    assert client.rows("SELECT * FROM long_one WHERE n IN (0, 499)") == client.rows("SELECT * FROM short_one")
    assert client.rows("SELECT * FROM short_one LIMIT 1") == [(0, "it's \\ 0 \n 한글", None, -1500.0)]
    assert client.error(f"INSERT INTO nope VALUES {ROWS}")[0] == 1146


@pytest.mark.parametrize(
    "more", ["(f(1, 2), 'a', 1, 1)", "(1 + 1, 'a', 1, 1)", "(SELECT 1)", "(1, 'a' 'b', 1, 1)", "(1) ON DUPLICATE KEY"]
)
def test_what_else_is_in_a_long_insert_is_left_to_the_grammar(more: str) -> None:
    assert literals.of(f"INSERT INTO long_one VALUES {ROWS}, {more}") is None


def test_several_batches_are_under_way_at_once(client: Client, endpoint: Stub) -> None:
    barrier = threading.Barrier(IN_FLIGHT)
    answer = endpoint.answer

    def together(body: bytes) -> Answer:
        barrier.wait(30)  # breaks where they come one by one
        return answer(body)

    endpoint.answer = together
    client.count(FUNCTION.replace(" f ", " g ") + " MAX_BATCH_SIZE 10")
    client.count("CREATE TABLE forty (n int)")
    client.session.connection.execute("INSERT INTO forty SELECT range FROM range(80)")
    assert client.rows("SELECT SUM(g(n, 1)) FROM forty") == [(80 * 79 / 2 + 80,)]
    assert endpoint.rows() == [10] * 8


def test_an_endpoint_that_is_busy_is_asked_again(client: Client, endpoint: Stub) -> None:
    answer, busy = endpoint.answer, [(503, "text/plain", b"busy"), (429, "text/plain", b"slow down")]
    endpoint.answer = lambda body: busy.pop() if busy else answer(body)
    assert client.rows("SELECT f(1, 2)") == [(3.0,)]
    assert (client.status("retry_request"), client.status("actual_request"), client.status("logical_request")) == (
        2,
        3,
        1,
    )
    endpoint.answer = lambda _body: (503, "text/plain", b"busy")
    assert client.error("SELECT f(1, 2)") == (1105, "Endpoint 'ep' answered 503: busy")
