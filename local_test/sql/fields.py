"""The fields and lines of a file, by MySQL's rules of LOAD DATA."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_ESCAPED = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a"}


@dataclass(frozen=True)
class Form:
    separator: str = "\t"
    quote: str = ""
    escape: str = "\\"
    line_end: str = "\n"


def unescaped(text: str) -> str:
    """What sqlglot leaves of backslashes in a string."""
    out, at = [], 0
    while at < len(text):
        if text[at] == "\\" and at + 1 < len(text):
            at += 1
            out.append(_ESCAPED.get(text[at], text[at]))
        else:
            out.append(text[at])
        at += 1
    return "".join(out)


def records(form: Form, text: str) -> Iterator[Sequence[str | None]]:
    """The fields of each line; \\N is None."""
    if len(form.separator) == 1 and form.line_end in ("\n", "\r\n") and not (form.escape and form.escape in text):
        reader = csv.reader(
            io.StringIO(text, newline=""),
            delimiter=form.separator,
            quotechar=form.quote or None,
            quoting=csv.QUOTE_MINIMAL if form.quote else csv.QUOTE_NONE,
        )
        yield from (row or [""] for row in reader)
        return
    yield from _slowly(form, text)


def _slowly(form: Form, text: str) -> Iterator[list[str | None]]:
    at, end = 0, len(text)
    row: list[str | None] = []
    while at < end:
        cell, at = _cell(form, text, at)
        row.append(cell)
        if at >= end or text.startswith(form.line_end, at):
            at += len(form.line_end)
            yield row
            row = []
        else:
            at += len(form.separator)
            if at >= end:
                yield [*row, ""]


def _cell(form: Form, text: str, at: int) -> tuple[str | None, int]:
    """One field, and where it ended."""
    begin, end = at, len(text)
    parts: list[str] = []
    is_quoted = bool(form.quote) and text.startswith(form.quote, at)
    at += is_quoted
    while at < end:
        if form.escape and text[at] == form.escape and at + 1 < end:
            parts.append(_ESCAPED.get(text[at + 1], text[at + 1]))
            at += 2
        elif is_quoted and text[at] == form.quote:
            if text.startswith(form.quote, at + 1):
                parts.append(form.quote)
                at += 1
            else:
                is_quoted = False
            at += 1
        elif not is_quoted and (text.startswith(form.separator, at) or text.startswith(form.line_end, at)):
            break
        else:
            parts.append(text[at])
            at += 1
    return (None if form.escape and text[begin:at] == f"{form.escape}N" else "".join(parts)), at
