"""The contract's lines that the judge knows, with their source and how to mend what breaks them."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from textwrap import fill

SECTIONS = {
    "C": "Starting the container",
    "T": "Training",
    "H": "Real-time hosting",
    "W": "Bidirectional streaming",
    "M": "Multi-model endpoints",
    "B": "Batch transform",
    "S": "Serverless",
    "P": "Serial inference pipelines",
    "Q": "SQL callers",
}
WIDTH = 100


class UnknownStatement(Exception):
    """There is no such id; its text is for the user."""


@dataclass(frozen=True)
class Statement:
    line: str
    source: str
    mend: str = ""
    untested: str = ""  # why no container can be asked


def section(identity: str) -> str:
    return SECTIONS[identity[0]]


def explain(identity: str) -> str:
    """Raises UnknownStatement."""
    identity, known = identity.upper(), statements()
    if identity not in known:
        near = [one for one in known if one.startswith(identity[:1])] or list(known)
        raise UnknownStatement(f"there is no {identity}; there are {', '.join(near)}")
    statement = known[identity]
    parts = [
        f"{identity}  {section(identity)}",
        fill(statement.line, WIDTH),
        fill(f"Source: {statement.source}", WIDTH),
    ]
    if statement.mend:
        parts.append(fill(f"To mend it: {statement.mend}", WIDTH))
    if statement.untested:
        parts.append(fill(f"Not judged: {statement.untested}", WIDTH))
    return "\n\n".join(parts)


@cache
def statements() -> Mapping[str, Statement]:
    text = files("local_test.verify").joinpath("contract.toml").read_text(encoding="utf-8")
    return {identity: Statement(**entry) for identity, entry in tomllib.loads(text).items()}
