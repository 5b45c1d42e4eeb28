"""The fields and lines of a file, by MySQL's rules of LOAD DATA."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_NULL = "NULL"
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
    if _is_plain(form, text):
        try:
            yield from _plainly(form, text)
        except csv.Error:  # it has no fields of more than 128 KiB
            yield from _slowly(form, text)
    else:
        yield from _slowly(form, text)


def _is_plain(form: Form, text: str) -> bool:
    """Whether Python's CSV is the same."""
    if len(form.separator) != 1 or (form.escape and form.escape in text) or (_has_null(form) and _NULL in text):
        return False
    feeds, returns = text.count("\n"), text.count("\r")
    if form.line_end == "\n":
        return returns == 0
    return form.line_end == "\r\n" and feeds == returns == text.count("\r\n")


def _has_null(form: Form) -> bool:
    """Whether a field NULL without quotes is NULL."""
    return bool(form.quote) or not form.escape


def _plainly(form: Form, text: str) -> list[list[str]]:
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=form.separator,
        quotechar=form.quote or None,
        quoting=csv.QUOTE_MINIMAL if form.quote else csv.QUOTE_NONE,
    )
    return [row or [""] for row in reader]


def _slowly(form: Form, text: str) -> Iterator[list[str | None]]:
    at, end = 0, len(text)
    ends = _ends_of(form)
    row: list[str | None] = []
    while at < end:
        cell, at = _cell(form, ends, text, at)
        row.append(cell)
        if at >= end or text.startswith(form.line_end, at):
            at += len(form.line_end)
            yield row
            row = []
        else:
            at += len(form.separator)
            if at >= end:
                yield [*row, ""]


Ends = tuple[re.Pattern[str], re.Pattern[str]]


def _ends_of(form: Form) -> Ends:
    """What text without quotes, and with them, is read up to."""
    bare, quoted = (form.escape, form.separator, form.line_end), (form.escape, form.quote)
    first, second = ("|".join(re.escape(each) for each in some if each) for some in (bare, quoted))
    return re.compile(first), re.compile(second)


def _cell(form: Form, ends: Ends, text: str, at: int) -> tuple[str | None, int]:
    """One field, and where it ended."""
    begin = at
    parts: list[str] = []
    is_quoted = bool(form.quote) and text.startswith(form.quote, at)
    at += is_quoted
    while found := ends[is_quoted].search(text, at):
        parts.append(text[at : found.start()])
        at = found.start()
        if form.escape and found[0] == form.escape:
            escaped = text[at + 1 : at + 2]
            parts.append(_ESCAPED.get(escaped, escaped) or form.escape)  # the last one of all stands for itself
            at += 2
        elif not is_quoted:
            break
        elif text.startswith(form.quote, at + 1):
            parts.append(form.quote)
            at += 2
        else:
            is_quoted = False
            at += 1
    else:
        parts.append(text[at:])
        at = len(text)
    whole = text[begin:at]
    is_null = (bool(form.escape) and whole == f"{form.escape}N") or (_has_null(form) and whole == _NULL)
    return (None if is_null else "".join(parts)), at
