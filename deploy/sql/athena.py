"""Amazon Athena: a function that lives as long as the query which it stands before."""

import re

from deploy.sql.function import Function
from deploy.sql.names import double_quoted, function, literal
from deploy.sql.refusal import NotSql
from deploy.sql.schema import Column
from deploy.sql.types import Type, dialect

NAME = "Athena"
TYPES = dialect(
    NAME,
    """
    boolean=integer
    tinyint=tinyint
    smallint=smallint
    integer=integer
    bigint=bigint
    real=real
    double=double
    decimal=decimal
    varchar=varchar
    char=char
    text=varchar
    date=date
    timestamp=timestamp
    """,
    varchar=65_535,
    digits=38,
    scale=38,
)
_CHARACTERS = 255
_BYTES = 255
# of SELECT statements; a name that is written without quotes is none of them
RESERVED = frozenset(
    """
    alter and as between by case cast constraint create cross cube current_catalog current_date current_path
    current_schema current_time current_timestamp current_user deallocate delete describe distinct drop else end escape
    except execute exists extract false first for from full group grouping having in inner insert intersect into is join
    json_array json_exists json_object json_query json_table json_value last left like listagg localtime localtimestamp
    natural normalize not null on or order outer prepare recursive right rollup select skip table then trim true uescape
    union unnest using values when where with
    """.split()  # noqa: SIM905  a list of seventy quoted words is no page to read
)
_PLAIN = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def text(made: Function) -> str:
    if made.users:
        raise NotSql("Athena grants nobody: who runs the query needs sagemaker:InvokeEndpoint (Q-09); leave --user out")
    if made.max_batch_size is not None:
        raise NotSql("Athena chooses the rows of a request itself: leave --max-batch-size out")
    if made.database:
        raise NotSql(f"a function of Athena lives in its query, not in {made.database!r}: name it without a database")
    name = function(made.name, NAME, _CHARACTERS, is_folded=True)
    if name in RESERVED:
        raise NotSql(f"{name} is a word of Athena's SQL: call the function predict_{name}")
    return f"""\
-- {NAME}: rows go as text/csv without a header, one value a row comes back (Q-01, Q-05). No GROUP BY by the function
-- itself: put this query into a WITH. Who runs it needs sagemaker:InvokeEndpoint on the endpoint (Q-09).
{made.numeric_hint(NAME)}USING EXTERNAL FUNCTION {name}({", ".join(_arguments(made.schema.columns))})
RETURNS {_type(made.scalar_answer(NAME))}
SAGEMAKER {literal(made.endpoint)}
SELECT {", ".join(made.columns(_quoted))},
  {name}({", ".join(made.numeric(_quoted, "integer"))}) AS "answer"
FROM {made.inputs(_quoted)}
LIMIT 10;
"""


def _arguments(columns: tuple[Column, ...]) -> list[str]:
    """Their names stand for nothing but the place: what would need quotes is counted."""
    names = [column.name for column in columns]
    if not all(_PLAIN.fullmatch(name) and name not in RESERVED for name in names):
        names = [f"c{number}" for number in range(1, len(names) + 1)]
    return [f"{name} {_type(column.type)}" for name, column in zip(names, columns, strict=True)]


def _quoted(name: str, what: str) -> str:
    return double_quoted(name, what, NAME, _BYTES)


def _type(one: Type) -> str:
    """A varchar without a length takes any text."""
    return TYPES.names["varchar"] if one.kind == "varchar" else TYPES.text(one)
