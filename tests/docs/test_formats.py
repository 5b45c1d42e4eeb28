"""docs/06-formats.md says what each format makes of each kind of value: every cell is a round trip through the code."""

import math
from typing import Any

import numpy as np
import pytest

from tests.docs.test_docs import rows
from tests.server import ROOT
from tiffin import codecs, media
from tiffin.errors import BadPayload, NotAcceptable
from tiffin.media import MediaType
from tiffin.table import ArrayRows, Table

PAGE = ROOT / "docs" / "06-formats.md"
FORMATS = {
    "CSV": media.CSV,
    "JSON": media.JSON,
    "JSON lines": media.JSON_LINES,
    "npy": media.NPY,
    "npz": media.NPZ,
    "Parquet": media.PARQUET,
    "Arrow stream": media.ARROW_STREAM,
    "RecordIO": media.RECORDIO,
}
KINDS = {
    "text": Table([["é"], ["하늘"]]),
    "integers": Table([[1], [-7]]),
    "integers beyond 2^53": Table([[2**53 + 1], [1]]),
    "float64": Table([[0.1], [-1e300]]),
    "float32": Table(ArrayRows(np.array([0.1, 2], dtype=np.float32))),
    "NaN": Table([[math.nan], [1.5]]),
    "infinity": Table([[math.inf], [1.5]]),
    "null among numbers": Table([[None], [1.5]]),
    "null among text": Table([[None], ["a"]]),
    "booleans": Table([[True], [False]]),
    "text beside numbers": Table([["a", 1], ["b", 2]]),
    "the same, named": Table([["a", 1], ["b", 2]], ("label", "n")),
    "column names": Table([[1.5, 2.5], [3.5, 4.5]], ("r", "g")),
    "one row of one cell": Table([[1.5]]),
    "one row of three": Table([[1.5, 2.5, 3.5]]),
    "three dimensions": Table(ArrayRows(np.arange(8.0).reshape(2, 2, 2))),
}


def outcome(table: Table, kind: MediaType) -> str:
    """What a caller finds who reads the answer as Tiffin reads a request."""
    try:
        body = codecs.encode(table, kind)
    except NotAcceptable:
        return "406"
    if kind == media.RECORDIO and table.columns is not None:
        assert b"values" not in body
        return "as labels"
    try:
        back = codecs.decode(body, kind)
    except BadPayload:
        return "nested lists"
    made = {
        change(a, b)
        for ours, theirs in zip(table.rows, back.rows, strict=True)
        for a, b in zip(ours, theirs, strict=True)
    }
    if table.columns is not None and back.columns != table.columns:
        made.add("names lost")
    if table.array is not None and table.array.dtype == np.float32 and made == {"kept"}:
        made = {"kept" if back.array is not None and back.array.dtype == np.float32 else "as float64"}
    return ", ".join(sorted(made - {"kept"})) or "kept"


def change(cell: Any, back: Any) -> str:
    if type(cell) is type(back) and repr(cell) == repr(back):
        return "kept"
    if back is None:
        return "null"
    if back == "":
        return "empty"
    if isinstance(back, str):
        return "as text"
    return "NaN" if isinstance(back, float) and math.isnan(back) else repr(back)


@pytest.mark.parametrize("name", KINDS)
def test_what_is_lost(name: str) -> None:
    table = rows(PAGE)
    head = next(row for row in table if row[0] == "answer of")
    (row,) = [row for row in table if row[0] == name]
    assert dict(zip(head[1:], row[1:], strict=True)) == {
        title: outcome(KINDS[name], kind) for title, kind in FORMATS.items()
    }


def test_every_format_and_every_name_of_it_is_on_the_page() -> None:
    assert set(FORMATS.values()) == set(codecs.FORMATS)
    named = {row[0]: row[1] for row in rows(PAGE) if row[0] in FORMATS}
    for title, kind in FORMATS.items():
        aliases = [alias for alias, known in codecs.ALIASES.items() if known == kind]
        assert named[title] == ", ".join(f"`{name}`" for name in (kind, *aliases))
