"""The colour classifier's payloads, through the predictor that serves them. Whole requests: tests/cases/http."""

import json
from pathlib import Path

import pytest

from tests.job import ROOT
from tiffin import loader
from tiffin.context import CUSTOM_ATTRIBUTES, Context
from tiffin.errors import BadPayload, PublicError
from tiffin.predictor import Predictor
from tiffin.settings import Settings

CSV, JSON, LINES = "text/csv", "application/json", "application/jsonlines"


@pytest.fixture(scope="module")
def settings(saved: Path) -> Settings:
    return Settings(base_dir=saved.parent, plug=ROOT / "model")


@pytest.fixture(scope="module")
def predictor(settings: Settings) -> Predictor:
    return loader.load_predictor(settings)


@pytest.mark.parametrize(
    ("content_type", "body", "answer"),
    [
        (CSV, "200,10,10\n", "red\n"),
        (CSV, "200,10,10\r\n10,10,200\r\n", "red\nblue\n"),
        (CSV, '"200","10","10"', "red\n"),
        (CSV, " 200 , 10 , 10 \n", "red\n"),
        (CSV, "199.5,1e1,+10\n", "red\n"),
        (CSV, "#0a0ac8\n#c80a0a\n", "blue\nred\n"),
        (CSV, "0a0ac8\n", "blue\n"),
        (CSV, "#00C\n", "blue\n"),
        (CSV, "0,0,255\n255,0,0\n0,255,0\n", "blue\nred\ngreen\n"),
        (JSON, '{"r": 200, "g": 10, "b": 10}', '"red"\n'),
        (JSON, '{"B": 200, "G": 10, "R": 10}', '"blue"\n'),
        (JSON, '{"name": "sky", "R": "10", "g": "10", "B": "200"}', '"blue"\n'),
        (JSON, '[{"r": 200, "g": 10, "b": 10}, {"r": 10, "g": 10, "b": 200}]', '["red","blue"]\n'),
        (JSON, "[[200, 10, 10], [10, 10, 200]]", '["red","blue"]\n'),
        (JSON, '{"instances": [[200, 10, 10]]}', '{"predictions":["red"]}\n'),
        (JSON, '{"instances": [{"r": 200, "g": 10, "b": 10}]}', '{"predictions":["red"]}\n'),
        (JSON, '{"hex": "#00c"}', '"blue"\n'),
        (JSON, '{"HEX": "0000CC", "name": "x"}', '"blue"\n'),
        (JSON, '["#00c", "#c00"]', '["blue","red"]\n'),
        (JSON, "[]", "[]\n"),
        (JSON, '{"instances": []}', '{"predictions":[]}\n'),
        (LINES, '{"r":200,"g":10,"b":10}\n{"r":10,"g":10,"b":200}\n', '"red"\n"blue"\n'),
        (LINES, "[200,10,10]\n[10,10,200]\n", '"red"\n"blue"\n'),
    ],
)
def test_payload(content_type: str, body: str, answer: str, predictor: Predictor, settings: Settings) -> None:
    reply = predictor.predict(body.encode(), content_type, None, Context(settings))
    assert reply.body.decode() == answer
    assert reply.content_type == content_type


@pytest.mark.parametrize(
    ("content_type", "body", "reason"),
    [
        (CSV, "1,2,3\n1,300,3\n", "row 2, column 'G': 300 is not between 0 and 255"),
        (CSV, "1,2,-1\n", "row 1, column 'B': -1 is not between 0 and 255"),
        (CSV, "x,2,3\n", "row 1, column 'R': 'x' is not a number"),
        (CSV, "1,,3\n", "row 1, column 'G': is empty where a number is needed"),
        (CSV, "1,NaN,3\n", "row 1, column 'G': 'NaN' is not a finite number"),
        (CSV, "1,2,inf\n", "row 1, column 'B': 'inf' is not a finite number"),
        (CSV, "1_0,2,3\n", "row 1, column 'R': '1_0' is not a number"),
        (CSV, "1,2\n", "row 1: has 2 columns; send R,G,B or one hex colour such as #495474"),
        (CSV, "1,2,3,4\n", "row 1: has 4 columns; send R,G,B or one hex colour such as #495474"),
        (CSV, "R,G,B\n1,2,3\n", "row 1: is the header R,G,B; send rows only"),
        (CSV, "#fff\nred\n", "row 2: 'red' is no hex colour such as #495474, and R,G,B are three columns"),
        (CSV, "", "the body is empty; send at least one row"),
        (JSON, '{"r": 1, "g": 2}', "column 'b': is missing; this model takes r, g, b"),
        (JSON, '{"r": 1, "g": 2, "b": null}', "row 1, column 'b': is empty where a number is needed"),
        (JSON, '{"r": 1, "g": true, "b": 3}', "row 1, column 'g': True is not a number"),
        (JSON, '{"r": 1, "g": 2, "b": 256}', "row 1, column 'B': 256 is not between 0 and 255"),
        (JSON, "[1, 2, 3]", "row 1: 1 is no hex colour such as #495474, and R,G,B are three columns"),
        (JSON, '{"hex": null}', "row 1: None is no hex colour such as #495474, and R,G,B are three columns"),
    ],
)
def test_refused(content_type: str, body: str, reason: str, predictor: Predictor, settings: Settings) -> None:
    with pytest.raises(BadPayload) as refused:
        predictor.predict(body.encode(), content_type, None, Context(settings))
    assert str(refused.value) == reason


@pytest.mark.parametrize(
    "headers",
    [
        {CUSTOM_ATTRIBUTES: "probabilities=true"},
        {CUSTOM_ATTRIBUTES: "trace=7; Probabilities = 1"},
        {"accept": "application/json; probabilities=true"},
        {"accept": "text/csv;q=0.1, application/json;probabilities=True"},
    ],
)
def test_probabilities(headers: dict[str, str], predictor: Predictor, settings: Settings) -> None:
    context = Context(settings, headers)
    reply = predictor.predict(b"[[200, 10, 10], [10, 10, 200]]", JSON, headers.get("accept"), context)
    answers = json.loads(reply.body)
    assert [list(row) for row in answers] == [["label", "blue", "green", "red"]] * 2
    assert [row["label"] for row in answers] == ["red", "blue"]
    for row in answers:
        shares = {label: row[label] for label in ("blue", "green", "red")}
        assert sum(shares.values()) == pytest.approx(1)
        assert max(shares, key=shares.__getitem__) == row["label"]


def test_probabilities_as_csv_and_of_no_rows(predictor: Predictor, settings: Settings) -> None:
    context = Context(settings, {CUSTOM_ATTRIBUTES: "probabilities=true"})
    assert predictor.predict(b"255,0,0\n", CSV, None, context).body.startswith(b"red,0.0,0.0,1.0")
    assert predictor.predict(b"[]", JSON, None, context).body == b"[]\n"


def test_probabilities_may_be_switched_off_and_not_misspelt(predictor: Predictor, settings: Settings) -> None:
    off = Context(settings, {CUSTOM_ATTRIBUTES: "probabilities=0", "accept": "*/*; probabilities=true"})
    assert predictor.predict(b"255,0,0\n", CSV, None, off).body == b"red\n"
    with pytest.raises(PublicError, match="probabilities='yes please' is neither true nor false"):
        predictor.predict(b"255,0,0\n", CSV, None, Context(settings, {CUSTOM_ATTRIBUTES: "probabilities=yes please"}))
