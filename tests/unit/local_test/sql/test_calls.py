"""Where a call is predicted: in batches before the query, or in its place; and that each row gets its own answer."""

from typing import Any

import pytest

from local_test.sql.database import Database
from local_test.sql.session import Session
from tests.endpointstub import Stub
from tests.unit.local_test.sql.conftest import Client

TAIL = "ALIAS AWS_SAGEMAKER_INVOKE_ENDPOINT ENDPOINT NAME"
# statement, rows, and the rows of each request in their order of size
BATCHED: list[tuple[str, list[tuple[Any, ...]], list[int]]] = [
    ("SELECT *, f(u, p) s2 FROM t", [("1", "2", 3.0, 3.0), ("2", "3", None, 5.0), (None, "1", 1.0, 1.0)], [3]),
    ("SELECT U, f(U, P) FROM T WHERE P > 1", [("1", 3.0), ("2", 5.0)], [2]),
    ("SELECT u FROM t WHERE f(u, p) > 2", [("1",), ("2",)], [3]),
    ("SELECT u FROM t WHERE f(u, p) > 2 AND p = 3", [("2",)], [1]),
    ("SELECT u FROM t HAVING f(u, p) > 3", [("2",)], [3]),
    ("SELECT f(u, p) s FROM t HAVING s > 3", [(5.0,)], [3]),
    ("SELECT f(u, p) FROM t LIMIT 2", [(3.0,), (5.0,)], [2]),
    ("SELECT f(u, p) FROM t ORDER BY p DESC LIMIT 1 OFFSET 1", [(3.0,)], [1]),
    ("SELECT u FROM t ORDER BY f(u, p) DESC LIMIT 1", [("2",)], [3]),
    ("SELECT f(u, p) z, COUNT(*) FROM t GROUP BY z ORDER BY z", [(1.0, 1), (3.0, 1), (5.0, 1)], [3]),
    ("SELECT f(u, p), COUNT(*) FROM t GROUP BY f(u, p) HAVING f(u, p) > 4", [(5.0, 1)], [3]),
    ("SELECT SUM(f(u, p)), MAX(f(u, p)) FROM t", [(9.0, 5.0)], [3]),
    ("SELECT DISTINCT f(1, 1) FROM t", [(2.0,)], [3]),
    ("SELECT f(f(u, p), p) FROM t", [(5.0,), (8.0,), (2.0,)], [3, 3]),
    ("SELECT f(u, 1), f(u, 2) FROM t", [(2.0, 3.0), (3.0, 4.0), (1.0, 2.0)], [3, 3]),
    ("SELECT f(u, 1) + f(u, 1) FROM t", [(4.0,), (6.0,), (2.0,)], [3]),
    ("SELECT f(u, p) FROM t UNION ALL SELECT f(p, p) FROM t", [(3.0,), (5.0,), (1.0,), (4.0,), (6.0,), (2.0,)], [3, 3]),
    ("SELECT x.s FROM (SELECT f(u, p) s FROM t) x WHERE x.s > 3", [(5.0,)], [3]),
    ("WITH x AS (SELECT f(u, p) s FROM t), y AS (SELECT f(s, s) d FROM x) SELECT d FROM y WHERE d > 5",
     [(6.0,), (10.0,)], [3, 3]),
    ("SELECT a.u, f(a.u, b.p) FROM t a JOIN t b ON a.u = b.u WHERE b.p < 3", [("1", 3.0)], [1]),
    ("SELECT a.u, b.u, f(a.u, b.u) FROM t a LEFT JOIN t b ON a.u = b.p WHERE a.u = 1", [("1", None, 1.0)], [1]),
    ("SELECT ROW_NUMBER() OVER (ORDER BY f(u, p)) n, u FROM t ORDER BY n", [(1, None), (2, "1"), (3, "2")], [3]),
    ("SELECT CASE WHEN f(u, p) > 2 THEN 'y' ELSE 'n' END FROM t", [("y",), ("y",), ("n",)], [3]),
    ("SELECT u FROM t WHERE f(u, p) IN (SELECT f(u, p) FROM t WHERE u = 1)", [("1",)], [1, 3]),
    ("SELECT test.f(u, p) FROM test.t LIMIT 1", [(3.0,)], [1]),
    ("SELECT f(u, p) FROM t WHERE p > 100", [], []),
    ("SELECT u, f(u, p) score FROM t ORDER BY score DESC, u LIMIT 2", [("2", 5.0), ("1", 3.0)], [3]),
    ("SELECT `F` (T.U, t.P) FROM t LIMIT 1", [(3.0,)], [1]),
    ("SELECT a.u, b.z FROM t a JOIN (SELECT u, f(u, p) z FROM t) b ON a.u = b.u WHERE b.z > 3", [("2", 5.0)], [3]),
    ("SELECT COUNT(DISTINCT f(u, p)) FROM t", [(3,)], [3]),
    ("(SELECT f(1, 2)) UNION ALL (SELECT f(3, 4)) ORDER BY 1 DESC LIMIT 1", [(7.0,)], [1, 1]),
]  # fmt: skip
IN_PLACE: list[tuple[str, list[tuple[Any, ...]]]] = [
    ("SELECT u, f(u, COUNT(*)) FROM t GROUP BY u ORDER BY u", [(None, 1.0), ("1", 2.0), ("2", 3.0)]),
    ("SELECT t.u, (SELECT f(t.u, 1)) x FROM t", [("1", 2.0), ("2", 3.0), (None, 1.0)]),
    ("SELECT a.u FROM t a JOIN t b ON f(a.u, b.u) > 3", [("2",)]),
    ("SELECT u FROM t WHERE EXISTS (SELECT 1 FROM t b WHERE f(b.u, t.p) > 4)", [("2",)]),
]


