"""Which predict_fn reads its data as an object, and how an answer that is no table is written."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tiffin import document
from tiffin.errors import BadPayload, NotAcceptable
from tiffin.table import Table


def by_key(data: Any, model: Any) -> Any:
    return model(data["inputs"])


def popped(data: Any, pipe: Any, context: Any = None) -> Any:
    inputs = data.pop("inputs", data)
    return pipe(inputs)


def looked_into(payload: Any, model: Any) -> Any:
    if "inputs" not in payload:
        raise ValueError
    return payload


def spread(data: Any, model: Any) -> Any:
    return model(**data)


def by_type(data: Any, model: Any) -> Any:
    return data if isinstance(data, dict) else None


class Service:
    def predict(self, data: Any, model: Any) -> Any:
        return model(data.get("text"))


def of_rows(data: Any, model: Any) -> Any:
    return model.predict(data)


def of_an_array(data: Any, model: Any) -> Any:
    other = {"inputs": data[0]}
    return other["inputs"], data.reshape(1, -1), data[:, 0], data.copy(), model["weights"], other.get("inputs")


def of_a_table(data: Any, model: Any) -> Any:
    return list(data.select(["R", "G"]).rows)


def of_nothing() -> Any:
    return None


@functools.wraps(by_key)
def wrapped(*arguments: Any) -> Any:
    return by_key(*arguments)


@pytest.mark.parametrize("function", [by_key, popped, looked_into, spread, by_type, wrapped, Service().predict])
def test_it_reads_an_object(function: Callable[..., Any]) -> None:
    assert document.is_read_by(function)


@pytest.mark.parametrize(
    "function", [of_rows, of_an_array, of_a_table, of_nothing, len, max, functools.partial(by_key)]
)
def test_it_does_not(function: Callable[..., Any]) -> None:
    assert not document.is_read_by(function)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"label": "red", "score": np.float32(0.5)}, b'{"label":"red","score":0.5}\n'),
        ([{"a": np.array([1, 2])}, (1, None)], b'[{"a":[1,2]},[1,null]]\n'),
        ({1: float("nan"), "b": [float("inf")]}, b'{"1":null,"b":[null]}\n'),
        ({"rows": Table([["red"], ["blue"]])}, b'{"rows":["red","blue"]}\n'),
        ("한글", '"한글"\n'.encode()),
        (True, b"true\n"),
        (np.float64(0.25), b"0.25\n"),
    ],
)
def test_how_it_is_written(answer: object, text: bytes) -> None:
    assert document.written(answer, None) == (text, "application/json")
    assert document.written(answer, "text/csv, */*;q=0.1") == (text, "application/json")


def test_a_caller_who_takes_no_json_is_refused() -> None:
    with pytest.raises(NotAcceptable):
        document.written({}, "text/csv")


@pytest.mark.parametrize("text", ["", " \n", "{", "[NaN]", '{"a":1,"a":2}'])
def test_what_is_no_document(text: str) -> None:
    with pytest.raises(BadPayload):
        document.read(text)
