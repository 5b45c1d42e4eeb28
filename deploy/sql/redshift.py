"""Amazon Redshift: a model of Redshift ML with remote inference."""

from deploy.sql.function import ROWS, Function
from deploy.sql.names import ROLE_ARN, TARGET_MODEL, double_quoted, literal, matching
from deploy.sql.refusal import NotSql
from deploy.sql.types import Type, dialect

NAME = "Redshift"
TYPES = dialect(
    NAME,
    """
    boolean=INTEGER
    tinyint=SMALLINT
    smallint=SMALLINT
    integer=INTEGER
    bigint=BIGINT
    real=REAL
    double=DOUBLE PRECISION
    decimal=DECIMAL
    varchar=VARCHAR
    char=CHAR
    text=VARCHAR(65535)
    date=DATE
    timestamp=TIMESTAMP
    """,
    varchar=65_535,  # bytes
    digits=38,
    scale=37,
)
_BYTES = 127  # of a name


def text(made: Function) -> str:
    name, model = (made.qualified(NAME, _quoted, _BYTES, more) for more in ("", "_model"))
    return f"""\
-- {NAME}: rows go as text/csv without a header, one value a row comes back (Q-01, Q-05). NULL goes as an empty field
-- (Q-03). Without MAX_BATCH_ROWS a request may have all rows of a slice, and be more than an endpoint takes (H-10).
CREATE MODEL {model}
FUNCTION {name} ({", ".join(_type(column.type) for column in made.schema.columns)})
RETURNS {_type(made.scalar_answer(NAME))}
SAGEMAKER {literal(made.endpoint)}{_target(made)}
IAM_ROLE {_role(made)}
SETTINGS (MAX_BATCH_ROWS {made.max_batch_size or ROWS});

{_grants(made, model)}
-- An example. SHOW MODEL {model} says READY first.
{made.numeric_hint(NAME)}SELECT {", ".join(made.columns(_quoted))},
  {name}({", ".join(made.numeric(_quoted, "INTEGER"))}) AS "answer"
FROM {made.inputs(_quoted)}
LIMIT 10;
"""


def _quoted(name: str, what: str) -> str:
    return double_quoted(name, what, NAME, _BYTES)


def _type(one: Type) -> str:
    """Redshift counts bytes; VARCHAR alone is VARCHAR(256)."""
    if one.kind == "char" and one.size is not None and one.size > 4096:  # noqa: PLR2004
        raise NotSql(f"{one} is longer than Redshift takes: write varchar({one.size})")
    size = 256 if one.kind == "varchar" and one.size is None else None
    return TYPES.text(one, one.octets or size)


def _target(made: Function) -> str:
    """Of a multi-model endpoint; Redshift is the only engine that can name one."""
    if not made.target_model:
        return ""
    right = "the model's path below the endpoint's prefix, such as a.tar.gz, without quotes and backslashes"
    return f":{literal(matching(TARGET_MODEL, made.target_model, '--target-model', right))}"


def _role(made: Function) -> str:
    if made.iam_role == "default":
        return "default"
    return literal(matching(ROLE_ARN, made.iam_role, "--iam-role", "default, or arn:aws:iam::123456789012:role/name"))


def _grants(made: Function, model: str) -> str:
    """Redshift grants on the model, never on its function."""
    if not made.users:
        return f"-- Who may call it: GRANT EXECUTE ON MODEL {model} TO a user.\n"
    users = [_quoted(user, "the user") for user in made.users]
    return "\n".join(f"GRANT EXECUTE ON MODEL {model} TO {user};" for user in users) + "\n"
