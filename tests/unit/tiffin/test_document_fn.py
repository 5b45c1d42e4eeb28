"""document_fn: JSON that a module reads itself, and rows as ever where it does not; answers that have an inside."""
# ruff: noqa: ARG005

import re
from typing import Any

import pytest

from tests.unit.tiffin.test_predictor import answer, handlers, predictor
from tiffin.bad_rows import BadRows, filled
from tiffin.codecs import json, jsonlines
from tiffin.errors import BadPayload, NoModel, UserCodeError
from tiffin.table import Envelope, Table

JSON = "application/json"


def own(document: Any, model: Any) -> Any:
    return document["mine"] if isinstance(document, dict) and "mine" in document else None


def told(data: Any, model: Any) -> Any:
    return data.numbers().sum(axis=1) if isinstance(data, Table) else [f"mine: {data}"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"mine": {"a": [1, {}]}}', b"[\"mine: {'a': [1, {}]}\"]\n"),
        (b'{"a": 1, "b": 2}', b"3.0\n"),
        (b"[[1, 2], [3, 4]]", b"[3.0,7.0]\n"),
        (b"7", b"7.0\n"),
        (b'{"instances": [[1, 2]]}', b'{"predictions":[3.0]}\n'),
    ],
)
def test_what_it_returns_reaches_predict_fn_and_none_means_rows(body: bytes, expected: bytes) -> None:
    assert answer(predictor(document_fn=own, predict_fn=told), body, JSON) == (expected, JSON)


def test_other_formats_do_not_pass_by_it() -> None:
    serving = predictor(document_fn=lambda document, model: 1 / 0, predict_fn=told)
    assert answer(serving, b"1,2\n", "text/csv")[0] == b"3.0\n"
    assert answer(serving, b"[1,2]\n", "application/jsonlines")[0] == b"3.0\n"


@pytest.mark.parametrize(
    ("body", "content_type", "sentence"),
    [
        (b"", JSON, "the body is empty; send at least one row"),
        (b" \n", JSON, "the body is empty; send at least one row"),
        (b"{", JSON, "not JSON: "),
        (b"\xff", JSON, "the body is not utf-8 at byte 0"),
        (b'{"a":{}}', JSON, "row 1, column 'a': {} is not a single value"),
    ],
)
def test_a_body_that_is_no_document_is_refused_as_ever(body: bytes, content_type: str, sentence: str) -> None:
    with pytest.raises(BadPayload, match=re.escape(sentence)):
        answer(predictor(document_fn=own, predict_fn=told), body, content_type)


def test_its_failures_are_the_models() -> None:
    with pytest.raises(UserCodeError):
        answer(predictor(document_fn=lambda document, model: 1 / 0, predict_fn=told), b"[]", JSON)


@pytest.mark.parametrize(
    "functions",
    [{}, {"predict_fn": told, "input_fn": own}, {"transform_fn": lambda model, body, content_type, accept: b""}],
)
def test_a_module_where_it_could_not_be_asked_does_not_start(functions: dict[str, Any]) -> None:
    with pytest.raises(NoModel, match="document_fn reads JSON for a predict_fn"):
        handlers(document_fn=own, **functions)


def test_documents_stand_in_for_the_cells_in_json_only() -> None:
    table = Table([["a", 1], ["b", 2]], documents=[{"x": [1]}, {"x": []}])
    assert json.encode(table) == '[{"x":[1]},{"x":[]}]\n'
    assert jsonlines.encode(table) == '{"x":[1]}\n{"x":[]}\n'
    one = Table([["a"]], envelope=Envelope.ONE, documents=[{"x": 1}])
    assert json.encode(one) == '{"x":1}\n'
    served = predictor(predict_fn=lambda data, model: table)
    assert answer(served, b"1\n2\n", "text/csv")[0] == b"a,1\nb,2\n"


def test_bad_rows_have_a_document_too() -> None:
    bad = BadRows({2: BadPayload("is bad", row=2)})
    table = filled(Table([["a"], ["b"]], documents=[{"x": 1}, {"x": 2}]), 3, bad, "placeholder")
    assert json.encode(table) == '[{"x":1},"ERROR",{"x":2}]\n'
    assert [list(row) for row in table.rows] == [["a"], ["ERROR"], ["b"]]
