"""Keys: duplicates, AUTO_INCREMENT, and what is shown of them."""

import time
from pathlib import Path

import pytest

from local_test.sql import literals
from local_test.sql.session import Session
from tests.unit.local_test.sql.conftest import Client, opened

NUMBERED = "CREATE TABLE k (id int AUTO_INCREMENT PRIMARY KEY, n varchar(9) UNIQUE, v int DEFAULT 5)"


@pytest.mark.parametrize("rows", ["(NULL, 'a'), (0, 'b'), (DEFAULT, 'c')", "SELECT NULL, 'a' UNION ALL SELECT 0, 'b'"])
def test_null_and_0_are_the_next_number(client: Client, rows: str) -> None:
    client.count(NUMBERED)
    many = "VALUES " * rows.startswith("(")
    count = client.count(f"INSERT INTO k (id, n) {many}{rows}")
    assert client.rows("SELECT LAST_INSERT_ID()") == [(1,)]
    assert client.rows("SELECT id, n, v FROM k ORDER BY n") == [(i, name, 5) for i, name in enumerate("abc"[:count], 1)]


def test_a_long_insert_has_its_numbers_too(client: Client) -> None:
    client.count("CREATE TABLE k (id int AUTO_INCREMENT PRIMARY KEY, n varchar(9), at date)")
    many = f"INSERT INTO k VALUES {', '.join(f'(NULL, {i!r}, {chr(39)}2020-01-02{chr(39)})' for i in range(200))}"
    assert literals.of(many) is not None
    assert client.count(many) == 200
    assert client.rows("SELECT MIN(id), MAX(id), COUNT(*), MAX(n), MAX(YEAR(at)) FROM k") == [(1, 200, 200, "99", 2020)]


def test_the_next_number_is_above_those_that_were_given(client: Client) -> None:
    client.count(NUMBERED)
    client.count("INSERT INTO k (id, n) VALUES (1, 'x'), ('7', 'y')")
    assert client.count("INSERT IGNORE INTO k (n) VALUES ('z')") == 1
    client.count("INSERT INTO k (id, n) VALUES (3, 'w'), (NULL, 'last')")
    assert client.rows("SELECT id, n FROM k ORDER BY id") == [(1, "x"), (3, "w"), (7, "y"), (8, "z"), (9, "last")]


def test_a_table_is_made_anew_after_another_start(tmp_path: Path) -> None:
    """Where its counter's name is still taken."""
    for _ in range(2):
        with opened(tmp_path) as database:
            client = Client(Session(database, "admin", "test"))
            client.count("DROP TABLE IF EXISTS k")
            client.count(NUMBERED)
            client.count("INSERT INTO k (n) VALUES ('a')")
            assert client.rows("SELECT id FROM k") == [(1,)]
            assert len(client.session.connection.execute("FROM duckdb_sequences()").fetchall()) == 1
            client.session.close()


def test_a_unique_key_makes_a_duplicate_as_the_primary_one_does(client: Client) -> None:
    client.count("CREATE TABLE u (n varchar(9) UNIQUE, v int)")
    client.count("INSERT INTO u VALUES ('a', 1)")
    assert client.count("INSERT IGNORE INTO u VALUES ('a', 2), ('b', 2)") == 1
    client.count("INSERT INTO u VALUES ('a', 4) ON DUPLICATE KEY UPDATE v = VALUES(v) + v")
    client.count("REPLACE INTO u VALUES ('b', 7)")
    assert client.rows("SELECT * FROM u ORDER BY n") == [("a", 5), ("b", 7)]
    assert client.error("INSERT INTO u VALUES ('a', 9)")[0] == 1062


def test_of_two_keys_the_one_that_is_given_decides(client: Client) -> None:
    client.count(NUMBERED)
    client.count("INSERT INTO k (n, v) VALUES ('a', 1), ('b', 1)")
    client.count("INSERT INTO k (n) VALUES ('a') ON DUPLICATE KEY UPDATE v = 2")
    client.count("REPLACE INTO k (n) VALUES ('b')")  # the column that is not given has its default
    assert client.rows("SELECT id, n, v FROM k ORDER BY n") == [(1, "a", 2), (2, "b", 5)]
    assert client.error("REPLACE INTO k (id, v) VALUES (1, 9)")[0] == 1235  # n would be NULL