@pytest.mark.parametrize(("sql", "rows", "sent"), BATCHED)
def test_Q08_a_call_is_predicted_in_batches(
    client: Client, endpoint: Stub, sql: str, rows: list[tuple[Any, ...]], sent: list[int]
) -> None:
    assert client.rows(sql) == rows
    assert endpoint.rows() == sent


@pytest.mark.parametrize(("sql", "rows"), IN_PLACE)
def test_a_call_that_cannot_be_taken_out_is_answered_in_its_place(
    client: Client, sql: str, rows: list[tuple[Any, ...]]
) -> None:
    assert client.rows(sql) == rows
    assert client.status("single_request") > 0


def test_Q02_each_row_of_many_gets_its_own_answer(client: Client, endpoint: Stub) -> None:
    client.count("CREATE TABLE many (n bigint)")
    client.session.connection.execute("INSERT INTO many SELECT range FROM range(25003)")
    assert client.count("CREATE TABLE predict SELECT n, f(n, 1) s FROM many") == 25_003
    assert client.rows("SELECT COUNT(*) FROM predict WHERE s <> n + 1") == [(0,)]
    assert client.rows("SELECT n FROM predict LIMIT 2 OFFSET 9999") == [(9999,), (10000,)]
    assert endpoint.rows() == [5_003, 10_000, 10_000]
    assert [client.status(name) for name in ("logical_request", "logical_response", "actual_request")] == [
        25_003,
        25_003,
        3,
    ]
    client.count("FLUSH STATUS")
    assert client.status("logical_request") == 0


def test_Q02_a_smaller_batch_is_honoured_in_both_ways(client: Client, endpoint: Stub) -> None:
    client.count(f"CREATE FUNCTION g (a BIGINT) RETURNS double {TAIL} 'ep' MAX_BATCH_SIZE 2")
    assert client.rows("SELECT g(p) FROM t") == [(2.0,), (3.0,), (1.0,)]
    assert endpoint.rows() == [1, 2]
    endpoint.bodies.clear()
    assert client.rows("SELECT g(COUNT(*)) FROM t GROUP BY u") == [(1.0,)] * 3
    assert endpoint.rows() == [1, 2]


@pytest.mark.parametrize(
    ("sql", "changed", "rows"),
    [
        ("INSERT INTO t SELECT f(u, p), 1, f(1, 1) FROM t WHERE u = 1", 1, [("3.0", "1", 2.0)]),
        ("INSERT INTO t (u, s) VALUES ('a', f(1, 2)), ('b', f(f(1, 1), 2))", 2, [("a", None, 3.0), ("b", None, 4.0)]),
        ("REPLACE INTO t VALUES ('c', 'd', f(1, 2))", 1, [("c", "d", 3.0)]),
    ],
)
def test_Q08_inserts(client: Client, sql: str, changed: int, rows: list[tuple[Any, ...]]) -> None:
    assert client.count(sql) == changed
    assert client.rows("SELECT * FROM t LIMIT 10 OFFSET 3") == rows


def test_Q08_the_values_of_an_insert_are_one_batch(client: Client, endpoint: Stub) -> None:
    values = ", ".join(f"('{i}', f({i}, 1))" for i in range(100))
    assert client.count(f"INSERT INTO t (u, s) VALUES {values}") == 100
    assert endpoint.rows() == [100]
    assert client.rows("SELECT COUNT(*) FROM t WHERE s = CAST(u AS SIGNED) + 1 AND p IS NULL") == [(100,)]


