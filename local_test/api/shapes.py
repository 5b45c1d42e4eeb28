"""Requests held to the shapes of SageMaker's API model (botocore's copy), as the service does before anything else."""

import functools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from moto.core.utils import get_service_model
from moto.sagemaker.exceptions import ValidationError

_SHOWN = 200  # characters of a value in a message


def check(operation: str, request: Mapping[str, Any]) -> None:
    """Raises ValidationError in AWS's words, all that is wrong in one."""
    shape = get_service_model("sagemaker").operation_model(operation).input_shape
    found = list(_wrong(shape, request, "")) if shape else []
    if found:
        many = "" if len(found) == 1 else "s"
        raise ValidationError(f"{len(found)} validation error{many} detected: {'; '.join(found)}")


def _wrong(shape: Any, value: Any, at: str) -> Iterator[str]:
    kind = shape.type_name
    if kind == "structure":
        yield from _structure(shape, value, at)
    elif kind == "list":
        yield from _length(shape, value, at)
        for number, item in enumerate(value if isinstance(value, list) else (), start=1):
            yield from _wrong(shape.member, item, f"{at}.{number}.member")
    elif kind == "map":
        yield from _length(shape, value, at)
        for name, item in value.items() if isinstance(value, Mapping) else ():
            yield from _wrong(shape.key, name, f"{at}.key")
            yield from _wrong(shape.value, item, f"{at}.{name}.member")
    elif kind == "string" and isinstance(value, str):
        yield from _string(shape, value, at)
    elif kind in ("integer", "long", "float", "double") and isinstance(value, (int, float)):
        for bound, word, is_out in (("min", "greater", "__lt__"), ("max", "less", "__gt__")):
            limit = shape.metadata.get(bound)
            if limit is not None and getattr(float(value), is_out)(float(limit)):
                yield _sentence(value, at, f"Member must have value {word} than or equal to {limit}")


def _structure(shape: Any, value: Any, at: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield _sentence(None, _under(at, name), "Member must not be null")
    for name, member in shape.members.items():
        if value.get(name) is not None:
            yield from _wrong(member, value[name], _under(at, name))


def _string(shape: Any, value: str, at: str) -> Iterator[str]:
    if shape.enum and value not in shape.enum:
        yield _sentence(value, at, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
    yield from _length(shape, value, at)
    pattern = _pattern(shape.metadata.get("pattern", ""))
    if pattern is not None and not pattern.fullmatch(value):
        yield _sentence(value, at, f"Member must satisfy regular expression pattern: {pattern.pattern}")


def _length(shape: Any, value: Any, at: str) -> Iterator[str]:
    lowest, highest = shape.metadata.get("min"), shape.metadata.get("max")
    if lowest is not None and len(value) < lowest:
        yield _sentence(value, at, f"Member must have length greater than or equal to {lowest}")
    if highest is not None and len(value) > highest:
        yield _sentence(value, at, f"Member must have length less than or equal to {highest}")


@functools.cache
def _pattern(text: str) -> re.Pattern[str] | None:
    """None for none, and for the few in a dialect that is not Python's."""
    try:
        return re.compile(text, re.DOTALL) if text else None
    except re.error:
        return None


def _under(at: str, name: str) -> str:
    name = name[:1].lower() + name[1:]
    return f"{at}.{name}" if at else name


def _sentence(value: Any, at: str, constraint: str) -> str:
    shown = "null" if value is None else value if isinstance(value, str) else json.dumps(value, default=str)
    shown = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "..."
    quoted = "null" if value is None else f"'{shown}'"
    return f"Value {quoted} at '{at}' failed to satisfy constraint: {constraint}"
