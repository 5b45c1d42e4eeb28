import numpy as np
import pytest

from tiffin import bad_rows
from tiffin.bad_rows import BadRows
from tiffin.codecs import csv, json, jsonlines
from tiffin.context import Context
from tiffin.errors import BadPayload, UserCodeError
from tiffin.settings import Settings
from tiffin.table import ArrayRows, Cell, Table


class Sums:
    """A model that refuses what is no number, and counts."""

    def __init__(self) -> None:
        self.calls = 0
        self.rows = 0

    def __call__(self, table: Table) -> Table:
        self.calls += 1
        self.rows += len(table)
        return Table([[value] for value in table.numbers().sum(axis=1).tolist()])


def sums(rows: list[list[Cell]]) -> list[list[Cell]]:
    return [["ERROR"] if "x" in row else [float(sum(map(float, row)))] for row in rows]  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [1, 2, 3, 10, 97])
@pytest.mark.parametrize("every", [1, 2, 3, 50, 1000])
def test_good_rows_are_answered_and_the_others_not(count: int, every: int) -> None:
    rows: list[list[Cell]] = [["x" if i % every == 0 else "1", str(i)] for i in range(count)]
    bad = BadRows()
    found = bad_rows.answered(Sums(), Table(rows), bad)
    assert list(bad_rows.filled(found, count, bad, "placeholder").rows) == sums(rows)
    assert sorted(bad.reasons) == [i + 1 for i in range(0, count, every)]
    assert [(error.row, error.column) for _, error in sorted(bad.reasons.items())] == [
        (n, "1") for n in sorted(bad.reasons)
    ]


@pytest.mark.parametrize(
    ("bad_ones", "most_calls", "most_rows"),
    [(0, 1, 10_000), (1, 2, 20_000), (100, 300, 400_000), (5_000, 10_000, 600_000), (10_000, 10_001, 300_000)],
)
def test_many_bad_rows_cost_a_few_times_n_log_n(bad_ones: int, most_calls: int, most_rows: int) -> None:
    array = np.ones((10_000, 2))
    array[np.random.default_rng(5).choice(10_000, bad_ones, replace=False), 1] = np.nan
    model, bad = Sums(), BadRows()
    bad_rows.answered(model, Table(ArrayRows(array)), bad)
    assert len(bad) == bad_ones
    assert model.calls <= most_calls
    assert model.rows <= most_rows


def test_the_good_rows_are_asked_for_together_in_the_end() -> None:
    """A model whose rows know of each other answers as if the bad ones had not been sent."""

    def centred(table: Table) -> Table:
        values = table.numbers()
        return Table((values - values.mean()).tolist())

    rows: list[list[Cell]] = [["x"] if i % 2 else [float(i)] for i in range(40)]
    bad = BadRows()
    found = bad_rows.answered(centred, Table(rows), bad)
    assert found is not None
    assert list(found.rows) == [[float(i) - 19] for i in range(0, 40, 2)]


@pytest.mark.parametrize(
    "error", [BadPayload("no"), BadPayload("no", row=0), BadPayload("no", row=3), UserCodeError("no", row=1)]
)
def test_what_names_no_row_of_the_request_fails_it(error: Exception) -> None:
    def predict(table: Table) -> Table:
        raise error

    with pytest.raises(type(error), match="no"):
        bad_rows.answered(predict, Table([["1"], ["2"]]), BadRows())


def test_a_model_that_refuses_whatever_is_left_ends() -> None:
    def predict(table: Table) -> Table:
        raise BadPayload("is not liked", row=len(table))

    bad = BadRows()
    assert bad_rows.answered(predict, Table([["1"]] * 100), bad) is None
    assert len(bad) == 100


def test_each_column_of_the_answer_is_filled() -> None:
    bad = BadRows({2: BadPayload("no", row=2)})
    answer = Table([["a", 1], ["b", 2]], ("label", "n"))
    assert bad_rows.filled(answer, 3, bad, "null") == Table([["a", 1], [None, None], ["b", 2]], ("label", "n"))
    assert list(bad_rows.filled(answer, 3, bad, "placeholder").rows)[1] == ["ERROR", "ERROR"]


@pytest.mark.parametrize(
    ("table", "good", "reasons"),
    [
        (lambda bad: csv.decode("1\n2,3\n4,5\n6,7,8\n", bad=bad), [["2", "3"], ["4", "5"]], {1: "has 1", 4: "has 3"}),
        (lambda bad: csv.decode("a,b\n1\n2,3\n", True, bad), [["2", "3"]], {1: "has 1 column where others have 2"}),
        (lambda bad: jsonlines.decode('{"a":1}\n{"b":1}\n{\n{"a":2}\n', bad), [[1], [2]], {2: "is missing", 3: "not"}),
        (lambda bad: json.decode("[1,[1,2],[3,4],[5]]", bad), [[1, 2], [3, 4]], {1: "is not of the", 4: "has 1"}),
        (lambda bad: json.decode('{"columns":["a"],"data":[[1],[2,3]]}', bad), [[1]], {2: "has 2 cells where"}),
    ],
)  # fmt: skip
def test_rows_that_their_format_refuses_are_kept_apart(table, good, reasons) -> None:  # type: ignore[no-untyped-def]
    bad = BadRows()
    assert list(table(bad).rows) == good
    assert bad.reasons.keys() == reasons.keys()
    assert all(bad.reasons[row].message.startswith(start) for row, start in reasons.items())


@pytest.mark.parametrize(
    ("setting", "headers", "word"),
    [
        ("fail", {}, "fail"),
        ("null", {}, "null"),
        ("null", {"accept": "text/csv;bad-rows=Fail"}, "fail"),
        ("fail", {"x-amzn-sagemaker-custom-attributes": "bad-rows=placeholder"}, "placeholder"),
        ("null", {"accept": "gibberish"}, "null"),  # refused where the answer's format is chosen
    ],
)
def test_policy(setting: str, headers: dict[str, str], word: str) -> None:
    assert bad_rows.policy(Context(Settings(bad_rows=setting), headers)) == word
