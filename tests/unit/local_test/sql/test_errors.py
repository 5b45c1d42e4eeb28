"""MySQL's numbers for what goes wrong: of statements, of arguments, of endpoints."""

import pytest

from tests.endpointstub import Stub, echo
from tests.unit.local_test.sql.conftest import Client

TAIL = "ALIAS AWS_SAGEMAKER_INVOKE_ENDPOINT ENDPOINT NAME"


@pytest.mark.parametrize(
    ("sql", "code", "sentence"),
    [
        ("SELECT f(1)", 1318, "Incorrect number of arguments for FUNCTION test.f; expected 2, got 1"),
        ("SELECT F(1, 2, 3) FROM t", 1318, "Incorrect number of arguments for FUNCTION test.f; expected 2, got 3"),
        ("SELECT g(1)", 1305, "FUNCTION test.g does not exist"),
        ("DROP FUNCTION g", 1305, "FUNCTION test.g does not exist"),
        ("SHOW CREATE FUNCTION g", 1305, "FUNCTION g does not exist"),
        (f"CREATE FUNCTION f (a int) RETURNS int {TAIL} 'ep'", 1304, "FUNCTION f already exists"),
        ("SELECT * FROM nope", 1146, "Table 'test.nope' doesn't exist"),
        ("SELECT f(a, b) FROM nope", 1146, "Table 'test.nope' doesn't exist"),
        ("SELECT f(a, b) FROM test.nope", 1146, "Table 'test.nope' doesn't exist"),
        ("INSERT INTO nope VALUES (1)", 1146, "Table 'test.nope' doesn't exist"),
        ("SELECT nope FROM t", 1054, "Unknown column 'nope' in 'field list'"),
        ("SELECT f(u, nope) FROM t", 1054, "Unknown column 'nope' in 'field list'"),
        ("UPDATE t SET nope = 1", 1054, "Unknown column 'nope' in 'field list'"),
        ("SELECT f(u, p) FROM t a, t b", 1052, "Column 'u' in field list is ambiguous"),
        ("INSERT INTO t VALUES (1)", 1136, "Column count doesn't match value count at row 1"),
        ("CREATE TABLE t (a int)", 1050, "Table 't' already exists"),
        ("DROP TABLE nope", 1051, "Unknown table 'test.nope'"),
        ("USE nope", 1049, "Unknown database 'nope'"),
        ("CREATE DATABASE test", 1007, "Can't create database 'test'; database exists"),
        ("DROP DATABASE nope", 1008, "Can't drop database 'nope'; database doesn't exist"),
        ("SELECT u, COUNT(*) FROM t", 1055, "incompatible with sql_mode=only_full_group_by"),
        ("SELEC 1", 1064, "You have an error in your SQL syntax"),
        ("SELECT 1; SELECT 2", 1064, "near ' SELECT 2' at line 1"),
        ("CALL x()", 1064, "near 'CALL x()' at line 1"),
        ("", 1065, "Query was empty"),
        ("SELECT @@nope", 1193, "Unknown system variable 'nope'"),
        ("SELECT @a := 1", 1235, "use SET @x = ..."),
        ("SELECT aws_comprehend_detect_sentiment('x', 'en')", 1305,
         "FUNCTION aws_comprehend_detect_sentiment does not exist: of AWS's services only SageMaker is here"),
        ("CREATE VIEW v AS SELECT f(u, p) FROM t", 1235, "a view with a SageMaker function"),
        ("CREATE TABLE g (a int DEFAULT (f(1, 2)))", 1235, "a SageMaker function in this place"),
        ("ALTER TABLE t ADD COLUMN z int NOT NULL", 1235, "ALTER TABLE with a constraint other than DEFAULT"),
        ("CREATE TABLE g (a int, b int AS (a + 1))", 1235, "generated columns"),
        ("CREATE TABLE g LIKE t", 1235, "CREATE TABLE ... LIKE"),
        ("SELECT f(x.u, 1) FROM t", 1054, "Unknown column 'x.u' in 'field list'"),
        ("SELECT * FROM mysql.tiffin_user", 1142, "SELECT command denied to user 'admin'@'%' for table 'tiffin_user'"),
        ("SELECT * FROM duckdb_settings()", 1064, "duckdb_settings() is no table"),
        ("SELECT * FROM read_csv('/etc/passwd')", 1064, "is no table"),
        ("SELECT * FROM '/etc/passwd'", 1146, "doesn't exist"),
        ("SELECT * FROM `/etc/passwd`", 1146, "doesn't exist"),
        ("LOAD DATA INFILE '/etc/passwd' INTO TABLE t", 1290, "--secure-file-priv"),
        ("COPY t TO '/tmp/x'", 1235, "COPY statements"),
        ("ATTACH 'x' AS y", 1064, "error in your SQL syntax"),
        ("SELECT u INTO OUTFILE '/tmp/x' FROM t", 1064, "error in your SQL syntax"),
    ],
)  # fmt: skip
def test_statements(client: Client, endpoint: Stub, sql: str, code: int, sentence: str) -> None:
    found = client.error(sql)
    assert (found[0], sentence in found[1]) == (code, True), found
    assert endpoint.bodies == []
    if sql:
        assert client.rows("SHOW ERRORS") == [("Error", *found)]


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("BIGINT", "'abc'", (1366, "Incorrect integer value: 'abc' for column 'a' at row 1")),
        ("BIGINT", "'9223372036854775808'", (1264, "Out of range value for column 'a' at row 1")),
        ("TINYINT", "300", (1264, "Out of range value for column 'a' at row 1")),
        ("INT UNSIGNED", "-1", (1264, "Out of range value for column 'a' at row 1")),
        ("DOUBLE", "'x'", (1366, "Incorrect double value: 'x' for column 'a' at row 1")),
        ("DECIMAL(4,1)", "12345", (1264, "Out of range value for column 'a' at row 1")),
        ("DATE", "'2020-13-01'", (1292, "Incorrect date value: '2020-13-01' for column 'a' at row 1")),
        ("VARCHAR(3)", "'한글은요'", (1406, "Data too long for column 'a' at row 1")),
    ],
)
def test_arguments_are_cast_as_in_strict_mode(
    client: Client, endpoint: Stub, kind: str, value: str, expected: tuple[int, str]
) -> None:
    client.count(f"CREATE FUNCTION g (a {kind}) RETURNS double {TAIL} 'ep'")
    assert client.error(f"SELECT g({value})") == expected
    assert endpoint.bodies == []


