"""A long INSERT of nothing but literals, which sqlglot would read for seconds: its values by one regular expression."""

import re
from dataclasses import dataclass

from local_test.sql.fields import unescaped

LONG = 2_000  # characters: shorter ones cost sqlglot no time that anybody sees
_NAME = r"(?:`[^`]+`|[\w$]+)"
_HEAD = re.compile(
    rf"\s*(INSERT|REPLACE)\s+(INTO\s+)?{_NAME}(\s*\.\s*{_NAME})?\s*(\([^()]*\))?\s*VALUES?\s*(?=\()", re.IGNORECASE
)
_PART = re.compile(
    r"[\s(),]+|[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?(?!\w)|(?:NULL|TRUE|FALSE|DEFAULT)\b"
    r"|'(?:[^'\\]|\\.|'')*'(?!\s*')|\"(?:[^\"\\]|\\.|\"\")*\"(?!\s*\")",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class Literals:
    head: str  # the statement with one row of NULL, for who reads it
    values: str  # the rows, as DuckDB reads them


def of(sql: str) -> Literals | None:
    """None for what is short, or has anything else in its rows."""
    if len(sql) < LONG or not (head := _HEAD.match(sql)):
        return None
    body = sql[head.end() :].rstrip().removesuffix(";")
    at, parts = 0, []
    while at < len(body):
        found = _PART.match(body, at)
        if not found:
            return None
        text = found[0]
        parts.append(_text(text) if text[0] in "'\"" else text)
        at = found.end()
    return Literals(f"{head[0]} (NULL)", "".join(parts))


def _text(literal: str) -> str:
    quote, inside = literal[0], literal[1:-1]
    inside = inside.replace(quote * 2, quote)
    if "\\" in inside:
        inside = unescaped(inside)
    return "'" + inside.replace("'", "''") + "'"
