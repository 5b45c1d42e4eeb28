"""CREATE FUNCTION as Aurora's page has it, and what is refused by which number."""

import pytest

from local_test.sql import function
from local_test.sql.errors import SqlError
from local_test.sql.function import Function
from local_test.sql.words import Words

HANDSON = """CREATE FUNCTION recommend_score (
       user_id BIGINT(20),
       product_id BIGINT(20))
RETURNS double
       alias aws_sagemaker_invoke_endpoint
       endpoint name 'sagemaker-mxnet-2020-04-03-05-29-52-786';
"""
TAIL = "ALIAS AWS_SAGEMAKER_INVOKE_ENDPOINT ENDPOINT NAME 'ep'"


def parsed(sql: str) -> Function:
    return function.parse(Words(sql), "test", "admin@%", "2026-01-02 03:04:05").function


def test_Q01_the_hands_ons_own_statement() -> None:
    found = parsed(HANDSON)
    assert (found.full_name, found.endpoint) == ("test.recommend_score", "sagemaker-mxnet-2020-04-03-05-29-52-786")
    assert [(name, kind.declared, kind.duck) for name, kind in found.arguments] == [
        ("user_id", "bigint(20)", "BIGINT"),
        ("product_id", "bigint(20)", "BIGINT"),
    ]
    assert (found.returns.duck, found.batch) == ("DOUBLE", 10_000)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (f"create function d.f () returns int {TAIL}", ("d", "f", (), "INTEGER", 10_000, "admin@%", "DEFINER")),
        (
            f"CREATE FUNCTION `f` (`a` varchar(9) CHARSET utf8mb4, b decimal(10,2)) RETURNS varchar(32) "
            f"CHARSET utf8mb4 SQL SECURITY INVOKER {TAIL} MAX_BATCH_SIZE 500",
            ("test", "f", ("VARCHAR", "DECIMAL(10,2)"), "VARCHAR", 500, "admin@%", "INVOKER"),
        ),
        (
            f"CREATE DEFINER='u'@'localhost' FUNCTION IF NOT EXISTS f (a int unsigned) RETURNS float {TAIL}",
            ("test", "f", ("UINTEGER",), "FLOAT", 10_000, "u@localhost", "DEFINER"),
        ),
        (
            f"CREATE FUNCTION f (a date, b datetime, c bool) DEFINER = u RETURNS decimal {TAIL} -- why",
            ("test", "f", ("DATE", "TIMESTAMP", "TINYINT"), "DECIMAL(10,0)", 10_000, "u@%", "DEFINER"),
        ),
    ],
)
def test_each_part(sql: str, expected: tuple[object, ...]) -> None:
    found = parsed(sql)
    kinds = tuple(kind.duck for _, kind in found.arguments)
    assert (
        found.database, found.name, kinds, found.returns.duck, found.batch, found.definer, found.security
    ) == expected  # fmt: skip


@pytest.mark.parametrize(
    ("sql", "code", "sentence"),
    [
        (f"CREATE FUNCTION f (a int) RETURNS json {TAIL}", 1235, "RETURNS json: a SageMaker function returns a number"),
        (f"CREATE FUNCTION f (a int) RETURNS text {TAIL}", 1235, "RETURNS text"),
        (f"CREATE FUNCTION f (a int) RETURNS date {TAIL}", 1235, "RETURNS date"),
        (f"CREATE FUNCTION f (a int) RETURNS bit {TAIL}", 1064, "there is no type 'bit' here"),
        (f"CREATE FUNCTION f (a int) RETURNS int READS SQL DATA {TAIL}", 1064, "near 'READS SQL DATA"),
        (f"CREATE FUNCTION f (a int) RETURNS int DETERMINISTIC {TAIL}", 1235, "stored function other than"),
        ("CREATE FUNCTION f (a int) RETURNS int RETURN a + 1", 1235, "stored function other than"),
        ("CREATE FUNCTION f (a text) RETURNS int ALIAS aws_comprehend_x", 1235, "ALIAS aws_comprehend_x; here is only"),
        (f"CREATE FUNCTION f (a int) RETURNS int {TAIL} MAX_BATCH_SIZE 0", 1105, "MAX_BATCH_SIZE is a number of rows"),
        (f"CREATE FUNCTION f (a int) RETURNS int {TAIL} MAX_BATCH_SIZE x", 1064, "near 'x' at line 1"),
        (f"CREATE FUNCTION f (a int RETURNS int {TAIL}", 1064, "error in your SQL syntax"),
        (f"CREATE FUNCTION f (a) RETURNS int {TAIL}", 1064, "error in your SQL syntax"),
        ("CREATE FUNCTION f (a int) RETURNS int ALIAS AWS_SAGEMAKER_INVOKE_ENDPOINT", 1064, "near '' at line 1"),
        (
            "CREATE FUNCTION f (a int) RETURNS int ALIAS AWS_SAGEMAKER_INVOKE_ENDPOINT ENDPOINT NAME 'a_b'",
            1105,
            "'a_b' is not 1 to 63",
        ),
    ],
)
def test_what_is_refused(sql: str, code: int, sentence: str) -> None:
    with pytest.raises(SqlError) as caught:
        parsed(sql)
    assert (caught.value.code, sentence in caught.value.message) == (code, True), caught.value.message


def test_no_database_is_1046() -> None:
    with pytest.raises(SqlError) as caught:
        function.parse(Words(HANDSON), None, "admin@%", "")
    assert (caught.value.code, caught.value.state) == (1046, "3D000")


@pytest.mark.parametrize(
    "sql",
    [HANDSON, f"CREATE FUNCTION f (`a b` varchar(9), c decimal(10,2)) RETURNS varchar(3) SQL SECURITY INVOKER {TAIL}"],
)
def test_the_text_that_is_shown_makes_the_same_function(sql: str) -> None:
    found = parsed(sql)
    assert parsed(function.create_text(found)) == found
