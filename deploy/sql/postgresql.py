"""Aurora PostgreSQL: a function of SQL round `aws_sagemaker.invoke_endpoint` of the extension aws_ml."""

from deploy.sql.function import Function
from deploy.sql.names import double_quoted, literal
from deploy.sql.refusal import NotSql
from deploy.sql.schema import Column
from deploy.sql.types import Type, dialect

NAME = "Aurora PostgreSQL"
TYPES = dialect(
    NAME,
    """
    boolean=boolean
    tinyint=smallint
    smallint=smallint
    integer=integer
    bigint=bigint
    real=real
    double=double precision
    decimal=numeric
    varchar=varchar
    char=char
    text=text
    date=date
    timestamp=timestamp
    """,
    varchar=10_485_760,
    digits=1000,
    scale=1000,
)
_BYTES = 63  # of a name
# PostgreSQL passes 100 arguments to a function; the endpoint's name and the batch size are two of them
ARGUMENTS = 98


def text(made: Function) -> str:
    name = made.qualified(NAME, _quoted, _BYTES)
    columns, quoted = made.schema.columns, made.columns(_quoted)
    types = [_type(column.type) for column in columns]
    if len(columns) > ARGUMENTS:
        kind = _only_type(types)
        arguments, passed, types = [f"IN inputs {kind}[]"], "inputs", [f"{kind}[]"]
        call = f"{name}(ARRAY[{', '.join(quoted)}])"
    else:
        arguments = [f"IN {each} {kind}" for each, kind in zip(quoted, types, strict=True)]
        passed = ", ".join(_passed(each, column) for each, column in zip(quoted, columns, strict=True))
        call = f"{name}({', '.join(quoted)})"
    several = len(made.schema.returns) > 1
    answer = made.qualified(NAME, _quoted, _BYTES, "_answer") if several else _type(made.schema.returns[0].type)
    fields = ",\n".join(f"  {_quoted(each.name, 'the answer')} {_type(each.type)}" for each in made.schema.returns)
    batch = "NULL" if made.max_batch_size is None else str(made.max_batch_size)
    body = f"""\
  SELECT (aws_sagemaker.invoke_endpoint(
    {literal(made.endpoint)}, {batch},
    {passed}
  ))::{answer}"""
    quote = _dollars(body)
    return f"""\
-- {NAME}: rows go as text/csv without a header (Q-01), NULL as an empty field (Q-03): COALESCE where that
-- is wrong.
CREATE EXTENSION IF NOT EXISTS aws_ml CASCADE;

{f"CREATE TYPE {answer} AS ({chr(10)}{fields}{chr(10)});{chr(10)}{chr(10)}" if several else ""}\
-- LANGUAGE SQL, PARALLEL SAFE and the cost are what lets rows be sent together.
CREATE OR REPLACE FUNCTION {name} (
{_lines(arguments)}
) RETURNS {answer} AS {quote}
{body}
{quote} LANGUAGE SQL PARALLEL SAFE COST 5000;

{_grants(made, name, ", ".join(types))}
-- An example. EXPLAIN ANALYZE says `Batch Processing` where rows are sent together.
SELECT {", ".join(quoted)},
  {f"({call}).*" if several else f"{call} AS {_quoted('answer', 'the answer')}"}
FROM {made.inputs(_quoted)}
LIMIT 10;
"""


def _quoted(name: str, what: str) -> str:
    return double_quoted(name, what, "PostgreSQL", _BYTES)


def _type(one: Type) -> str:
    """Text of any length: its arguments have no length, and a cast to varchar(8) would cut an answer in silence."""
    return TYPES.names["varchar"] if one.kind == "varchar" else TYPES.text(one)


def _passed(name: str, column: Column) -> str:
    """A boolean of PostgreSQL is written t or f, which a model need not know; as text it is true or false."""
    return f"{name}::text" if column.type.kind == "boolean" else name


def _only_type(types: list[str]) -> str:
    if len(set(types)) > 1 or types[0] == "boolean":
        raise NotSql(
            f"{NAME} passes {ARGUMENTS} columns at most, and more only as one array of one type; these are "
            f"{len(types)} of {', '.join(sorted(set(types)))}: declare them all alike by --columns"
        )
    return types[0]


def _dollars(body: str) -> str:
    """A quote that is not in the body, whatever the columns are called."""
    number = 0
    while f"$f{number}$" in body:
        number += 1
    return f"$f{number}$"


def _lines(parts: list[str]) -> str:
    return ",\n".join(f"  {part}" for part in parts)


def _grants(made: Function, name: str, types: str) -> str:
    lines = [
        "-- PostgreSQL lets everybody call a new function, and this one costs money.",
        f"REVOKE EXECUTE ON FUNCTION {name}({types}) FROM PUBLIC;",
    ]
    if not made.users:
        lines.append(
            "-- Who may: GRANT EXECUTE on it and on aws_sagemaker.invoke_endpoint, USAGE on the schema aws_sagemaker."
        )
    for user in made.users:
        who = _quoted(user, "the user")
        lines.append(f"GRANT EXECUTE ON FUNCTION {name}({types}) TO {who};")
        lines.append(f"GRANT USAGE ON SCHEMA aws_sagemaker TO {who};")
        lines.append(f"GRANT EXECUTE ON FUNCTION aws_sagemaker.invoke_endpoint TO {who};")
    return "\n".join(lines) + "\n"
