"""Columns as they are typed on a command line."""

import pytest

from deploy.sql import schema
from deploy.sql.refusal import NotSql
from deploy.sql.schema import Column
from deploy.sql.types import Type, parse


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("BIGINT(20)", Type("bigint")),  # the hands-on's; a width of display
        ("int", Type("integer")),
        ("Double  Precision", Type("double")),
        ("character varying ( 20 )", Type("varchar", 20)),
        ("numeric(10, 2)", Type("decimal", 10, 2)),
        ("decimal", Type("decimal")),
        ("datetime", Type("timestamp")),
        ("string", Type("text")),
    ],
)
def test_types(text: str, wanted: Type) -> None:
    assert parse(text) == wanted
    assert parse(str(wanted)) == wanted


def test_columns() -> None:
    asked = schema.columns(' user_id bigint,"annual ""net"" income, in €" decimal(10,2) ,한국어 varchar(8)')
    assert asked == (
        Column("user_id", Type("bigint")),
        Column('annual "net" income, in €', Type("decimal", 10, 2)),
        Column("한국어", Type("varchar", 8)),
    )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("double precision", (Column("answer", Type("double")),)),
        ("score double", (Column("score", Type("double")),)),
        ("label varchar(8), p double", (Column("label", Type("varchar", 8)), Column("p", Type("double")))),
    ],
)
def test_answers(text: str, wanted: tuple[Column, ...]) -> None:
    assert schema.returns(text) == wanted


@pytest.mark.parametrize("text", ["a double; DROP TABLE users", "a double) RETURNS text --", "a varchar(99999999999)"])
def test_a_type_is_a_word_and_numbers(text: str) -> None:
    with pytest.raises(NotSql, match="none that a model is asked by"):
        schema.columns(text)
