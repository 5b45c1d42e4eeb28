"""Where a statement calls SageMaker functions: their names are marked before sqlglot reads the text.

Marked, because sqlglot has functions of its own (PREDICT, TRANSLATE ...) that a user's may be named after.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlglot import Token, TokenType, exp, tokenize
from sqlglot.errors import TokenError

from local_test.sql.errors import MARK, NO_FUNCTION, SqlError, near
from local_test.sql.function import Function

# `predict (` after one of these names a table or a key, not the function.
_NAMED_BEFORE = frozenset(
    {"INTO", "TABLE", "EXISTS", "REFERENCES", "KEY", "INDEX", "VIEW", "UPDATE", "WITH", "RECURSIVE", "AS", "CONSTRAINT"}
)
_NEVER = ("aws_comprehend_", "aws_bedrock_")

Lookup = Callable[[str | None, str], Function | None]


@dataclass(frozen=True)
class Marked:
    sql: str
    functions: tuple[Function, ...]  # by the number in the mark

    def function(self, call: exp.Anonymous) -> Function:
        return self.functions[int(call.name.removeprefix(MARK))]


def mark(sql: str, lookup: Lookup, database: str | None) -> Marked:
    """Raises SqlError 1305 for a function of another AWS service, which Aurora would have built in."""
    try:
        tokens = tokenize(sql, read="mysql")
    except TokenError:
        raise near(sql, 0) from None
    found: list[Function] = []
    parts, done = [], 0
    for place, token in enumerate(tokens[:-1]):
        if tokens[place + 1].token_type != TokenType.L_PAREN or token.token_type == TokenType.STRING:
            continue
        if token.text.lower().startswith(_NEVER):
            raise SqlError(
                NO_FUNCTION,
                f"FUNCTION {token.text} does not exist: of AWS's services only SageMaker is here "
                "(CREATE FUNCTION ... ALIAS AWS_SAGEMAKER_INVOKE_ENDPOINT)",
            )
        first, named = _named(tokens, place)
        function = lookup(named or database, token.text)
        if function is None or (first and tokens[first - 1].text.upper() in _NAMED_BEFORE):
            continue
        if function not in found:
            found.append(function)
        parts += [sql[done : tokens[first].start], f"{MARK}{found.index(function)}"]
        done = token.end + 1
    return Marked("".join([*parts, sql[done:]]), tuple(found))


def _named(tokens: Sequence[Token], place: int) -> tuple[int, str | None]:
    """Where the name begins, with the database before it."""
    if place >= 2 and tokens[place - 1].token_type == TokenType.DOT:  # noqa: PLR2004
        return place - 2, tokens[place - 2].text
    return place, None


def is_call(node: exp.Expr) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.startswith(MARK)


def of(node: exp.Expr) -> Iterator[exp.Anonymous]:
    """All of them, in subqueries too."""
    return (each for each in node.find_all(exp.Anonymous) if is_call(each))


def own(select: exp.Select) -> list[exp.Anonymous]:
    """Those that are evaluated for each row of this SELECT."""
    return [each for each in of(select) if each.find_ancestor(exp.Select) is select]


def is_simple(call: exp.Anonymous) -> bool:
    """Whether no argument holds another call."""
    return not any(is_call(node) for argument in call.expressions for node in argument.find_all(exp.Anonymous))


def check_arity(call: exp.Anonymous, function: Function) -> None:
    if len(call.expressions) != len(function.arguments):
        raise SqlError(
            1318,
            f"Incorrect number of arguments for FUNCTION {function.full_name}; expected {len(function.arguments)}, "
            f"got {len(call.expressions)}",
        )


def headings(sql: str) -> list[str]:
    """The text of each item of the first SELECT's list: what MySQL heads a column with that has no alias."""
    tokens = tokenize(sql, read="mysql")
    place = _outermost(tokens)
    if place is None:
        return []
    place += 1
    while place < len(tokens) and tokens[place].text.upper() in ("DISTINCT", "ALL", "SQL_NO_CACHE", "STRAIGHT_JOIN"):
        place += 1
    found, begin, depth = [], place, 0
    for at in range(place, len(tokens) + 1):
        token = tokens[at] if at < len(tokens) else None
        ends = token is None or (
            depth == 0
            and (token.token_type == TokenType.R_PAREN or token.text.upper() in _AFTER_LIST)
            and token.token_type not in (TokenType.STRING, TokenType.IDENTIFIER)
        )
        if ends or (token and depth == 0 and token.token_type == TokenType.COMMA):
            if at > begin:
                found.append(sql[tokens[begin].start : tokens[at - 1].end + 1])
            begin = at + 1
        if ends or token is None:
            break
        depth += (token.token_type == TokenType.L_PAREN) - (token.token_type == TokenType.R_PAREN)
    return found


def _outermost(tokens: Sequence[Token]) -> int | None:
    """The first SELECT that is in no parentheses, or in as few as there are."""
    depth = 0
    found: tuple[int, int] | None = None
    for place, token in enumerate(tokens):
        depth += (token.token_type == TokenType.L_PAREN) - (token.token_type == TokenType.R_PAREN)
        if token.token_type == TokenType.SELECT and (found is None or depth < found[0]):
            found = (depth, place)
    return found[1] if found else None


_AFTER_LIST = frozenset({"FROM", "WHERE", "LIMIT", "ORDER", "GROUP", "HAVING", "UNION", "INTO", ";", "FOR", "WINDOW"})
