"""The part of JSONPath that DataProcessing takes (B-09): $ .name * ['a','b'] [n,m] [s:e].

A slice's end is left out of it, as in JSONPath: AWS's page says both (its table's "array slice", and "inclusive" in an
example's text). Several ranges, or a range beside an index, are refused, as SageMaker was seen to do
(aws/sagemaker-python-sdk#1112), though the API's page shows $[0,5:].
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

_NAME = re.compile(r"\.([^.\[\]*'\"\s]+)")
_WILDCARD = re.compile(r"\.\*|\.?\[\*\]")
_NAMES = re.compile(r"\.?\[\s*((?:'[^']*'|\"[^\"]*\")(?:\s*,\s*(?:'[^']*'|\"[^\"]*\"))*)\s*\]")
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_INDEXES = re.compile(r"\.?\[\s*(-?\d+(?:\s*,\s*-?\d+)*)\s*\]")
_SLICE = re.compile(r"\.?\[\s*(-?\d+)?\s*:\s*(-?\d+)?\s*\]")
_RANGES = re.compile(r"\.?\[[-\d\s,:]*\]")


class FilterError(Exception):
    """No JSONPath that SageMaker takes, or one that finds nothing in a record."""


@dataclass(frozen=True)
class _Step:
    """One of the four is used; `text` is how it was written."""

    text: str
    names: tuple[str, ...] = ()
    indexes: tuple[int, ...] = ()
    part: slice | None = None
    every: bool = False

    @property
    def is_one(self) -> bool:
        return len(self.names) + len(self.indexes) == 1

    def of(self, value: Any) -> list[Any]:
        if self.every:
            if isinstance(value, dict):
                return list(value.values())
            return list(self._array(value))
        if self.names:
            return [self._member(value, name) for name in self.names]
        array = self._array(value)
        if self.part is not None:
            if not array[self.part]:
                raise FilterError(f"{self.text} takes nothing from {len(array)} elements")
            return array[self.part]
        return [self._element(array, index) for index in self.indexes]

    def _member(self, value: Any, name: str) -> Any:
        if not isinstance(value, dict):
            raise FilterError(f"{self.text} needs an object, and there is {_kind(value)}")
        if name not in value:
            raise FilterError(f"there is no {name!r}; there is {', '.join(map(repr, list(value)[:10])) or 'nothing'}")
        return value[name]

    def _array(self, value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise FilterError(f"{self.text} needs an array, and there is {_kind(value)}")
        return value

    def _element(self, array: list[Any], index: int) -> Any:
        if not -len(array) <= index < len(array):
            raise FilterError(f"index {index} is not within {len(array)} elements")
        return array[index]


@dataclass(frozen=True)
class JsonPath:
    text: str
    _steps: tuple[_Step, ...]

    @classmethod
    def parse(cls, text: str) -> "JsonPath":
        """Raises FilterError."""
        if not text.startswith("$"):
            raise FilterError("it has to begin with $, the whole record")
        steps, at = [], 1
        while at < len(text):
            step, at = _step(text, at)
            steps.append(step)
        return cls(text, tuple(steps))

    @property
    def is_everything(self) -> bool:
        return not self._steps

    @property
    def has_names(self) -> bool:
        return any(step.names for step in self._steps)

    def select(self, document: Any) -> Any:
        """The value found; a list where the path may find many; an object of the names of a last ['a','b'].

        Raises FilterError where something is not there.
        """
        found, is_one = [document], True
        for step in self._steps:
            if step is self._steps[-1] and len(step.names) > 1:
                found = [dict(zip(step.names, step.of(value), strict=True)) for value in found]
                break
            found = [item for value in found for item in step.of(value)]
            is_one = is_one and step.is_one
        return found[0] if is_one else found

    def of_rows(self) -> Callable[[list[str]], Sequence[str]]:
        """For rows of CSV, each taken as an array. What it gives raises IndexError or FilterError."""
        indexes, part = (self._steps[0].indexes, self._steps[0].part) if len(self._steps) == 1 else ((), None)
        if len(indexes) > 1:
            return itemgetter(*indexes)  # twice as fast as `select`, and there may be millions
        if len(indexes) == 1:
            return lambda row: (row[indexes[0]],)

        def columns(row: list[str]) -> Sequence[str]:
            if part is not None and (found := row[part]):
                return found
            selected: list[str] = self.select(row)
            return selected

        return columns


def _step(text: str, at: int) -> tuple[_Step, int]:
    if match := _WILDCARD.match(text, at):
        return _Step(match[0], every=True), match.end()
    if match := _NAME.match(text, at):
        return _Step(match[0], names=(match[1],)), match.end()
    if match := _NAMES.match(text, at):
        return _Step(match[0], names=tuple(a or b for a, b in _QUOTED.findall(match[1]))), match.end()
    if match := _INDEXES.match(text, at):
        return _Step(match[0], indexes=tuple(int(number) for number in match[1].split(","))), match.end()
    if match := _SLICE.match(text, at):
        start, end = (None if number is None else int(number) for number in match.groups())
        return _Step(match[0], part=slice(start, end)), match.end()
    if match := _RANGES.match(text, at):
        raise FilterError(f"{match[0]}: only a single range such as [1:5], or indexes such as [0,-1], are taken")
    raise FilterError(f"from {text[at:]!r} on it is none of .name * ['a','b'] [n,m] [s:e]")


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
