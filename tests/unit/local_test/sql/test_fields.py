"""LOAD DATA's fields and lines, by MySQL's rules."""

from collections.abc import Sequence

import pytest

from local_test.sql import fields
from local_test.sql.fields import Form

COMMAS, QUOTED = Form(","), Form(",", '"')
BARE = Form(",", escape="")


@pytest.mark.parametrize(
    ("form", "text", "rows"),
    [
        (QUOTED, '1,NULL,"NULL"\n', [["1", None, "NULL"]]),
        (COMMAS, "NULL,\\N\n", [["NULL", None]]),
        (BARE, "NULL,\\N\n", [[None, "\\N"]]),
        (QUOTED, 'NULLS,"x,NULL"\n', [["NULLS", "x,NULL"]]),
        (COMMAS, "1,a\r\n2,b\r\n", [["1", "a\r"], ["2", "b\r"]]),  # as in MySQL, which was told of \n
        (Form(",", line_end="\r\n"), "1,a\r\n2,b\nc\r\n", [["1", "a"], ["2", "b\nc"]]),
        (COMMAS, "1,a\rb\n", [["1", "a\rb"]]),
        (QUOTED, '1,"a\rb"\n', [["1", "a\rb"]]),
        (QUOTED, f'1,"{"x" * 200_000}"\n', [["1", "x" * 200_000]]),
    ],
)
def test_fields(form: Form, text: str, rows: Sequence[Sequence[str | None]]) -> None:
    assert [list(row) for row in fields.records(form, text)] == rows
