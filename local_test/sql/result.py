"""What a statement gives: rows, or a count, or a wish for the client's file."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local_test.sql.load import Load


@dataclass(frozen=True)
class Column:
    name: str
    kind: str = "VARCHAR"  # DuckDB's


@dataclass(frozen=True)
class Result:
    columns: tuple[Column, ...] = ()  # none: OK and a count
    rows: Sequence[Sequence[Any]] = ()
    affected: int = 0
    last_id: int = 0
    info: str = ""
    wanted: "Load | None" = None


def of_texts(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Result:
    return Result(tuple(Column(name) for name in names), rows)
