"""Google Vision's answers as the classifier reads them. Whole requests: tests/cases/http/vision-*.http."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from model import vision
from tests.job import ROOT
from tiffin import loader
from tiffin.context import CUSTOM_ATTRIBUTES, Context
from tiffin.errors import BadPayload
from tiffin.predictor import Predictor
from tiffin.settings import Settings
from tiffin.table import Envelope

JSON = "application/json"
BACKDROP = {"color": {"red": 254, "green": 254, "blue": 254}, "score": 0.006, "pixelFraction": 0.789}
SUBJECT = {"color": {"red": 20.5, "blue": 180}, "score": 0.661, "pixelFraction": 0.123}
COLOURS = {"colors": [BACKDROP, SUBJECT]}


def snake(document: Any) -> Any:
    names = {"imagePropertiesAnnotation", "dominantColors", "pixelFraction"}
    if isinstance(document, dict):
        return {vision._snake(k) if k in names else k: snake(v) for k, v in document.items()}
    return [snake(each) for each in document] if isinstance(document, list) else document


def found(document: Any) -> vision.Answer:
    answer = vision.answer_of(document)
    assert answer is not None
    return answer


@pytest.mark.parametrize("spelt", [copy.deepcopy, snake], ids=["camel", "snake"])
@pytest.mark.parametrize(
    ("document", "envelope"),
    [
        ({"responses": [{"imagePropertiesAnnotation": {"dominantColors": COLOURS}}]}, Envelope.MANY),
        ({"imagePropertiesAnnotation": {"dominantColors": COLOURS}, "labelAnnotations": []}, Envelope.ONE),
        ({"dominantColors": COLOURS}, Envelope.ONE),
        (COLOURS, Envelope.ONE),
        ({"responses": [{"dominantColors": COLOURS}]}, Envelope.MANY),
    ],
)
def test_each_wrapping_is_read_and_the_score_decides(spelt: Any, document: Any, envelope: Envelope) -> None:
    answer = found(spelt(document))
    assert answer.envelope is envelope
    (palette,) = answer.palettes
    assert palette.rgb.tolist() == [[20.5, 0, 180], [254, 254, 254]]
    assert palette.scores.tolist() == [0.661, 0.006]
    assert palette.shares.tolist() == [0.123, 0.789]


def test_what_is_left_out_is_zero() -> None:
    (palette,) = found({"colors": [{"color": {}}, {"color": {"green": 1}, "score": 0.5}]}).palettes
    assert palette.rgb.tolist() == [[0, 1, 0], [0, 0, 0]]
    assert palette.scores.tolist() == [0.5, 0]
    assert palette.shares.tolist() == [0, 0]


def test_without_scores_the_pixels_decide() -> None:
    entries = [{"color": {"red": red}, "pixelFraction": red / 10} for red in (1, 3, 2)]
    assert found({"colors": entries}).palettes[0].rgb[:, 0].tolist() == [3, 2, 1]


@pytest.mark.parametrize(
    "document",
    [
        {"r": 1, "g": 2, "b": 3},
        {"R": [1], "G": [2], "B": [3], "responses": [1]},
        {"hex": "#fff", "colors": [{}]},
        {"instances": [{"r": 1, "g": 2, "b": 3}]},
        {"colors": ["#fff", "#000"]},
        {"colors": "red"},
        [{"imagePropertiesAnnotation": {}}],
        ["#fff"],
        "#fff",
        1,
        None,
        {},
        [],
    ],
)
def test_rows_are_left_alone(document: Any) -> None:
    assert vision.answer_of(document) is None


WRAPPED = "imagePropertiesAnnotation.dominantColors.colors"


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"responses": {}}, "responses is {}, not a list of Google Vision's answers"),
        ({"responses": [3]}, "row 1: is 3, not an answer of Google Vision"),
        (
            {"responses": [{"dominantColors": COLOURS}, {}]},
            "row 2: has no imagePropertiesAnnotation; ask Google Vision for the feature IMAGE_PROPERTIES",
        ),
        (
            {"responses": [{"error": {"code": 3, "message": "Bad image data."}}]},
            "row 1: Google Vision answered an error: 'Bad image data.'",
        ),
        ({"imagePropertiesAnnotation": None}, "row 1: imagePropertiesAnnotation is None, not an object"),
        ({"imagePropertiesAnnotation": {}}, "row 1: imagePropertiesAnnotation has no dominantColors"),
        ({"dominantColors": []}, "row 1: dominantColors is [], not an object"),
        ({"dominantColors": {}}, "row 1: dominantColors.colors is None, not a list of colours"),
        ({"dominantColors": {"colors": []}}, "row 1: dominantColors.colors is empty: there is no colour to name"),
        ({"colors": [{}]}, "row 1: colors[0] has no color"),
        ({"colors": [{"color": {}}, 7]}, "row 1: colors[1] is 7, not an object with color, score and pixelFraction"),
        ({"colors": [{"color": "#fff"}]}, "row 1: colors[0].color is '#fff', not an object"),
        (
            {"imagePropertiesAnnotation": {"dominantColors": {"colors": [{"color": {"red": 256}}]}}},
            f"row 1: {WRAPPED}[0].color.red is 256, not a number of 0 to 255",
        ),
        ({"colors": [{"color": {"green": -1}}]}, "row 1: colors[0].color.green is -1, not a number of 0 to 255"),
        ({"colors": [{"color": {"blue": "1"}}]}, "row 1: colors[0].color.blue is '1', not a number of 0 to 255"),
        ({"colors": [{"color": {"blue": True}}]}, "row 1: colors[0].color.blue is True, not a number of 0 to 255"),
        ({"colors": [{"color": {}, "score": 2}]}, "row 1: colors[0].score is 2, not a number of 0 to 1"),
        (
            {"colors": [{"color": {}, "pixelFraction": [1]}]},
            "row 1: colors[0].pixelFraction is [1], not a number of 0 to 1",
        ),
        (
            {"colors": [{"color": {}, "pixelFraction": 0, "pixel_fraction": 0}]},
            "row 1: colors[0] has both pixelFraction and pixel_fraction; send one of them",
        ),
    ],
)
def test_malformed(document: Any, sentence: str) -> None:
    with pytest.raises(BadPayload) as raised:
        vision.answer_of(document)
    assert str(raised.value) == sentence


@pytest.fixture(scope="module")
def settings(saved: Path) -> Settings:
    return Settings(base_dir=saved.parent, plug=ROOT / "model")


@pytest.fixture(scope="module")
def predictor(settings: Settings) -> Predictor:
    return loader.load_predictor(settings)


def test_of_several_pictures_each_is_a_row(predictor: Predictor, settings: Settings) -> None:
    body = json.dumps({"responses": [{"dominantColors": {"colors": [SUBJECT]}}, {"dominantColors": COLOURS}]}).encode()
    reply = predictor.predict(body, JSON, None, Context(settings))
    subject = {"label": "blue", "hex": "#1400b4", "share": 0.123, "score": 0.661}
    backdrop = {"label": "green", "hex": "#fefefe", "share": 0.789, "score": 0.006}
    assert json.loads(reply.body) == [
        {"label": "blue", "colors": [subject]},
        {"label": "blue", "colors": [subject, backdrop]},
    ]
    assert predictor.predict(body, JSON, "text/csv", Context(settings)).body == b"blue\nblue\n"
    lines = predictor.predict(body, JSON, "application/jsonlines", Context(settings)).body.splitlines()
    assert [json.loads(line)["label"] for line in lines] == ["blue", "blue"]
    assert predictor.predict(b'{"responses":[]}', JSON, None, Context(settings)).body == b"[]\n"


def test_probabilities_come_with_each_colour(predictor: Predictor, settings: Settings) -> None:
    context = Context(settings, {CUSTOM_ATTRIBUTES: "probabilities=true"})
    answer = json.loads(predictor.predict(json.dumps(COLOURS).encode(), JSON, None, context).body)
    assert [list(entry["probabilities"]) for entry in answer["colors"]] == [["blue", "green", "red"]] * 2
    assert predictor.predict(json.dumps(COLOURS).encode(), JSON, "text/csv", context).body.startswith(b"blue,1.0,0.0,")


@pytest.mark.parametrize("policy", ["fail", "null", "placeholder"])
def test_a_malformed_answer_fails_the_request(policy: str, predictor: Predictor, settings: Settings) -> None:
    context = Context(settings, {CUSTOM_ATTRIBUTES: f"bad-rows={policy}"})
    with pytest.raises(BadPayload, match="row 1: has no imagePropertiesAnnotation"):
        predictor.predict(b'{"responses":[{}]}', JSON, None, context)


@pytest.mark.parametrize("body", [b"", b" ", b"{", b'{"responses":[', b'{"a":1,"a":2}', b"\xff"])
def test_what_is_no_json_is_answered_as_ever(body: bytes, predictor: Predictor, settings: Settings) -> None:
    with pytest.raises(BadPayload, match=r"the body is empty|not JSON|not utf-8"):
        predictor.predict(body, JSON, None, Context(settings))
