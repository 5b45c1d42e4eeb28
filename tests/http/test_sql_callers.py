"""What the four SQL services send to /invocations, and need back (Q-01 to Q-07), whatever the policy of bad rows is.

Each caller's rows in a request are its own; quotes, line ends and NULL are as AWS documents them, and where it does
not, each way that a caller may take is sent.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.server import Response, Server, serving

# 10 * r + g; r of 0 has no answer
NUMBERS = """
import numpy as np

class Score:
    feature_names_in_ = ["r", "g"]

    def predict(self, rows):
        return np.where(rows[:, 0] == 0, np.nan, 10 * rows[:, 0] + rows[:, 1])

def model_fn(model_dir):
    return Score()
"""
TEXTS = """
def model_fn(model_dir):
    return None

def predict_fn(table, model):
    return [None if row[0] in (None, "") else f"{row[0]}|{row[1]}" for row in table.rows]
"""


@dataclass(frozen=True)
class Caller:
    name: str
    rows: int  # in one request
    line_end: str = "\n"
    quotes_all: bool = False
    ends_last: bool = True

    def body(self, rows: list[list[str]]) -> bytes:
        file = io.StringIO()
        if self.quotes_all:
            csv.writer(file, lineterminator=self.line_end, quoting=csv.QUOTE_ALL).writerows(rows)
        else:
            csv.writer(file, lineterminator=self.line_end).writerows(rows)
        text = file.getvalue()
        return (text if self.ends_last else text.removesuffix(self.line_end)).encode()


CALLERS = [
    Caller("aurora-mysql", 10_000),
    Caller("aurora-mysql-all-quoted", 10_000, quotes_all=True),
    Caller("aurora-postgresql", 40_000, ends_last=False),
    Caller("aurora-postgresql-crlf", 10_000, line_end="\r\n"),
    Caller("redshift", 100_000),  # no limit is documented
    Caller("redshift-crlf", 10_000, line_end="\r\n", quotes_all=True),
    Caller("athena", 10_000, ends_last=False),
    Caller("athena-crlf", 10_000, line_end="\r\n"),
]
POLICIES = ("fail", "placeholder", "null")


def started(folder: Path, plug: str, policy: str) -> Iterator[Server]:
    (folder / "ml" / "model").mkdir(parents=True)
    (folder / "plug").mkdir()
    (folder / "plug" / "inference.py").write_text(plug)
    environment = {"TIFFIN_PLUG": str(folder / "plug"), "SERVE_WORKERS": "1", "TIFFIN_BAD_ROWS": policy}
    with serving(folder / "ml", environment) as running:
        yield running


@pytest.fixture(scope="module", params=POLICIES)
def policy(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory, policy: str) -> Iterator[Server]:
    yield from started(tmp_path_factory.mktemp("numbers"), NUMBERS, policy)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory, policy: str) -> Iterator[Server]:
    yield from started(tmp_path_factory.mktemp("texts"), TEXTS, policy)


def values(answer: Response) -> list[str]:
    """One of each line, as a database reads it: no header, a line end after the last."""
    assert (answer.status, answer.headers["content-type"].partition(";")[0]) == (200, "text/csv"), answer.body
    assert answer.body.endswith(b"\n")
    rows = list(csv.reader(io.StringIO(answer.body.decode(), newline=""), strict=True))
    assert {len(row) for row in rows} == {1}
    return [row[0] for row in rows]


@pytest.mark.parametrize("caller", CALLERS, ids=lambda caller: caller.name)
class TestCallers:
    def test_Q01_one_row(self, caller: Caller, numbers: Server, texts: Server) -> None:
        assert values(numbers.invoke(caller.body([["1", "2"]]))) == ["12.0"]
        assert values(texts.invoke(caller.body([["a", "b"]]))) == ["a|b"]

    def test_Q02_as_many_rows_as_it_sends(self, caller: Caller, numbers: Server) -> None:
        rows = [[str(i % 997 + 1), str(i % 7)] for i in range(caller.rows)]
        found = values(numbers.invoke(caller.body(rows)))
        assert found == [f"{10 * int(r) + int(g)}.0" for r, g in rows]

    def test_Q06_no_Accept_and_any_Accept(self, caller: Caller, numbers: Server) -> None:
        body = caller.body([["1", "2"], ["3", "4"]])
        plain = numbers.invoke(body)
        assert values(plain) == ["12.0", "34.0"]
        for headers in ({"Accept": "text/csv"}, {"Accept": "*/*"}, {"Accept": "text/csv; charset=utf-8"}):
            assert numbers.invoke(body, **headers).body == plain.body
        for kind in ("text/csv; charset=utf-8", "text/csv;charset=UTF8", "text/csv; header=absent", "TEXT/CSV"):
            assert values(numbers.invoke(body, kind)) == ["12.0", "34.0"]

    def test_Q07_text_with_commas_quotes_and_lines(self, caller: Caller, texts: Server) -> None:
        rows = [["a,b", "c"], ['say "hi"', "d"], ["two\nlines", "e"], ["한글 😀", "f"], ["cr\r\nlf", "g"]]
        assert values(texts.invoke(caller.body(rows))) == [f"{one}|{other}" for one, other in rows]

    def test_Q03_an_empty_field_is_no_value_and_shifts_nothing(self, caller: Caller, texts: Server) -> None:
        rows = [["a", "b"], ["", "b"], ["a", "b"]]
        assert values(texts.invoke(caller.body(rows))) == ["a|b", "", "a|b"]

    def test_NaN_is_an_empty_field(self, caller: Caller, numbers: Server) -> None:
        """So that a database reads NULL, and its cast does not fail."""
        assert values(numbers.invoke(caller.body([["0", "1"], ["1", "2"], ["0", "3"]]))) == ["", "12.0", ""]
        assert values(numbers.invoke(caller.body([["0", "1"]]))) == [""]

    def test_B07_a_bad_row_does_not_shift_the_others(self, caller: Caller, numbers: Server, policy: str) -> None:
        answer = numbers.invoke(caller.body([["1", "2"], ["x", "2"], ["3", "4"], ["", "1"], ["5", "6"]]))
        if policy == "fail":
            assert answer.status == 400
            assert b"row 2, column 'r'" in answer.body or b"row 2, column '1'" in answer.body, answer.body
            return
        bad = "ERROR" if policy == "placeholder" else ""
        assert values(answer) == ["12.0", bad, "34.0", bad, "56.0"]


def test_numbers_come_back_whole(numbers: Server) -> None:
    """As repr writes them: a database reads the same double."""
    found = values(numbers.invoke(b"0.1,0.2\n1e-7,0\n12345678901,0.5\n"))
    assert list(map(float, found)) == [10 * 0.1 + 0.2, 10 * 1e-7, 10 * 12345678901 + 0.5]
