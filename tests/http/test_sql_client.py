"""`local_test sql` and the `mysql` command of Debian's mariadb-client."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import localsql
from tests.endpointstub import stub
from tests.localsql import LocalSql

Rows = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def sql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSql]:
    data = tmp_path_factory.mktemp("sql") / "data"
    with stub() as endpoint, localsql.session(data, "--endpoint", f"ep={endpoint.url}") as found:
        found.rows(
            "CREATE FUNCTION f (a BIGINT, b BIGINT) RETURNS double "
            "ALIAS aws_sagemaker_invoke_endpoint ENDPOINT NAME 'ep'"
        )
        found.rows("CREATE TABLE t (u varchar(20), p varchar(20), s double)")
        found.rows("INSERT INTO t VALUES ('1', '2', 3), ('2', '3', NULL)")
        yield found


def test_the_mysql_command(sql: LocalSql) -> None:
    done = sql.mysql("SELECT u, f(u, p) score, 1.0E0 one, NULL n FROM t;\nSHOW TABLES;", "-t")
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "+------+-------+------+------+",
        "| u    | score | one  | n    |",
        "+------+-------+------+------+",
        "| 1    |     3 |    1 | NULL |",
        "| 2    |     5 |    1 | NULL |",
        "+------+-------+------+------+",
        "+----------------+",
        "| Tables_in_test |",
        "+----------------+",
        "| t              |",
        "+----------------+",
    ]


def test_counts_and_errors_as_the_command_shows_them(sql: LocalSql) -> None:
    done = sql.mysql(
        "CREATE TABLE c (a int auto_increment primary key, b varchar(9));\nINSERT INTO c (b) VALUES ('x'), ('y');\n"
        "UPDATE c SET b = 'z';\nSELECT nope FROM c;\nINSERT INTO c VALUES (1, 'a');\nDROP TABLE c;\nSELECT g(1);",
        *("-f", "-vv"),
    )
    shown = [line for line in done.stdout.splitlines() if "OK" in line or "Records" in line]
    assert shown == [
        "Query OK, 0 rows affected",
        "Query OK, 2 rows affected",
        "Records: 2  Duplicates: 0  Warnings: 0",
        "Query OK, 2 rows affected",
        "Query OK, 0 rows affected",
    ]
    assert done.stderr.splitlines() == [
        "ERROR 1054 (42S22) at line 4: Unknown column 'nope' in 'field list'",
        "ERROR 1062 (23000) at line 5: Duplicate entry '1' for key 'PRIMARY'",
        "ERROR 1305 (42000) at line 7: FUNCTION test.g does not exist",
    ]


@pytest.mark.parametrize("password", ["wrong", ""])
def test_a_wrong_password(sql: LocalSql, password: str) -> None:
    done = sql.mysql("SELECT 1", password=password)
    used = "YES" if password else "NO"
    expected = f"ERROR 1045 (28000): Access denied for user 'admin'@'localhost' (using password: {used})"
    assert (done.returncode, expected in done.stderr) == (1, True), done.stderr


@pytest.mark.parametrize(
    "case",
    [
        ("plain", "FIELDS TERMINATED BY ','", "1,x\n2,y\n", [(1, "x"), (2, "y")]),
        ("header", "FIELDS TERMINATED BY ',' ENCLOSED BY '\"' LINES TERMINATED BY '\\n' IGNORE 1 LINES",
         'n,w\n1,"a,b"\n"2","say ""hi"""\n', [(1, "a,b"), (2, 'say "hi"')]),
        ("crlf", "FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' LINES TERMINATED BY '\\r\\n' IGNORE 1 ROWS",
         "n,w\r\n1,한글\r\n", [(1, "한글")]),
        ("tabs", "", "1\ta\\tb\n\\N\t\\N\n", [(1, "a\tb"), (None, None)]),
        ("chosen", "FIELDS TERMINATED BY ',' (w, @x, n)", "x,?,1\n", [(1, "x")]),
        ("newlines", "FIELDS TERMINATED BY ',' ENCLOSED BY '\"'", '1,"a\nb"\n', [(1, "a\nb")]),
        ("bars", "FIELDS TERMINATED BY '||'", "1||x\n2||y", [(1, "x"), (2, "y")]),
    ],
)  # fmt: skip
def test_a_file_of_the_clients_is_loaded(sql: LocalSql, tmp_path: Path, case: tuple[str, str, str, Rows]) -> None:
    name, form, text, rows = case
    file = tmp_path / "file.csv"
    file.write_bytes(text.encode())
    sql.rows(f"CREATE TABLE load_{name} (n int, w varchar(20))")
    done = sql.mysql(f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE load_{name} {form};", "--local-infile=1", "-vv")
    assert done.stderr == ""
    assert f"Query OK, {len(rows)} row" in done.stdout
    assert f"Records: {len(rows)}  Deleted: 0  Skipped: 0  Warnings: 0" in done.stdout
    assert sql.rows(f"SELECT * FROM load_{name}") == rows
