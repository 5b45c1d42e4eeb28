import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tiffin.context import Context
from tiffin.errors import PublicError
from tiffin.joined import joined
from tiffin.predictor import HandlerPredictor, Handlers
from tiffin.settings import Settings
from tiffin.table import Floats

_LIMITS: dict[str, tuple[str, ...]] = {
    "few": (),
    "many bodies": ("_MANY_BODIES",),
    "as if much": ("_MANY_BYTES", "_MANY_BODIES", "_FEW_BYTES", "_FEW_LABELS"),
}


@pytest.fixture(params=_LIMITS, autouse=True)
def _as_if_many(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test again with the ways that are taken for many bytes, bodies and labels only."""
    for name in _LIMITS[request.param]:
        monkeypatch.setattr(f"tiffin.joined.{name}", 0)


LABELS = np.array(["red", 'blue, or "azure"', ""])


class Model:
    def __init__(self, predict: Callable[[Floats], Any]) -> None:
        self.asked: list[int] = []
        self._predict = predict

    def predict(self, rows: Floats) -> Any:
        self.asked.append(len(rows))
        return self._predict(rows)


def by_the_long_way(model: Model, body: bytes) -> bytes:
    predictor = HandlerPredictor(Handlers({}, "a test"), model)
    answer = predictor.predict(body, "text/csv", "*/*", Context(Settings.from_environ({}))).body
    assert isinstance(answer, bytes)
    return answer


def labels(rows: Floats) -> Any:
    return LABELS[np.abs(rows.sum(axis=1) % 3).astype(int)]


def integers(rows: Floats) -> Any:
    return rows.astype(np.int64)


WEIGHTS = np.random.default_rng(3).normal(size=(40, 3))


def floats(rows: Floats) -> Any:
    return rows @ WEIGHTS


def test_joins_and_takes_apart() -> None:
    model = Model(labels)
    assert joined(model.predict)([b"0\n", b"1\n2\n", b"3"]) == [b"red\n", b'"blue, or ""azure"""\n""\n', b"red\n"]
    assert model.asked == [4]


def test_several_columns() -> None:
    assert joined(integers)([b"1,2\n3,4\n", b"5,6\n"]) == [b"1,2\n3,4\n", b"5,6\n"]


@pytest.mark.parametrize("as_list", [False, True], ids=["array", "list"])
def test_floats_are_bit_identical_to_those_of_a_single_request(as_list: bool) -> None:
    random_rows = np.random.default_rng(5).normal(size=(60, 40))
    sizes = [1 + i % 3 for i in range(57)]
    bodies = [
        "".join(",".join(map(repr, row)) + "\n" for row in random_rows[i : i + size].tolist()).encode()
        for i, size in enumerate(sizes)
    ]
    model = Model((lambda rows: floats(rows).tolist()) if as_list else floats)
    raw = joined(model.predict)
    for _ in range(2):
        assert raw(bodies) == [by_the_long_way(Model(floats), body) for body in bodies]
    assert model.asked[0] > 57, "the first time it is not known that it answers floats"
    assert max(model.asked[1:]) <= 3


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"\n", b" ", b"x", b"1,", b",", b"1\n1,2", b"1,2\n3", b"1_0", b"nan", b"-inf", b"Infinity", b"1e999"),
        *(b'"1"', b"1\x00", b"0x10", b"1 2", b"\xff", "١".encode(), b"\xef\xbb\xbf1", b"1,\r2", b"1\r2", b"\r"),
    ],
)
def test_what_is_not_plain_needs_the_long_way_and_the_others_do_not(body: bytes) -> None:
    assert joined(labels)([b"1\n", body, b"2\n"]) == [b'"blue, or ""azure"""\n', None, b'""\n']
    assert joined(labels)([body]) == [None]


def test_other_widths_need_the_long_way() -> None:
    assert joined(integers)([b"1\n", b"1,2\n", b"3\n"]) == [b"1\n", None, b"3\n"]


def test_what_the_model_does_not_take_needs_the_long_way() -> None:
    raw = joined(integers, lambda rows: bool((rows < 10).all()))
    assert raw([b"1\n", b"11\n", b"2\n10\n"]) == [b"1\n", None, None]


@pytest.mark.parametrize("extra", [-1, 1])
def test_wrong_number_of_rows_needs_the_long_way(extra: int) -> None:
    raw = joined(lambda rows: np.zeros(len(rows) + extra, int))
    assert raw([b"1\n", b"2\n3\n"]) == [None, None]
    assert raw([b"1\n"]) == [None]


@pytest.mark.parametrize(
    "names",
    [["red", "blue"], ["é", "blue"], ["a\0b", "c"], ["", "c"], ['"', ","], ["a\r", "b\nc"], ["x" * 300, "y"], ["", ""]],
)
@pytest.mark.parametrize("dtype", [str, ">U301", "<U301", object])
def test_labels_of_every_kind_are_written_as_by_the_long_way(names: list[str], dtype: Any) -> None:
    array = np.array(names, dtype)
    model = Model(lambda rows: array[rows[:, 0].astype(int)])
    bodies = [b"0\n1\n", b"1\n", b"0\n"]
    assert joined(model.predict)(bodies) == [by_the_long_way(model, body) for body in bodies]
    assert model.asked[0] == 4, "joined"


def test_objects_that_are_no_text_are_predicted_request_by_request() -> None:
    model = Model(lambda rows: np.array([1.5, "a"], object)[rows[:, 0].astype(int)])
    assert joined(model.predict)([b"0\n", b"1\n"]) == [b"1.5\n", b"a\n"]
    assert model.asked == [2, 1, 1]


def test_any_bytes_are_answered_as_by_the_long_way_or_not_at_all() -> None:
    chance = random.Random(11)  # noqa: S311
    raw, short = joined(labels), 0
    alphabet = [
        *"0123456789",
        *",,,,\n\n\n",
        "\r\n",
        "\r",
        " ",
        "\t",
        "\x0b",
        "\x1c",
        ".",
        "-",
        "+",
        "e5",
        "_",
        '"',
        "é",
    ]
    for _ in range(4000):
        bodies = ["".join(chance.choices(alphabet, k=chance.randint(0, 9))).encode() for _ in range(3)]
        for body, answer in zip(bodies, raw(bodies), strict=True):
            if answer is not None:
                short += 1
                try:
                    assert by_the_long_way(Model(labels), body) == answer
                except PublicError as error:
                    pytest.fail(f"{body!r} is answered {answer!r}, and by the long way: {error}")
    assert short > 1000
