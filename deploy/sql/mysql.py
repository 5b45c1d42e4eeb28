"""Aurora MySQL, version 2 (MySQL 5.7) and 3 (MySQL 8.0)."""

from deploy.sql.function import ROWS, Function
from deploy.sql.names import backticked, function, literal
from deploy.sql.refusal import NotSql
from deploy.sql.types import Type, dialect

NAME = "Aurora MySQL"
VERSIONS = (2, 3)
TYPES = dialect(
    NAME,
    """
    boolean=BOOLEAN
    tinyint=TINYINT
    smallint=SMALLINT
    integer=INT
    bigint=BIGINT
    real=FLOAT
    double=DOUBLE
    decimal=DECIMAL
    varchar=VARCHAR
    char=CHAR
    text=TEXT
    date=DATE
    timestamp=DATETIME
    """,
    varchar=16383,  # characters of utf8mb4 in the 65,535 bytes of a row
    digits=65,
    scale=30,
)
_ANSWERS = ("tinyint", "smallint", "integer", "bigint", "real", "double", "decimal", "varchar")
_TEXTS = ("varchar", "char", "text")
_USER = 32  # characters


def text(made: Function) -> str:
    name = _qualified(made)
    columns, quoted = made.schema.columns, made.columns(backticked)
    _refuse_twins([column.name for column in columns])
    arguments = ",\n".join(f"  {each} {_type(column.type)}" for each, column in zip(quoted, columns, strict=True))
    batch = f"\nMAX_BATCH_SIZE {made.max_batch_size}" if made.max_batch_size is not None else ""
    return f"""\
-- {NAME}: rows go as text/csv without a header, one value a row comes back (Q-01).
-- No body and no READS SQL DATA. binlog_format=STATEMENT refuses it. DROP FUNCTION comes before another definition.
CREATE FUNCTION {name} (
{arguments}
)
RETURNS {_answer(made)}
ALIAS AWS_SAGEMAKER_INVOKE_ENDPOINT
ENDPOINT NAME {literal(made.endpoint)}{batch};

{_grants(made, name)}
-- An example. EXPLAIN says `Batched machine learning` where rows are sent together, {made.max_batch_size or ROWS} at
-- most. With LIMIT too a whole batch may be sent.
SELECT {", ".join(quoted)},
  {name}({", ".join(quoted)}) AS `answer`
FROM {made.inputs(backticked)}
LIMIT 10;
"""


def _qualified(made: Function) -> str:
    name = backticked(function(made.name, NAME, 64, is_folded=False), "the function")
    return f"{backticked(made.database, 'the database')}.{name}" if made.database else name


def _type(one: Type) -> str:
    if one.kind in ("varchar", "char") and one.size is None:
        raise NotSql(f"MySQL's {one.kind} has a length: write {one.kind}(255)")
    if one.kind == "char" and one.size is not None and one.size > 255:  # noqa: PLR2004
        raise NotSql(f"{one} is longer than MySQL takes: write varchar({one.size})")
    return TYPES.text(one) + (" CHARSET utf8mb4" if one.kind in _TEXTS else "")


def _answer(made: Function) -> str:
    answer = made.scalar_answer(NAME)
    if answer.kind not in _ANSWERS:
        right = "'varchar(255)'" if answer.kind == "text" else "'varchar(n)', and cast it in the query"
        raise NotSql(f"{NAME} returns numbers and varchar only (Q-05), not {answer}: write --returns {right}")
    return _type(answer)


def _refuse_twins(names: list[str]) -> None:
    """MySQL's arguments are the same in capitals and in small letters."""
    folded = [name.lower() for name in names]
    twin = next((name for name in names if folded.count(name.lower()) > 1), None)
    if twin is not None:
        raise NotSql(f"MySQL cannot tell two arguments {twin.lower()!r} apart by capitals: rename one by --columns")


def _grants(made: Function, name: str) -> str:
    if not made.users:
        return f"-- Who may call it: {_access(made.mysql_version)} TO 'user'@'host', and EXECUTE on the function.\n"
    lines = []
    for user in made.users:
        who = _user(user)
        lines.append(f"{_access(made.mysql_version)} TO {who};")
        lines.append(f"GRANT EXECUTE ON FUNCTION {name} TO {who};")
        if made.mysql_version > 2:  # noqa: PLR2004
            lines.append(f"-- for all sessions of that user, with all its roles: SET DEFAULT ROLE ALL TO {who}")
    if made.mysql_version > 2:  # noqa: PLR2004
        lines.append("-- A role is granted, and then has to be active in the session that calls the function:")
        lines.append("SET ROLE ALL;")
    return "\n".join(lines) + "\n"


def _access(version: int) -> str:
    """Q-09: a role of version 3 was a privilege of version 2."""
    return "GRANT AWS_SAGEMAKER_ACCESS" if version > 2 else "GRANT INVOKE SAGEMAKER ON *.*"  # noqa: PLR2004


def _user(user: str) -> str:
    """`app`, or `app@10.0.%`, as MySQL's 'app'@'10.0.%'."""
    name, at, host = user.rpartition("@")
    if not at:
        name, host = user, "%"
    if not name or not host or len(name) > _USER or not user.isprintable():
        raise NotSql(f"--user {user!r} is no user of MySQL: app, or app@10.0.%, {_USER} characters before the @")
    return f"{literal(name)}@{literal(host)}"
