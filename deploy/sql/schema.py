"""What a model is asked and what it answers, in columns: from text here, from the model in deploy.sql.artifact."""

import re
from dataclasses import dataclass

from deploy.sql.refusal import NotSql
from deploy.sql.types import Type, parse

ANSWER = "answer"


@dataclass(frozen=True)
class Column:
    name: str
    type: Type


@dataclass(frozen=True)
class Schema:
    """Several `returns` are the columns of the answer's row, in their order."""

    columns: tuple[Column, ...]
    returns: tuple[Column, ...]

    def __post_init__(self) -> None:
        for what, several in (("argument", self.columns), ("answer", self.returns)):
            names = [each.name for each in several]
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                raise NotSql(f"there are two columns {twice!r} among the {what}s: give each a name of its own")


_COLUMN = re.compile(r'\s*(?:"((?:[^"]|"")+)"|([^\s"]+))\s+(\S.*?)\s*', re.DOTALL)


def columns(text: str) -> tuple[Column, ...]:
    """`user_id bigint, "annual income" double`."""
    found = tuple(_column(part) for part in _parts(text))
    if not found:
        raise NotSql("--columns names no column: write --columns 'user_id bigint, item_id bigint'")
    return found


def returns(text: str) -> tuple[Column, ...]:
    """`double`, or several with their names: `label varchar(16), probability double`."""
    parts = _parts(text)
    if not parts:
        raise NotSql("--returns names no type: write --returns double")
    if len(parts) > 1:
        return tuple(_column(part) for part in parts)
    try:
        return (Column(ANSWER, parse(parts[0])),)
    except NotSql:
        if _COLUMN.fullmatch(parts[0]) is None:
            raise
        return (_column(parts[0]),)


def _column(text: str) -> Column:
    found = _COLUMN.fullmatch(text)
    if found is None:
        raise NotSql(f'{text.strip()!r} is not a name and a type: write user_id bigint, or "annual income" double')
    quoted, plain, kind = found.groups()
    return Column(plain if quoted is None else quoted.replace('""', '"'), parse(kind))


def _parts(text: str) -> list[str]:
    """Cut at commas that are in neither brackets nor quotes."""
    parts = re.findall(r'(?:\([^)]*\)|"(?:[^"]|"")*"|[^,])+', text)
    return [part for part in parts if part.strip()]