def test_a_replace_that_would_change_another_key_is_refused(client: Client) -> None:
    client.count("CREATE TABLE two (a int, b int, c int, UNIQUE (a, b), UNIQUE (c))")
    client.count("INSERT INTO two VALUES (1, 1, 1), (2, 2, 2)")
    assert client.error("REPLACE INTO two VALUES (5, 5, 2)")[0] == 1235
    assert client.count("INSERT IGNORE INTO two VALUES (1, 1, 5), (3, 3, 2), (4, 4, 4)") == 1
    assert client.rows("SELECT * FROM two ORDER BY a") == [(1, 1, 1), (2, 2, 2), (4, 4, 4)]


@pytest.mark.parametrize(
    "source", ["SELECT 1", "SELECT 1, 'a', 3, 4", "VALUES (1)", "VALUES (NULL, 'a', 3, 4)", "(id) SELECT 1, 2"]
)
def test_columns_are_counted(client: Client, source: str) -> None:
    client.count(NUMBERED)
    assert client.error(f"INSERT INTO k {source}") == (1136, "Column count doesn't match value count at row 1")


def test_without_a_key_there_is_no_duplicate(client: Client) -> None:
    for verb in ("INSERT IGNORE", "REPLACE"):
        assert client.count(f"{verb} INTO t SELECT '1', '2', 3") == 1


def test_keys_are_shown(client: Client) -> None:
    client.count("CREATE TABLE c (a int, b int, v int, PRIMARY KEY (b, a), UNIQUE KEY w (v))")
    [(_, text)] = client.rows("SHOW CREATE TABLE c")
    assert text.splitlines()[4:6] == ["  PRIMARY KEY (`b`,`a`),", "  UNIQUE KEY `v` (`v`)"]
    shown = [(row[2], row[3], row[4]) for row in client.rows("SHOW INDEX FROM c")]
    assert shown == [("PRIMARY", 1, "b"), ("PRIMARY", 2, "a"), ("v", 1, "v")]
    client.count("DROP TABLE c")
    client.count(text)
    assert client.rows("SHOW KEYS IN c FROM test")[0][2] == "PRIMARY"
    assert client.rows("SHOW INDEXES FROM t") == []
    assert client.error("SHOW INDEX FROM nope")[0] == 1146


def test_DEFAULT_CURRENT_TIMESTAMP_is_the_time_of_the_row(client: Client) -> None:
    client.count("CREATE TABLE log (a int, at datetime DEFAULT CURRENT_TIMESTAMP, b timestamp DEFAULT NOW())")
    assert client.rows("DESC log at") == [("at", "datetime", "YES", "", "CURRENT_TIMESTAMP", "DEFAULT_GENERATED")]
    deadline = time.monotonic() + 30
    while len(client.rows("SELECT DISTINCT at FROM log WHERE at = b")) < 2:
        client.count("INSERT INTO log (a) VALUES (1)")
        assert time.monotonic() < deadline, "all rows have the time at which the table was made"


def test_a_temporary_table_leaves_nothing(client: Client) -> None:
    client.count("CREATE TEMPORARY TABLE tt (id int AUTO_INCREMENT PRIMARY KEY, n int)")
    client.count("INSERT INTO tt VALUES (5, 1), (NULL, 2)")
    assert client.rows("SELECT id, f(id, n) FROM tt ORDER BY id") == [(5, 6.0), (6, 8.0)]
    assert client.rows("DESC tt id") == [("id", "int", "NO", "PRI", None, "auto_increment")]
    kept = "SELECT sequence_name FROM duckdb_sequences() WHERE NOT temporary"
    assert client.session.connection.execute(kept).fetchall() == []
    client.count("DROP TEMPORARY TABLE tt")
    assert client.session.connection.execute("FROM duckdb_sequences()").fetchall() == []
    client.count("DROP TEMPORARY TABLE IF EXISTS tt")
