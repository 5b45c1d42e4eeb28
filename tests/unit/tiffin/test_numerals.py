"""Every cell is what `float()` makes of it, or the whole is left to others."""

import random
import re

import numpy as np
import pytest

from tiffin import numerals

NUMBER = re.compile(r"-?(\d+\.?\d*|\.\d+)")


def read(text: str) -> list[list[str]] | None:
    """By `repr`, so that -0.0 is another than 0.0."""
    found = numerals.read(text.encode())
    return None if found is None else [list(map(repr, row)) for row in found.tolist()]


def expected(text: str) -> list[list[str]] | None:
    rows = [line.split(",") for line in text.split("\n")[:-1]]
    cells = [cell for row in rows for cell in row]
    if len({len(row) for row in rows}) != 1 or not all(map(NUMBER.fullmatch, cells)):
        return None
    return [[repr(float(cell)) for cell in row] for row in rows]


@pytest.mark.parametrize(
    "text",
    [
        "0\n",
        "-0\n",
        "007,1\n",
        "5.,.5\n-.5,-5.\n",
        "255,0\n-1,1.25\n",
        "0.1,0.2,0.3\n",
        "999999999999999,.000000000000001\n",
    ],
)
def test_reads(text: str) -> None:
    assert read(text) == expected(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        *(
            "\n",
            ",\n",
            "1,\n",
            ",1\n",
            ".\n",
            "-\n",
            "-.\n",
            "--1\n",
            "1-\n",
            "1-2\n",
            "1.2.3\n",
            "..1\n",
            ".-1\n",
            "1.-\n",
        ),
        *("1\n\n2\n", "\n1\n", "1,2\n3\n", "1\n2,3\n", "1,2\n3\n4,5,6\n", "1,2,3\n4,5\n6\n", "1\n2\n3\n-\n"),
    ],
)
def test_leaves_to_others_what_is_no_table_of_numbers(text: str) -> None:
    assert read(text) is None


def test_leaves_to_others_what_a_float_may_round() -> None:
    assert read("1234567890123456\n") is None
    assert read("0.1234567890123456\n") is None


def test_any_text_of_its_alphabet() -> None:
    chance, taken = random.Random(3), 0  # noqa: S311
    for _ in range(20_000):
        text = "".join(chance.choices("0123456789-.,,,\n\n", k=chance.randint(0, 12))) + "\n"
        found = read(text)
        assert found == expected(text), text
        taken += found is not None
    assert taken > 2000


@pytest.mark.parametrize("columns", [1, 3, 4000])
def test_numbers_of_any_length_in_more_than_one_part(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numerals, "_PART", 5000)
    chance = np.random.default_rng(columns)
    cells = [
        f"{number:.{places}f}" if places else str(int(number))
        for number, places in zip(chance.normal(scale=1e6, size=12_000), chance.integers(0, 8, 12_000), strict=True)
    ]
    text = "".join(",".join(cells[i : i + columns]) + "\n" for i in range(0, len(cells), columns))
    assert read(text) == expected(text) is not None