def test_the_row_of_a_bad_argument_is_named(client: Client) -> None:
    client.count("INSERT INTO t (u, p) VALUES ('4', '4'), ('x', '5')")
    assert client.error("SELECT f(u, p) FROM t") == (1366, "Incorrect integer value: 'x' for column 'a' at row 5")


@pytest.mark.parametrize(
    ("kind", "answer", "expected"),
    [
        ("double", b"1.5\n", 1.5),
        ("int", b"2.6\n", 3),
        ("int", b" 7 \n", 7),
        ("decimal(10,2)", b"1.234\n", "1.23"),
        ("varchar(3)", "한글은요\n".encode(), "한글은"),
        ("varchar(9)", b'"a,""b"\n', 'a,"b'),
        ("varchar(9)", b"\n", None),
        ("double", b"\n", None),
        ("double", b"no\n", (1366, "Incorrect double value: 'no' for column 'g' at row 1")),
        ("double", b"nan\n", (1366, "Incorrect double value: 'nan' for column 'g' at row 1")),
        ("double", b"inf\n", (1366, "Incorrect double value: 'inf' for column 'g' at row 1")),
        ("tinyint", b"300\n", (1264, "Out of range value for column 'g' at row 1")),
        ("double", b"1\n2\n", (1105, "Endpoint 'ep' answered 2 lines for 1 row: one for each row is needed")),
        ("double", b"", (1105, "Endpoint 'ep' answered 0 lines for 1 row: one for each row is needed")),
    ],
)
def test_Q05_answers_are_cast_to_what_was_declared(
    client: Client, endpoint: Stub, kind: str, answer: bytes, expected: object
) -> None:
    endpoint.answer = lambda _body: (200, "text/csv", answer)
    client.count(f"CREATE FUNCTION g (a BIGINT) RETURNS {kind} {TAIL} 'ep'")
    if isinstance(expected, tuple):
        assert client.error("SELECT g(1)") == expected
    else:
        [(found,)] = client.rows("SELECT g(1)")
        assert (str(found) if isinstance(expected, str) else found) == expected


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((500, "text/plain", b"boom"), "Endpoint 'ep' answered 500: boom"),
        (
            (424, "application/json", b'{"Message": "x"}' + b"y" * 500),
            'Endpoint \'ep\' answered 424: {"Message": "x"}yyy',
        ),
        ((400, "text/plain", b""), "Endpoint 'ep' answered 400: (nothing)"),
        (
            (200, "application/json", b"[1]"),
            "Endpoint 'ep' answered application/json where text/csv is needed; no Accept",
        ),
        (
            (200, "text/csv", b"1,2\n"),
            "Endpoint 'ep' answered 2 values in line 1 of 1 row: '1,2'; one value is needed",
        ),
        ((200, "text/csv", b"\xff\n"), "Endpoint 'ep' answered bytes that are not UTF-8"),
    ],
)
@pytest.mark.parametrize(
    "sql", ["SELECT f(1, 2)", "SELECT f(1, COUNT(*)) FROM t GROUP BY u HAVING u = 1"], ids=["batched", "in place"]
)
def test_endpoints(client: Client, endpoint: Stub, answer: tuple[int, str, bytes], sentence: str, sql: str) -> None:
    endpoint.answer = lambda _body: answer
    code, message = client.error(sql)
    assert (code, message[: len(sentence)]) == (1105, sentence)
    assert len(message) < 260


def test_an_endpoint_without_an_address(client: Client) -> None:
    client.count(f"CREATE FUNCTION g (a BIGINT) RETURNS double {TAIL} 'far'")
    code, message = client.error("SELECT g(1)")
    assert (code, "there is no address of AWS's API (set AWS_ENDPOINT_URL" in message) == (1105, True)


def test_a_failed_statement_changes_nothing(client: Client, endpoint: Stub) -> None:
    endpoint.answer = lambda _body: (500, "text/plain", b"boom")
    assert client.error("UPDATE t SET s = f(u, p)")[0] == 1105
    assert client.error("CREATE TABLE made SELECT f(u, p) FROM t")[0] == 1105
    assert client.rows("SELECT s FROM t") == [(3.0,), (None,), (1.0,)]
    assert client.rows("SHOW TABLES") == [("t",)]


def test_text_goes_there_and_back(client: Client, endpoint: Stub) -> None:
    endpoint.answer = echo
    client.count(f"CREATE FUNCTION g (a VARCHAR(99)) RETURNS VARCHAR(99) {TAIL} 'ep'")
    client.count("CREATE TABLE words (w varchar(99))")
    texts = ["한글", 'say "hi"', "a,b", "line\nline", "  spaced  ", "back\\slash", "'", "😀"]
    client.session.connection.executemany("INSERT INTO words VALUES (?)", [[text] for text in texts])
    assert client.rows("SELECT g(w) FROM words") == [(text,) for text in texts]
    assert endpoint.requests[0][1]["content-type"] == "text/csv"
    assert "accept" not in endpoint.requests[0][1]
