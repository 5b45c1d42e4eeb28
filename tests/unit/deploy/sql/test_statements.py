"""The statements by grammars that others wrote: PostgreSQL's own, and sqlglot's for what it knows of the others."""

from collections.abc import Sequence
from typing import Any

import pglast
import pytest
import sqlglot
from sqlglot import exp

from deploy.sql import athena, mysql, postgresql, redshift
from deploy.sql.function import Function
from deploy.sql.refusal import NotSql
from deploy.sql.schema import Column, Schema, columns, returns
from deploy.sql.types import Type

# names that would end a quote, a comment, or the body of a function
HOSTILE = [
    "a`); DROP TABLE users; -- ",
    'a"); DROP TABLE users; -- ',
    "a'); DROP TABLE users; -- ",
    "a $f0$ $f1$ LANGUAGE SQL; DROP TABLE users; -- ",
    "a */ DROP TABLE users /*",
    "`",
    '"',
    '""',
    "한국어 열",
    "select",
]


def function(asked: str | Sequence[Column], answer: str = "double", **more: Any) -> Function:
    names = columns(asked) if isinstance(asked, str) else tuple(asked)
    return Function("predict", "endpoint", Schema(names, returns(answer)), **more)


def hostile(name: str) -> Sequence[Column]:
    """Space at the end is no name in MySQL."""
    return [Column(f"{name}x", Type("double")), Column("b", Type("varchar", 8))]


def statements(text: str, dialect: str) -> list[list[Any]]:
    """As tokens, without comments."""
    found: list[list[Any]] = [[]]
    for token in sqlglot.tokenize(text, read=dialect):
        if token.token_type.name == "SEMICOLON":
            found.append([])
        else:
            found[-1].append(token)
    return [each for each in found if each]


def words(tokens: list[Any]) -> list[str]:
    return [token.text for token in tokens]


def parsed(text: str) -> list[Any]:
    """By the parser of PostgreSQL itself."""
    return [raw.stmt for raw in pglast.parse_sql(text)]


def created(text: str) -> Any:
    (found,) = [made for made in parsed(text) if isinstance(made, pglast.ast.CreateFunctionStmt)]
    return found


def option(made: Any, name: str) -> Any:
    (found,) = [each.arg for each in made.options if each.defname == name]
    return found


def test_postgresql_reads_the_function() -> None:
    made = created(postgresql.text(function("user_id bigint, note varchar(8)", max_batch_size=500)))
    assert [(p.name, [n.sval for n in p.argType.names][-1]) for p in made.parameters] == [
        ("user_id", "int8"),
        ("note", "varchar"),
    ]
    assert [name.sval for name in made.returnType.names][-1] == "float8"
    assert (option(made, "language").sval, option(made, "parallel").sval) == ("sql", "safe")
    assert option(made, "cost").ival == 5000
    (body,) = parsed(option(made, "as")[0].sval)
    cast = body.targetList[0].val
    assert [name.sval for name in cast.typeName.names][-1] == "float8"
    assert [name.sval for name in cast.arg.funcname] == ["aws_sagemaker", "invoke_endpoint"]
    endpoint, batch, *passed = cast.arg.args
    assert (endpoint.val.sval, batch.val.ival) == ("endpoint", 500)
    assert [each.fields[0].sval for each in passed] == ["user_id", "note"]


def test_postgresql_has_rows_as_answers() -> None:
    text = postgresql.text(function("a double", "label varchar(8), probability double"))
    (names,) = [made.coldeflist for made in parsed(text) if isinstance(made, pglast.ast.CompositeTypeStmt)]
    assert [column.colname for column in names or ()] == ["label", "probability"]
    assert created(text).returnType.names[-1].sval == "predict_answer"


def test_postgresql_passes_many_columns_as_an_array() -> None:
    """98 and the endpoint's name and the batch size are PostgreSQL's 100 arguments."""
    few = created(postgresql.text(function([Column(f"c{n}", Type("double")) for n in range(98)])))
    many = created(postgresql.text(function([Column(f"c{n}", Type("double")) for n in range(99)])))
    assert (len(few.parameters), len(many.parameters)) == (98, 1)
    assert many.parameters[0].argType.arrayBounds is not None
    mixed = [Column(f"c{n}", Type("double" if n else "bigint")) for n in range(99)]
    with pytest.raises(NotSql, match=r"98 columns at most.*99 of bigint, double precision"):
        postgresql.text(function(mixed))


def test_postgresqls_booleans_are_words() -> None:
    (body,) = parsed(option(created(postgresql.text(function("new boolean"))), "as")[0].sval)
    passed = body.targetList[0].val.arg.args[2]
    assert passed.typeName.names[-1].sval == "text"


