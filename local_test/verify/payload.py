"""The user's payload, and others made of its rows."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

CSV = "text/csv"
LINES = (CSV, "application/jsonlines", "application/x-jsonlines", "application/jsonl")


@dataclass(frozen=True)
class Payload:
    body: bytes
    content_type: str

    @property
    def media_type(self) -> str:
        return self.content_type.partition(";")[0].strip().lower()

    @property
    def is_csv(self) -> bool:
        return self.media_type == CSV

    @property
    def lines(self) -> Sequence[bytes] | None:
        """Its rows where a row is a line; None for other formats."""
        if self.media_type not in LINES:
            return None
        return [line.rstrip(b"\r") for line in self.body.split(b"\n") if line.strip()]

    def rows(self, count: int) -> bytes | None:
        """So many rows, its own over and over; None where its format's rows are not known."""
        if self.lines:
            lines = [self.lines[index % len(self.lines)] for index in range(count)]
            return b"\n".join(lines) + b"\n"
        many = _rows_of(self._document())
        if not many:
            return None
        chosen = [many[index % len(many)] for index in range(count)]
        document = self._document()
        return json.dumps({**document, "instances": chosen} if isinstance(document, dict) else chosen).encode()

    def grown(self, size: int) -> bytes | None:
        """The most rows that `size` bytes hold; None where its format's rows are not known."""
        some = self.rows(100)
        return self.rows(max(1, size * 100 // len(some) * 99 // 100)) if some else None

    def _document(self) -> object:
        if self.media_type != "application/json":
            return None
        try:
            return json.loads(self.body)
        except ValueError:
            return None


def _rows_of(document: object) -> list[object]:
    """Of a list of rows, or of one under `instances`; a list of numbers is one row, and not of rows."""
    rows = document.get("instances") if isinstance(document, dict) else document
    return rows if isinstance(rows, list) and rows and isinstance(rows[0], list | dict | str) else []
