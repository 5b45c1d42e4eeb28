"""SET: system variables, users' variables, names, transactions, roles."""

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from local_test.sql import grants, variables
from local_test.sql.calls import Marked
from local_test.sql.errors import SqlError, not_here
from local_test.sql.result import Result
from local_test.sql.words import Words

if TYPE_CHECKING:
    from local_test.sql.session import Session

_WORDS = {"ON": True, "OFF": False, "TRUE": True, "FALSE": False}


def is_one(words: Words) -> bool:
    return words.starts("SET")


def run(session: "Session", words: Words) -> Result:
    if words.accept("SET", "ROLE"):
        chosen = words.until()
        session.active_roles = grants.chosen_roles(chosen, session.user)
        return Result()
    marked = session.mark(words.sql)
    statement = session.parse(marked.sql)
    if not isinstance(statement, exp.Set):
        raise words.wrong()
    for item in statement.expressions:
        _item(session, item, marked)
    return Result()


def _item(session: "Session", item: exp.SetItem, marked: Marked) -> None:
    kind = item.text("kind").upper()
    if kind in ("NAMES", "CHARACTER SET"):
        name = item.name.strip("'\"").lower()
        for part in variables.CHARSETS:
            variables.set_system(session.variables, part, None if name == "default" else name)
        return
    if kind == "TRANSACTION":
        return  # an isolation level: DuckDB has one, snapshots
    if kind in ("GLOBAL", "PERSIST", "PERSIST_ONLY"):
        raise not_here(f"SET {kind}")
    assignment = item.this
    left, right = assignment.this, assignment.expression
    if isinstance(left, exp.Parameter):
        session.user_variables[left.name.lower()] = session.queries.value(right, marked)
        return
    if isinstance(left, exp.SessionParameter) and left.text("kind").upper() == "GLOBAL":
        raise not_here("SET GLOBAL")
    name = left.name.lower()
    value = _value(session, right, marked)
    if name == "autocommit" and value and session.in_transaction:
        session.implicit_commit()
    variables.set_system(session.variables, name, value)


def _value(session: "Session", right: exp.Expr, marked: Marked) -> Any:
    if isinstance(right, exp.Column | exp.Var):
        word = right.name.upper()
        if word == "DEFAULT":
            return None
        return _WORDS.get(word, right.name)
    try:
        return session.queries.value(right, marked)
    except SqlError as error:
        raise SqlError(1231, f"The variable cannot be set: {error.message}") from None
