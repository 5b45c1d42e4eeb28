"""`local_test sql` as clients meet it: PyMySQL, users, transactions, slow endpoints, starts and ends."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pymysql
import pytest

from tests import localsql
from tests.endpointstub import Answer, Stub, stub, sums
from tests.localsql import LocalSql
from tests.server import ROOT

FUNCTION = (
    "CREATE FUNCTION f (a BIGINT, b BIGINT) RETURNS double ALIAS aws_sagemaker_invoke_endpoint ENDPOINT NAME 'ep'"
)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Stub]:
    with stub() as found:
        yield found


@pytest.fixture(scope="module")
def sql(tmp_path_factory: pytest.TempPathFactory, endpoint: Stub) -> Iterator[LocalSql]:
    data = tmp_path_factory.mktemp("sql") / "data"
    with localsql.session(data, "--endpoint", f"ep={endpoint.url}") as found:
        found.rows(FUNCTION)
        found.rows("CREATE TABLE t (u varchar(20), p varchar(20), s double)")
        found.rows("INSERT INTO t VALUES ('1', '2', 3), ('2', '3', NULL)")
        yield found


OTHER, FROM_FILE = "x", "from a file"


def refused(sql: LocalSql, statement: str, **more: Any) -> tuple[int, str]:
    with pytest.raises(pymysql.MySQLError) as caught:
        sql.rows(statement, **more)
    return caught.value.args[0], caught.value.args[1]


@pytest.mark.parametrize(
    ("user", "password", "used"),
    [("admin", "wrong", "YES"), ("admin", "", "NO"), ("nobody", "x", "YES"), ("nobody", "", "NO")],
)
def test_a_wrong_password_is_1045(sql: LocalSql, user: str, password: str, used: str) -> None:
    expected = f"Access denied for user '{user}'@'localhost' (using password: {used})"
    assert refused(sql, "SELECT 1", user=user, password=password) == (1045, expected)


def test_PyMySQLs_own_ways(sql: LocalSql) -> None:
    with closing(sql.connect(database="test", autocommit=False)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE py (id int auto_increment primary key, name varchar(20), at datetime, n decimal(9,2))"
        )
        many = [("한글", "2020-01-02 03:04:05", "1.50"), ('it\'s \\ "x"', None, None)]
        assert cursor.executemany("INSERT INTO py (name, at, n) VALUES (%s, %s, %s)", many) == 2
        assert cursor.lastrowid == 1
        connection.commit()
        assert cursor.execute("SELECT name, at, n FROM py ORDER BY id") == 2
        assert [tuple(map(str, row)) for row in cursor.fetchall()] == [
            ("한글", "2020-01-02 03:04:05", "1.50"),
            ('it\'s \\ "x"', "None", "None"),
        ]
        cursor.execute("INSERT INTO py (name) VALUES ('gone')")
        connection.rollback()
        assert cursor.execute("UPDATE py SET name = 'x' WHERE id > 100") == 0
        connection.commit()
        connection.ping()
        connection.select_db("information_schema")
        cursor.execute("SELECT table_name FROM tables WHERE table_schema = 'test' AND table_name = 'py'")
        assert cursor.fetchall() == (("py",),)
        cursor.execute("SELECT COUNT(*) FROM test.py")
        assert cursor.fetchall() == ((2,),)


def test_what_is_not_committed_is_seen_by_nobody_else(sql: LocalSql) -> None:
    sql.rows("CREATE TABLE seen (a int)")
    with closing(sql.connect(autocommit=False)) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO seen VALUES (1)")
        assert sql.rows("SELECT COUNT(*) FROM seen") == [(0,)]
        connection.commit()
    assert sql.rows("SELECT COUNT(*) FROM seen") == [(1,)]


@pytest.mark.parametrize(
    ("text", "code", "sentence"),
    [
        ("1,x\ntwo,y\n", 1366, "Incorrect integer value: 'two' for column 'n' at row 2"),
        ("1,x\n2\n", 1261, "Row 2 doesn't contain data for all columns"),
        ("1,x,y\n", 1262, "Row 1 was truncated; it contained more data than there were input columns"),
        ("99999999999,x\n", 1264, "Out of range value for column 'n' at row 1"),
    ],
)
def test_a_bad_file_loads_nothing(sql: LocalSql, tmp_path: Path, text: str, code: int, sentence: str) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(text)
    sql.rows("CREATE TABLE IF NOT EXISTS bad (n int, w varchar(20))")
    statement = f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE bad FIELDS TERMINATED BY ','"
    assert refused(sql, statement, local_infile=True) == (code, sentence)
    assert sql.rows("SELECT COUNT(*) FROM bad") == [(0,)]
    assert refused(sql, statement)[0] == 3948


def test_users_are_let_in_and_may_what_was_granted(sql: LocalSql) -> None:
    for statement in (
        "CREATE USER 'ann'@'%' IDENTIFIED BY 'ann pass', 'bob' IDENTIFIED BY 'x'",
        "GRANT SELECT ON test.* TO 'ann'@'%'",
    ):
        sql.rows(statement)
    who: dict[str, Any] = {"user": "ann", "password": "ann pass"}
    call = "SELECT f(u, p) FROM t"
    assert sql.rows("SELECT u FROM t", **who) == [("1",), ("2",)]
    assert refused(sql, "DELETE FROM t", **who) == (1142, "DELETE command denied to user 'ann'@'%' for table 't'")
    assert refused(sql, "CREATE TABLE x (a int)", **who)[0] == 1142
    assert refused(sql, "GRANT ALL ON *.* TO ann", **who)[0] == 1227
    assert refused(sql, call, **who) == (1370, "execute command denied to user 'ann'@'%' for routine 'test.f'")
    sql.rows("GRANT EXECUTE ON FUNCTION test.f TO ann")
    assert refused(sql, call, **who) == (
        1227,
        "Access denied; you need (at least one of) the AWS_SAGEMAKER_ACCESS or INVOKE SAGEMAKER privilege(s) for this "
        "operation",
    )
    sql.rows("GRANT INVOKE SAGEMAKER ON *.* TO 'ann'@'%' WITH GRANT OPTION")  # Q-09: version 2's
    assert sql.rows(call, **who) == [(3.0,), (5.0,)]
    sql.rows("REVOKE INVOKE SAGEMAKER ON *.* FROM ann")
    sql.rows("GRANT AWS_SAGEMAKER_ACCESS TO ann")  # Q-09: version 3's, which has to be active
    code, message = refused(sql, call, **who)
    assert (code, "the role is granted and not active: SET ROLE AWS_SAGEMAKER_ACCESS" in message) == (1227, True)
    with closing(sql.connect(**who)) as connection, connection.cursor() as cursor:
        cursor.execute("SET ROLE AWS_SAGEMAKER_ACCESS")
        assert cursor.execute(call) == 2
    sql.rows("SET DEFAULT ROLE ALL TO ann")
    assert sql.rows(call, **who) == [(3.0,), (5.0,)]
    assert refused(sql, "SELECT 1", user="bob", password=OTHER)[0] == 1044
    sql.rows("DROP USER ann, bob")
    assert refused(sql, "SELECT 1", **who)[0] == 1045


def test_a_slow_endpoint_holds_up_nobody_else(sql: LocalSql, endpoint: Stub) -> None:
    arrived, go = threading.Event(), threading.Event()

    def slow(body: bytes) -> Answer:
        if b"777" in body:
            arrived.set()
            go.wait(60)
        return sums(body)

    endpoint.answer = slow
    found: list[Any] = []
    waiting = threading.Thread(target=lambda: found.append(sql.rows("SELECT f(777, 1)")))
    waiting.start()
    try:
        assert arrived.wait(30)
        for i in range(8):
            assert sql.rows(f"SELECT f({i}, 1)") == [(i + 1,)]
        assert found == []
    finally:
        go.set()
        waiting.join(60)
        endpoint.answer = sums
    assert found == [[(778.0,)]]


def test_a_statement_is_killed_while_its_endpoint_is_slow(sql: LocalSql, endpoint: Stub) -> None:
    arrived, go = threading.Event(), threading.Event()

    def slow(body: bytes) -> Answer:
        arrived.set()
        go.wait(60)
        return sums(body)

    with closing(sql.connect()) as connection, connection.cursor() as cursor:
        number = connection.thread_id()
        endpoint.answer = slow
        killing = threading.Thread(target=lambda: (arrived.wait(30), sql.rows(f"KILL QUERY {number}")))
        killing.start()
        try:
            begun = time.monotonic()
            with pytest.raises(pymysql.MySQLError) as caught:
                cursor.execute("SELECT f(1, 1)")
            assert caught.value.args == (1317, "Query execution was interrupted")
            assert time.monotonic() - begun < 30  # the endpoint takes a minute
        finally:
            go.set()
            killing.join(60)
            endpoint.answer = sums
        assert cursor.execute("SELECT f(1, 1)") == 1  # the session goes on
        sql.rows(f"KILL {number}")
        with pytest.raises(pymysql.MySQLError):
            cursor.execute("SELECT 1")
    assert refused(sql, "KILL QUERY 123456789") == (1094, "Unknown thread id: 123456789")


def test_a_crash_loses_nothing_that_was_committed(tmp_path: Path, endpoint: Stub) -> None:
    straight = ("--endpoint", f"ep={endpoint.url}")
    with localsql.session(tmp_path / "data", *straight) as first:
        first.rows(FUNCTION)
        first.rows("CREATE TABLE kept (a int)")
        first.rows("CREATE USER ann IDENTIFIED BY 'x'")
        with closing(first.connect(autocommit=False)) as connection, connection.cursor() as cursor:
            cursor.execute("INSERT INTO kept VALUES (1), (2)")
            connection.commit()
            cursor.execute("INSERT INTO kept VALUES (3)")
            first.process.kill()
            first.process.wait()
    with localsql.session(tmp_path / "data", *straight) as second:
        assert second.rows("SELECT a, f(a, 1) FROM kept") == [(1, 2.0), (2, 3.0)]
        assert second.rows("SHOW DATABASES", user="ann", password=OTHER, database="information_schema")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_while_an_endpoint_is_slow(tmp_path: Path, number: signal.Signals) -> None:
    arrived, go = threading.Event(), threading.Event()

    def slow(body: bytes) -> Answer:
        arrived.set()
        go.wait(60)
        return sums(body)

    with stub(slow) as endpoint, localsql.session(tmp_path / "data", "--endpoint", f"ep={endpoint.url}") as sql:
        sql.rows(FUNCTION)

        def ask() -> None:
            with pytest.raises(pymysql.MySQLError):
                sql.rows("SELECT f(1, 1)")

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            assert arrived.wait(30)
            begun = time.monotonic()
            assert sql.stop(number) == 0
            assert time.monotonic() - begun < 8
            assert sql.log.splitlines()[-1] == "stopped"
            assert "Traceback" not in sql.log
        finally:
            go.set()
            asking.join(60)


def test_a_password_is_made_and_said_where_none_is_given(tmp_path: Path) -> None:
    with localsql.session(tmp_path / "data", password=None) as sql:
        made = sql.log.split("the password of admin, of this start only: ")[1].splitlines()[0]
        assert len(made) == 16
        assert sql.rows("SELECT CURRENT_USER()", password=made) == [("admin@%",)]
        assert refused(sql, "SELECT 1", password="")[0] == 1045
    file = tmp_path / "password"
    file.write_text(f"{FROM_FILE}\n")
    with localsql.session(tmp_path / "data", "--password-file", str(file), password=None) as sql:
        assert "password" not in sql.log
        assert sql.rows("SELECT 1", password=FROM_FILE) == [(1,)]
        assert refused(sql, "SELECT 1", password=made)[0] == 1045


def test_what_it_will_not_start_with(tmp_path: Path, sql: LocalSql) -> None:
    def start(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "local_test", "sql", *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1", **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    data = ("--data", str(tmp_path / "data"))
    empty = tmp_path / "empty"
    empty.write_text("\n")
    for done, sentence in (
        (
            start(*data, TIFFIN_SQL_PASSWORD=""),
            "the password in TIFFIN_SQL_PASSWORD is empty; leave it out to have one made",
        ),
        (start(*data, "--password-file", str(empty)), "is empty; leave it out to have one made"),
        (start(*data, "--password-file", str(tmp_path / "nope")), "nope cannot be read: No such file or directory"),
        (start(*data, "--port", str(sql.port)), f"port {sql.port} cannot be had"),
        (start(*data, "--endpoint", "a=https://x"), "'https://x' is no address; write http://HOST:PORT"),
        (start("--data", str(sql.data), "--port", "0"), "another `sql` works in"),
    ):
        assert (done.returncode, sentence in done.stderr) == (1, True), done.stderr
        assert "Traceback" not in done.stderr
