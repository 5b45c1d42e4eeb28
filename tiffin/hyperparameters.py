"""Hyperparameters as a plug declares them: a frozen dataclass with types, defaults and bounds.

    @dataclass(frozen=True)
    class Hyperparameters:
        algorithm: Literal["tree", "forest"] = "tree"
        max_depth: Annotated[int, Between(1, 100)] | None = None
        further: Annotated[Mapping[str, Any], Prefixed("estimator.")] = field(default_factory=dict)

SageMaker hands every value over as a string (T-01), and its SDK JSON-encodes it first (T-02): both are read.
"""

import dataclasses
import difflib
import json
import math
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from tiffin.errors import BadJob
from tiffin.limits import RESERVED_HYPERPARAMETERS
from tiffin.table import shortened

T = TypeVar("T")


@dataclass(frozen=True)
class Between:
    """Bounds of a number, both included."""

    low: float
    high: float


@dataclass(frozen=True)
class Prefixed:
    """Open-ended names: whatever begins with `prefix` is collected in this field, by the rest of its name.

    Each value is JSON-decoded where it is JSON, else text: what it has to be is for the plug to say.
    """

    prefix: str


def undeclared(given: Mapping[str, str]) -> dict[str, Any]:
    """For a plug that declares nothing: each value JSON-decoded where it is JSON, else as it is."""
    return {name: decoded(text) for name, text in given.items() if not is_reserved(name)}


def parse(declared: type[T], given: Mapping[str, str]) -> T:
    """Raises BadJob naming the hyperparameter, its value and what would be right. A dash counts as an underscore."""
    if not dataclasses.is_dataclass(declared):
        raise BadJob(
            f"{declared.__module__}.{declared.__qualname__} is no dataclass; put @dataclass(frozen=True) over it"
        )
    fields = {field.name: field for field in dataclasses.fields(declared)}
    hints = typing.get_type_hints(declared, include_extras=True)
    prefixes = {prefix: name for name, hint in hints.items() if (prefix := _prefix(hint)) is not None}
    values: dict[str, Any] = {name: {} for name in prefixes.values()}
    for name, text in given.items():
        if is_reserved(name):
            continue
        key = name.replace("-", "_")
        prefix = next((prefix for prefix in prefixes if key.startswith(prefix)), None)
        if prefix is not None:
            _collect(values[prefixes[prefix]], prefix, key, text)
            continue
        if key not in fields or key in prefixes.values():
            raise BadJob(_unknown(name, [f for f in fields if f not in prefixes.values()], list(prefixes)))
        if key in values:
            raise BadJob(f"hyperparameter {key!r} is given twice, with a dash and with an underscore")
        try:
            values[key] = _converter(hints[key])(text)
        except ValueError as error:
            raise BadJob(f"hyperparameter {name}={shortened(text)} {error}") from None
    missing = [name for name, field in fields.items() if name not in values and _required(field)]
    if missing:
        raise BadJob(f"hyperparameter {missing[0]!r} is required and missing")
    try:
        return declared(**values)
    except ValueError as error:  # the plug's own check of one hyperparameter against another
        raise BadJob(f"hyperparameters: {error}") from None


def is_reserved(name: str) -> bool:
    """T-23: whatever the SDK and the tuner send for themselves, today or with their next release."""
    return name in RESERVED_HYPERPARAMETERS or name.startswith("sagemaker_")


def _prefix(hint: Any) -> str | None:
    found = (a.prefix for a in getattr(hint, "__metadata__", ()) if isinstance(a, Prefixed))
    return next(found, None)


def _collect(values: dict[str, Any], prefix: str, key: str, text: str) -> None:
    rest = key.removeprefix(prefix)
    if not rest:
        raise BadJob(f"hyperparameter {key!r} has no name after {prefix!r}")
    if rest in values:
        raise BadJob(f"hyperparameter {key!r} is given twice, with a dash and with an underscore")
    values[rest] = decoded(text)


def _unknown(name: str, known: list[str], prefixes: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    every = ", ".join(sorted([*known, *(f"{prefix}…" for prefix in prefixes)]))
    hint = f"did you mean {near[0]!r}?" if near else f"known are {every}"
    return f"hyperparameter {name!r} is unknown; {hint}"


def _required(field: "dataclasses.Field[Any]") -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def decoded(text: str) -> Any:
    """T-02: JSON where it is JSON, else the text itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _converter(hint: Any) -> Callable[[str], Any]:
    """From text to the type `hint` spells; the function raises ValueError with the end of a sentence."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _bounded(_converter(arguments[0]), [a for a in arguments[1:] if isinstance(a, Between)])
    if origin in (typing.Union, types.UnionType):
        inner = [a for a in arguments if a is not type(None)]
        if len(inner) == 1:
            convert = _converter(inner[0])
            return lambda text: None if _unquoted(text).strip().lower() in ("", "none", "null") else convert(text)
    if origin is Literal:
        return lambda text: _choice(_unquoted(text), arguments)
    known: dict[Any, Callable[[str], Any]] = {int: _integer, float: _real, bool: _truth, str: _unquoted}
    if hint in known:
        return known[hint]
    raise TypeError(f"a hyperparameter of type {hint} cannot be read; use int, float, bool, str, Literal or | None")


def _bounded(convert: Callable[[str], Any], bounds: list[Between]) -> Callable[[str], Any]:
    def parse_bounded(text: str) -> Any:
        number = convert(text)
        for bound in bounds if number is not None else ():
            if not bound.low <= number <= bound.high:
                raise ValueError(f"is not between {bound.low} and {bound.high}")
        return number

    return parse_bounded


def _unquoted(text: str) -> str:
    """T-02: the SDK sends "adam" with its quotes."""
    found = decoded(text)
    return found if isinstance(found, str) else text


def _integer(text: str) -> int:
    number = _real(text, "is not a whole number")
    if number != int(number):
        raise ValueError("is not a whole number")
    return int(_unquoted(text)) if _unquoted(text).strip().lstrip("+-").isdecimal() else int(number)


def _real(text: str, complaint: str = "is not a number") -> float:
    try:
        number = float(_unquoted(text))
    except ValueError:
        raise ValueError(complaint) from None
    if not math.isfinite(number) or "_" in text:
        raise ValueError(complaint)
    return number


def _truth(text: str) -> bool:
    match _unquoted(text).strip().lower():
        case "true" | "1":
            return True
        case "false" | "0":
            return False
    raise ValueError("is neither true nor false")


def _choice(text: str, choices: tuple[Any, ...]) -> Any:
    for choice in choices:
        if text in (str(choice), json.dumps(choice)):  # True as `True` and as `true`
            return choice
    near = difflib.get_close_matches(text, [str(choice) for choice in choices], n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise ValueError(f"is none of {', '.join(map(str, choices))}{hint}")
