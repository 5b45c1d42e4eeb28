"""What a plain newline split most often breaks (B-05), to be warned of: nothing is changed for it."""

import re

_NUMBER = re.compile(rb'\s*"?\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*"?\s*')


def in_head(head: bytes) -> str | None:
    """A header, where the first line of a CSV file has no number and the second has one."""
    first, newline, rest = head.partition(b"\n")
    second = rest.partition(b"\n")[0]
    if not newline or not first.strip() or _has_number(first) or not _has_number(second):
        return None
    shown = first.strip()[:60].decode(errors="replace")
    return f"the first line, {shown!r}, looks like a header; Line split makes it a record of its own (B-05)"


def in_body(body: bytes, first: int) -> str | None:
    """A row that a newline within quotes cut, or a blank line. `first`: the number of the body's first record."""
    if b'"' in body:
        for number, line in enumerate(body.split(b"\n"), first):
            if line.count(b'"') % 2:
                return f"record {number} has a quote without its end; a newline within quotes cuts a row in two (B-05)"
    if b"\n\n" in body or body.startswith(b"\n"):
        number = first + (0 if body.startswith(b"\n") else body[: body.find(b"\n\n") + 1].count(b"\n"))
        return f"record {number} is a blank line"
    return None


def in_answers(ends_line: bool, is_next: bool, assemble_with: str) -> str | None:
    """B-06, of an answer whose rows are lines. `is_next`: there was one before it."""
    if assemble_with == "Line" and ends_line:
        return "an answer ends in a newline, and AssembleWith Line adds another: a blank line after each answer (B-06)"
    if assemble_with == "None" and is_next and not ends_line:
        return "answers do not end in a newline, and AssembleWith None adds none: rows are glued together (B-06)"
    return None


def _has_number(line: bytes) -> bool:
    return any(_NUMBER.fullmatch(cell) for cell in line.split(b","))
