"""Column types as people write them, and what each engine calls them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from deploy.sql.refusal import NotSql


@dataclass(frozen=True)
class Type:
    """`size`: characters of a varchar or char, digits of a decimal. `octets`: a text's bytes, where they are known."""

    kind: str
    size: int | None = None
    scale: int = 0
    octets: int | None = None

    def __str__(self) -> str:
        if self.kind == "decimal" and self.size is not None:
            return f"decimal({self.size},{self.scale})"
        return self.kind if self.size is None else f"{self.kind}({self.size})"


_SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "boolean": ("bool",),
    "tinyint": (),
    "smallint": ("int2",),
    "integer": ("int", "int4", "mediumint"),
    "bigint": ("int8",),
    "real": ("float4",),
    "double": ("float", "float8", "double precision"),
    "decimal": ("numeric", "dec"),
    "varchar": ("character varying",),
    "char": ("character",),
    "text": ("string",),
    "date": (),
    "timestamp": ("datetime",),
}
_KINDS = {spelling: kind for kind, others in _SPELLINGS.items() for spelling in (kind, *others)}
_SIZED = ("decimal", "varchar", "char")
# what no engine passes to a model, and what does instead
_INSTEAD = {
    "bit": "bigint",
    "json": "varchar(n)",
    "jsonb": "varchar(n)",
    "super": "varchar(n)",
    "blob": "varchar(n), in base64",
    "bytea": "varchar(n), in base64",
    "binary": "varchar(n), in base64",
    "varbinary": "varchar(n), in base64",
    "array": "a column for each element",
    "enum": "varchar(n)",
    "uuid": "varchar(36)",
}
_WRITTEN = re.compile(r"([a-z][a-z0-9 ]*?) ?(?:\( ?(\d{1,9}) ?(?:, ?(\d{1,9}) ?)?\))?")


def parse(text: str) -> Type:
    """`bigint`, `decimal(10,2)`, `varchar(20)`; a whole number's width, as in BIGINT(20), is display and is dropped."""
    found = _WRITTEN.fullmatch(" ".join(text.lower().split()))
    word = found[1] if found else text
    kind = _KINDS.get(word)
    if found is None or kind is None:
        known = ", ".join(_SPELLINGS)
        instead = _INSTEAD.get(word.partition(" ")[0].lower())
        hint = f"send {instead}" if instead else f"write one of {known}"
        raise NotSql(f"the type {text!r} is none that a model is asked by: {hint}")
    size, scale = (None if each is None else int(each) for each in found.groups()[1:])
    if scale is not None and kind != "decimal":
        raise NotSql(f"the type {text!r} has a scale, which only decimal has: write {kind}")
    if kind not in _SIZED:
        return Type(kind)
    if size == 0 or (scale is not None and size is not None and scale > size):
        raise NotSql(f"the type {text!r} cannot be: decimal(10,2) has 10 digits, 2 of them behind the point")
    return Type(kind, size, scale or 0)


@dataclass(frozen=True)
class Dialect:
    """`most`: the longest varchar, and the digits of a decimal."""

    engine: str
    names: Mapping[str, str]
    most_varchar: int
    most_digits: int
    most_scale: int

    def text(self, one: Type, size: int | None = None) -> str:
        """`size` in the place of the type's own."""
        size = one.size if size is None else size
        name = self.names[one.kind]
        if one.kind not in _SIZED or size is None:
            return name
        if one.kind == "decimal":
            if size > self.most_digits or one.scale > self.most_scale:
                most = f"decimal({self.most_digits},{self.most_scale})"
                raise NotSql(f"{one} is more than {self.engine} has: {most} at most, or double")
            return f"{name}({size},{one.scale})"
        if size > self.most_varchar:
            raise NotSql(f"{one} is longer than {self.engine} takes: {one.kind}({self.most_varchar}) at most")
        return f"{name}({size})"


def dialect(engine: str, names: str, *, varchar: int, digits: int, scale: int) -> Dialect:
    """`names`: kind=name pairs, one a line."""
    pairs = dict(line.strip().split("=") for line in names.strip().splitlines())
    return Dialect(engine, MappingProxyType(pairs), varchar, digits, scale)