@pytest.mark.parametrize("name", HOSTILE)
def test_names_stay_names_in_postgresql(name: str) -> None:
    text = postgresql.text(function(hostile(name), users=[name + "u"], table=f"t.{name.replace('.', '')}"))
    plain = postgresql.text(function(hostile("a"), users=["u"], table="t.t"))
    kinds = [type(each).__name__ for each in parsed(text)]
    assert kinds == [type(each).__name__ for each in parsed(plain)]
    made = created(text)
    assert made.parameters[0].name == f"{name}x"
    body = parsed(option(made, "as")[0].sval)
    assert [type(each).__name__ for each in body] == ["SelectStmt"]
    grantees = [one.rolename for each in parsed(text) for one in getattr(each, "grantees", ())]
    assert grantees[1:] == [name + "u"] * 3


@pytest.mark.parametrize("name", HOSTILE)
def test_names_stay_names_in_mysql(name: str) -> None:
    text = mysql.text(function(hostile(name), users=[f"{name[:30]}u@%"], table=f"t.{name}x"))
    found = statements(text, "mysql")
    assert [words(each)[0].upper() for each in found] == ["CREATE", "GRANT", "GRANT", "SET", "SELECT"]
    assert sum(token.token_type.name == "IDENTIFIER" for token in found[0]) == 3
    assert f"{name}x" in words(found[0])
    select = sqlglot.parse_one(text[text.index("\nSELECT") :], read="mysql")
    assert isinstance(select, exp.Select)
    assert [column.name for column in select.expressions[:2]] == [f"{name}x", "b"]
    assert [table.name for table in select.find_all(exp.Table)] == [f"{name}x"]
    assert f"{name[:30]}u" in words(found[1])


@pytest.mark.parametrize("name", HOSTILE)
def test_names_stay_names_in_redshift_and_athena(name: str) -> None:
    made = function(hostile(name), table=f"t.{name}x")
    found = statements(redshift.text(made), "redshift")
    assert [words(each)[0].upper() for each in found] == ["CREATE", "SELECT"]
    (using,) = statements(athena.text(made), "athena")
    for text in (redshift.text(made), athena.text(made)):
        select = sqlglot.parse_one(text[text.index("\nSELECT") :], read="athena")
        assert [column.name for column in select.expressions[:2]] == [f"{name}x", "b"]
        assert [table.name for table in select.find_all(exp.Table)] == [f"{name}x"]
    assert words(using)[:3] == ["USING", "EXTERNAL", "FUNCTION"]


@pytest.mark.parametrize("text", [mysql.text, postgresql.text, redshift.text, athena.text])
@pytest.mark.parametrize("name", ["a\nDROP TABLE users", "a\x00", "a\u2028b", ""])
def test_names_of_several_lines_are_refused(text: Any, name: str) -> None:
    """They stand in comments, too."""
    with pytest.raises(NotSql, match="of one line"):
        text(function([Column(name, Type("double"))]))
    with pytest.raises(NotSql):
        text(function("a double", database=name or "x\n"))


def test_mysqls_arguments_are_columns_that_a_table_could_have() -> None:
    made = function("a bigint(20), b decimal(10,2), c varchar(20), d boolean, e timestamp, f real", "varchar(8)")
    text = mysql.text(made)
    between = text[text.index("(\n") : text.index("\n)\n") + 2]
    table = sqlglot.parse_one(f"CREATE TABLE t {between}", read="mysql")
    assert [column.args["kind"].sql("mysql") for column in table.find_all(exp.ColumnDef)] == [
        "BIGINT",
        "DECIMAL(10, 2)",
        "VARCHAR(20)",
        "BOOLEAN",
        "DATETIME",
        "FLOAT",
    ]
    assert "`c` VARCHAR(20) CHARSET utf8mb4" in between
    assert "\nRETURNS VARCHAR(8) CHARSET utf8mb4\n" in text


def test_each_version_of_mysql_has_its_grant() -> None:
    by_version = {n: mysql.text(function("a double", users=["app"], mysql_version=n)) for n in (2, 3)}
    for version, wanted in (
        (2, "GRANT INVOKE SAGEMAKER ON *.* TO 'app'@'%';"),
        (3, "GRANT AWS_SAGEMAKER_ACCESS TO 'app'@'%';"),
    ):
        assert wanted in by_version[version].splitlines()
        assert "GRANT EXECUTE ON FUNCTION `predict` TO 'app'@'%';" in by_version[version].splitlines()
    assert "SET ROLE ALL;" in by_version[3].splitlines()
    assert "SET ROLE" not in by_version[2]


def test_a_query_in_each_dialect_parses() -> None:
    made = function("user_id bigint, note varchar(8)")
    for text, dialect in (
        (mysql.text, "mysql"),
        (postgresql.text, "postgres"),
        (redshift.text, "redshift"),
        (athena.text, "athena"),
    ):
        whole = text(made)
        select = sqlglot.parse_one(whole[whole.index("\nSELECT") :], read=dialect)
        assert [each.alias_or_name for each in select.expressions] == ["user_id", "note", "answer"]
