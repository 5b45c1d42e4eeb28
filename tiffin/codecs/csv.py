"""text/csv by RFC 4180: LF or CRLF, quotes where needed. Blanks around a cell are not part of it.

There is a header where the media type says so (`header=present`), and there only: none is ever guessed.

The same reader serves requests and training files, so both name the same row for the same fault.
"""

import csv
import io
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from tiffin.bad_rows import BadRows
from tiffin.errors import BadJob, BadPayload, NotAcceptable
from tiffin.table import Cell, Table, count_columns, is_number, shortened

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


def file_records(name: str, stream: BinaryIO) -> Iterator[tuple[int, list[str]]]:
    """`records` of a training file in UTF-8, which is closed afterwards; raises BadJob that begins with its `name`."""
    with io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
        try:
            yield from records(text)
        except UnicodeDecodeError as error:
            raise BadJob(f"{name}: not UTF-8 text ({error.reason}); save the file as CSV in UTF-8") from None
        except ValueError as error:
            raise BadJob(f"{name}, {error}") from None


def decode(text: str, header: bool = False, bad: BadRows | None = None) -> Table:
    """`bad` keeps ragged rows apart; without it they are refused."""
    rows: list[list[str]] = []
    try:
        for _, fields in records(io.StringIO(text, newline="")):
            if bad is None and rows and len(fields) != len(rows[0]):
                of = "the header" if header else "row 1"
                row = len(rows) + (0 if header else 1)
                raise BadPayload(f"has {count_columns(len(fields))} where {of} has {len(rows[0])}", row=row)
            rows.append([field.strip() for field in fields])
    except ValueError as error:
        raise BadPayload(str(error)) from None
    if not header:
        return Table(rows if bad is None else _even(rows, bad, None), may_have_header=True)
    if not rows:
        return Table(())
    names = _names(rows.pop(0))
    if not rows:
        raise BadPayload("the body is a header without rows; send at least one row")
    return Table(rows if bad is None else _even(rows, bad, len(names)), names)


def encode(table: Table, header: bool = False) -> str:
    """One line a row, each ended by LF, the last one too (Q-07). None and NaN are empty fields.

    Raises NotAcceptable for a header where the answer's columns have no names.
    """
    out = _Lines()
    # The module quotes the characters of its line end, and only those: with "\n" a cell's "\r" would go out bare.
    writer = csv.writer(out, lineterminator="\r\n")
    if header:
        if table.columns is None:
            raise NotAcceptable("the answer's columns have no names; ask for text/csv without header=present")
        writer.writerow(table.columns)
    for row in table.rows:
        # The module writes a lone empty field as "": a blank line would count as no row.
        writer.writerow([_text(cell) for cell in row])
    return "".join(out)


def _names(row: list[str]) -> tuple[str, ...]:
    """What a header has to be, so that no row of data is taken for one."""
    for number, name in enumerate(row, 1):
        if not name:
            raise BadPayload(f"the header's name of column {number} is empty")
        if is_number(name):
            raise BadPayload(f"the header has a number, {shortened(name)}, where names are; is it a row of data?")
        if row.index(name) != number - 1:
            raise BadPayload("is in the header twice", column=name)
    return tuple(row)


def _even(rows: list[list[str]], bad: BadRows, width: int | None) -> list[list[str]]:
    """The rows of one width: the header's, else the one that most rows have, of several the first."""
    if width is None and rows:
        width = Counter(map(len, rows)).most_common(1)[0][0]
    for number, row in enumerate(rows, 1):
        if len(row) != width:
            bad.add(BadPayload(f"has {count_columns(len(row))} where others have {width}", row=number))
    return [row for row in rows if len(row) == width]


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
