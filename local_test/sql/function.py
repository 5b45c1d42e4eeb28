"""CREATE FUNCTION ... ALIAS AWS_SAGEMAKER_INVOKE_ENDPOINT, as Aurora reads it (Q-01)."""

import re
from dataclasses import dataclass

from local_test.sql import types
from local_test.sql.errors import SqlError, chosen, not_here
from local_test.sql.types import SqlType
from local_test.sql.words import Words

BATCH = 10_000  # rows in a request, where MAX_BATCH_SIZE is not given
ALIAS = "AWS_SAGEMAKER_INVOKE_ENDPOINT"
_ENDPOINT = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
_AFTER_TYPE = ("CHARSET", "CHARACTER", "COLLATE", "SQL", "ALIAS", "NOT", "DETERMINISTIC", "COMMENT", "LANGUAGE",
               "CONTAINS", "NO", "READS", "MODIFIES", "RETURN", "BEGIN")  # fmt: skip


@dataclass(frozen=True)
class Function:
    database: str
    name: str
    arguments: tuple[tuple[str, SqlType], ...]
    returns: SqlType
    endpoint: str
    batch: int
    definer: str = "admin@%"
    security: str = "DEFINER"
    created: str = ""  # YYYY-MM-DD HH:MM:SS

    @property
    def full_name(self) -> str:
        return f"{self.database}.{self.name}"


@dataclass(frozen=True)
class Definition:
    function: Function
    is_needed: bool  # without IF NOT EXISTS


def is_definition(words: Words) -> bool:
    if words.starts("CREATE", "FUNCTION") or words.starts("CREATE", "AGGREGATE", "FUNCTION"):
        return True
    return words.starts("CREATE", "DEFINER")


def parse(words: Words, database: str | None, definer: str, now: str) -> Definition:
    """Raises SqlError: 1064 where Aurora's syntax is not met, 1235 for other functions than SageMaker's."""
    words.expect("CREATE")
    if words.accept("DEFINER", "="):
        definer = user(words)
    words.expect("FUNCTION")
    is_needed = not words.accept("IF", "NOT", "EXISTS")
    database, name = words.qualified(database)
    database = chosen(database)
    arguments = _arguments(words)
    if words.accept("DEFINER", "="):  # where AWS's page has it
        definer = user(words)
    words.expect("RETURNS")
    returns = types.parse(words.until(*_AFTER_TYPE))
    if words.accept("CHARSET") or words.accept("CHARACTER", "SET"):
        words.name()
    security = "DEFINER"
    if words.accept("SQL", "SECURITY"):
        security = "INVOKER" if words.accept("INVOKER") else "DEFINER"
        if security == "DEFINER":
            words.expect("DEFINER")
    if words.starts("RETURN") or words.starts("BEGIN") or words.starts("DETERMINISTIC"):
        raise not_here(f"a stored function other than ALIAS {ALIAS}")
    words.expect("ALIAS")
    if not words.accept(ALIAS):
        raise not_here(f"ALIAS {words.name()}; here is only {ALIAS}")
    words.expect("ENDPOINT", "NAME")
    endpoint = words.text()
    batch = words.number() if words.accept("MAX_BATCH_SIZE") else BATCH
    words.end()
    _check(returns, endpoint, batch)
    return Definition(
        Function(database, name, arguments, returns, endpoint, batch, definer, security, now), is_needed=is_needed
    )


def _arguments(words: Words) -> tuple[tuple[str, SqlType], ...]:
    found: list[tuple[str, SqlType]] = []
    words.expect("(")
    while not words.accept(")"):
        if found:
            words.expect(",")
        name = words.name()
        found.append((name, types.parse(words.until(",", ")", "CHARSET", "CHARACTER", "COLLATE"))))
        if words.accept("CHARSET") or words.accept("CHARACTER", "SET") or words.accept("COLLATE"):
            words.name()
    return tuple(found)


def _check(returns: SqlType, endpoint: str, batch: int) -> None:
    if not returns.is_number and returns.length is None:
        raise not_here(f"RETURNS {returns.declared}: a SageMaker function returns a number (not BIT) or a VARCHAR")
    if not _ENDPOINT.fullmatch(endpoint):
        raise SqlError(1105, f"Endpoint name {endpoint!r} is not 1 to 63 letters, digits and hyphens")
    if batch < 1:
        raise SqlError(1105, "MAX_BATCH_SIZE is a number of rows, 1 or more")


def user(words: Words) -> str:
    """`'name'@'host'`, with or without quotes or host, as name@host."""
    name = words.text() if words.is_text() else words.name()
    host = "%"
    if words.accept("@"):
        host = words.text() if words.is_text() else words.name()
    return f"{name}@{host}"


def create_text(function: Function) -> str:
    """The statement that makes it again, as SHOW CREATE FUNCTION has it."""
    name, _, host = function.definer.rpartition("@")
    arguments = ", ".join(f"{types.backticked(each)} {kind.declared}" for each, kind in function.arguments)
    charset = "" if function.returns.is_number else " CHARSET utf8mb4"
    return (
        f"CREATE DEFINER={types.backticked(name)}@{types.backticked(host)} FUNCTION {types.backticked(function.name)}"
        f"({arguments}) RETURNS {function.returns.declared}{charset}\n"
        + (f"    SQL SECURITY {function.security}\n" if function.security == "INVOKER" else "")
        + f"    ALIAS {ALIAS} ENDPOINT NAME {types.literal(function.endpoint)} MAX_BATCH_SIZE {function.batch}"
    )
