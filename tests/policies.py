"""IAM's decision on one request, for what deploy's policies are written in; anything else is an error here."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

PROJECT = "tiffin:project"


@dataclass(frozen=True)
class Request:
    """`context`: the condition keys that the request has."""

    action: str
    resource: str  # ARN
    context: Mapping[str, str] = field(default_factory=dict)

    def of(self, project: str) -> "Request":
        """The same, where the thing that it is about has the project's tag."""
        return Request(self.action, self.resource, {**self.context, f"aws:ResourceTag/{PROJECT}": project})


def allows(policy: Mapping[str, Any], request: Request) -> bool:
    return any(_matches(each, request) for each in policy["Statement"])


def _matches(statement: Mapping[str, Any], request: Request) -> bool:
    assert set(statement) <= {"Effect", "Action", "Resource", "Condition"}
    assert statement["Effect"] == "Allow"
    return (
        request.action in statement["Action"]
        and any(_pattern(each).fullmatch(request.resource) for each in _several(statement["Resource"]))
        and all(
            OPERATORS[operator](request.context.get(name), _several(values))
            for operator, keys in statement.get("Condition", {}).items()
            for name, values in keys.items()
        )
    )


def _several(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """`*` is anything, a slash and a colon too."""
    return re.compile("".join({"*": ".*", "?": "."}.get(each, re.escape(each)) for each in text))


OPERATORS: Mapping[str, Callable[[str | None, list[str]], bool]] = {
    "StringEquals": lambda value, wanted: value in wanted,
    "StringEqualsIfExists": lambda value, wanted: value is None or value in wanted,
    "ForAnyValue:StringEquals": lambda value, wanted: value in wanted,
    "StringLike": lambda value, wanted: value is not None and any(_pattern(each).fullmatch(value) for each in wanted),
}
