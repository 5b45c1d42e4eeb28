"""JSON that is no table: a script that reads its data as an object gets JSON as it was parsed, and answers likewise."""

import ast
import inspect
import math
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from tiffin import codecs, media
from tiffin.codecs import json
from tiffin.errors import BadPayload
from tiffin.table import Table

_OF_OBJECTS = frozenset({"get", "items", "keys", "pop", "setdefault", "values"})


def is_read_by(function: Callable[..., Any]) -> bool:
    """Whether the code of `function` treats its first argument as an object: `data["inputs"]`, `data.pop(…)`, `**data`.

    Nothing of the kind works on a table.
    """
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
        name = next(iter(inspect.signature(function).parameters))
    except (OSError, SyntaxError, TypeError, ValueError, StopIteration):
        return False
    return any(_is_use(node, name) for node in ast.walk(tree))


def _is_use(node: ast.AST, name: str) -> bool:
    def is_it(expression: ast.AST | None) -> bool:
        return isinstance(expression, ast.Name) and expression.id == name

    match node:
        case ast.Subscript(value=value, slice=ast.Constant(value=str())):
            return is_it(value)
        case ast.Call(func=ast.Attribute(value=value, attr=attribute)) if attribute in _OF_OBJECTS:
            return is_it(value)
        case ast.Call(func=ast.Name(id="isinstance"), args=[value, ast.Name(id="dict")]):
            return is_it(value)
        case ast.Compare(left=ast.Constant(value=str()), ops=[ast.In() | ast.NotIn()], comparators=[value]):
            return is_it(value)
        case ast.keyword(arg=None, value=value):
            return is_it(value)
    return False


def read(text: str) -> Any:
    if not text.strip():
        raise BadPayload("the body is empty; send a JSON document")
    return json.loads(text)


def written(answer: object, accept: str | None) -> tuple[bytes, str]:
    """`answer` as JSON; raises NotAcceptable where the caller accepts none."""
    chosen = media.negotiate(accept, [media.JSON], codecs.ALIASES)
    return dumps(answer), str(chosen)


def dumps(answer: object) -> bytes:
    return (json.dumps(_plain(answer)) + "\n").encode()


def _plain(value: Any) -> Any:
    """Arrays and their numbers as Python's own; what JSON has no number for is null, as in a table."""
    if isinstance(value, Table):
        return [json.value(row, value.columns) for row in value.rows]
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
