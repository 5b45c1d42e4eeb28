"""text/csv by RFC 4180: no header, LF or CRLF, quotes where needed. Blanks around a cell are not part of it.

The same reader serves requests and training files, so both name the same row for the same fault.
"""

import csv
import io
import math
from collections.abc import Iterable, Iterator

from tiffin.errors import BadPayload
from tiffin.table import Cell, Table, count_columns

# A cell may be as large as a request; the csv module's own limit of 128 KiB would be a second, hidden one.
csv.field_size_limit(2**31 - 1)


def records(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line it begins on, counted from 1; blank lines are passed over.

    `lines` keep their line ends. Raises ValueError with a sentence that names the line.
    """
    reader = csv.reader(lines, strict=True)
    start = 1
    try:
        for fields in reader:
            if fields:
                yield start, fields
            start = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"line {start}: not CSV: {_plain(error)}") from None


def decode(text: str) -> Table:
    rows: list[list[str]] = []
    try:
        for _, fields in records(io.StringIO(text, newline="")):
            if rows and len(fields) != len(rows[0]):
                raise BadPayload(f"has {count_columns(len(fields))} where row 1 has {len(rows[0])}", row=len(rows) + 1)
            rows.append([field.strip() for field in fields])
    except ValueError as error:
        raise BadPayload(str(error)) from None
    return Table(rows)


def encode(table: Table) -> str:
    """One line a row, each ended by LF, the last one too (Q-07). None and NaN are empty fields."""
    out = _Lines()
    # The module quotes the characters of its line end, and only those: with "\n" a cell's "\r" would go out bare.
    writer = csv.writer(out, lineterminator="\r\n")
    for row in table.rows:
        # The module writes a lone empty field as "": a blank line would count as no row.
        writer.writerow([_text(cell) for cell in row])
    return "".join(out)


class _Lines(list[str]):
    """A file for the csv module, which writes whole records: each ends in LF here."""

    def write(self, record: str) -> None:
        self.append(record.removesuffix("\r\n") + "\n")


def _text(cell: Cell) -> str | int | float:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return cell


def _plain(error: csv.Error) -> str:
    """The module's words, where they speak of its own interface, in a caller's terms."""
    text = str(error)
    if "new-line character" in text:
        return "a bare carriage return"
    if "unexpected end of data" in text:
        return "a quote is opened and never closed"
    if "expected after" in text:
        return "text after a closing quote"
    return text