@pytest.mark.parametrize(
    ("sql", "changed", "rows"),
    [
        ("UPDATE t SET s = f(u, p)", 3, [("1", 3.0), ("2", 5.0), (None, 1.0)]),
        ("UPDATE t x SET x.s = f(x.u, x.p), p = 9 WHERE x.u > 1", 1, [("1", 3.0), ("2", 5.0), (None, 1.0)]),
        ("UPDATE t SET s = 0 WHERE f(u, p) > 2 AND u = 2", 1, [("1", 3.0), ("2", 0.0), (None, 1.0)]),
        ("UPDATE t SET s = f(u, 100) ORDER BY p DESC LIMIT 1", 1, [("1", 3.0), ("2", 102.0), (None, 1.0)]),
        ("UPDATE t SET u = 10, s = f(u, p)", 3, [("10", 12.0), ("10", 13.0), ("10", 11.0)]),
        ("DELETE FROM t WHERE f(u, p) > 2", 2, [(None, 1.0)]),
        ("DELETE FROM t LIMIT 2", 2, [(None, 1.0)]),
    ],
)
def test_Q08_updates_and_deletes(client: Client, sql: str, changed: int, rows: list[tuple[Any, ...]]) -> None:
    assert client.count(sql) == changed
    assert sorted(client.rows("SELECT u, s FROM t"), key=str) == sorted(rows, key=str)


def test_a_table_that_is_there_costs_no_prediction(client: Client, endpoint: Stub) -> None:
    client.count("CREATE TABLE IF NOT EXISTS t SELECT f(u, p) FROM t")
    assert client.rows("SHOW WARNINGS") == [("Note", 1050, "Table 't' already exists")]
    assert client.error("CREATE TABLE t SELECT f(u, p) FROM t") == (1050, "Table 't' already exists")
    assert endpoint.bodies == []


@pytest.mark.parametrize(
    ("sql", "headings"),
    [
        ("SELECT f(u, p), u, COUNT(*) OVER (), 'a' FROM t", ["f(u, p)", "u", "COUNT(*) OVER ()", "'a'"]),
        ("SELECT f(u,p) AS s, f(1 , 2) FROM t", ["s", "f(1 , 2)"]),
        ("WITH x AS (SELECT 1 n) SELECT f(n, n) FROM x", ["f(n, n)"]),
        ("SELECT 1+1", ["1+1"]),
        (f"SELECT '{'x' * 300}'", [f"'{'x' * 255}"]),
    ],
)
def test_headings_are_the_texts(client: Client, sql: str, headings: list[str]) -> None:
    assert client.headings(sql) == headings


@pytest.mark.parametrize("name", ["predict", "translate", "score", "left_over", "forecast"])
def test_a_function_may_be_named_as_one_of_sqlglots(client: Client, name: str) -> None:
    client.count(f"CREATE FUNCTION {name} (a BIGINT, b BIGINT) RETURNS int {TAIL} 'ep'")
    client.count(f"CREATE TABLE {name} (a int, b int)")
    client.count(f"INSERT INTO {name} (a, b) VALUES ({name}(1, 2), 5)")
    assert client.rows(f"SELECT {name}(a, b) FROM {name}") == [(8,)]


def test_explain_says_what_is_batched(client: Client, endpoint: Stub) -> None:
    def extra(sql: str) -> Any:
        return client.rows(f"EXPLAIN {sql}")[0][-1]

    assert extra("SELECT f(u, p) FROM t") == "Batched machine learning"
    assert extra("SELECT u FROM t WHERE f(u, p) > 1") == "Using where; Batched machine learning"
    assert extra("SELECT u FROM t") is None
    assert extra("SELECT f(u, COUNT(*)) FROM t GROUP BY u") is None
    assert extra("UPDATE t SET s = f(u, p)") == "Batched machine learning"
    assert extra("INSERT INTO t VALUES (f(1, 1), 1, 1)") == "Batched machine learning"
    assert endpoint.bodies == []


def test_a_function_of_another_database(database: Database, client: Client) -> None:
    client.count("CREATE DATABASE other")
    other = Client(Session(database, "admin", "other"))
    assert other.error("SELECT f(1, 2)") == (1305, "FUNCTION other.f does not exist")
    assert other.rows("SELECT test.f(1, 2), test.f(u, p) FROM test.t LIMIT 1") == [(3.0, 3.0)]
    other.session.close()


def test_a_call_in_its_place_goes_on_after_an_error_in_a_transaction(client: Client) -> None:
    """DuckDB gives up the function with the transaction that it was made in."""
    client.count("INSERT INTO t VALUES ('x', '1', 1)")
    client.count("START TRANSACTION")
    assert client.error("SELECT a.u FROM t a JOIN t b ON f(a.u, b.p) > 3")[0] == 1366
    client.count("START TRANSACTION")
    assert client.rows("SELECT COUNT(*) FROM t a JOIN t b ON f(a.p, b.p) > 3") == [(8,)]
    client.count("ROLLBACK")
    assert client.rows("SELECT COUNT(*) FROM t a JOIN t b ON f(a.p, b.p) > 3") == [(8,)]
