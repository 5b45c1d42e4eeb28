"""A plain exception by which a script refuses a request, as published scripts raise them."""

import json

import pytest

from tiffin import complaint

REFUSED = "the model's code refused the request; the container's log says why"


def _not_json() -> Exception:
    try:
        json.loads("{")
    except ValueError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize(
    ("handler", "error", "status", "text"),
    [
        ("input_fn", ValueError("text/xml not supported by script!"), 415, "text/xml not supported by script!"),
        ("input_fn", ValueError("This model only supports application/json input"), 415, "This model only supports …"),
        ("input_fn", ValueError("Unsupported content type: None"), 415, "Unsupported content type: None"),
        ("input_fn", Exception("Requested unsupported ContentType in content_type: a"), 415, "Requested unsupported …"),
        ("input_fn", ValueError("Missing 'Input' key"), 400, "Missing 'Input' key"),
        ("input_fn", ValueError("two\nlines"), 400, "two lines"),
        ("input_fn", _not_json(), 400, "Expecting property name enclosed in double quotes: …"),
        ("input_fn", ValueError("x" * 400), 400, "xxx…"),
        ("input_fn", ValueError(), 400, REFUSED),
        ("input_fn", ValueError("no such file: /opt/ml/model/vocab"), 400, REFUSED),
        ("input_fn", ValueError("application/xml is not in /opt/types"), 415, REFUSED),
        ("input_fn", KeyError("instances"), 0, ""),
        ("input_fn", RuntimeError("unsupported content type"), 0, ""),
        ("output_fn", ValueError("Unsupported accept type: text/xml"), 406, "Unsupported accept type: text/xml"),
        ("output_fn", Exception("Requested unsupported ContentType in Accept: a"), 406, "Requested unsupported …"),
        ("output_fn", ValueError("Out of range float values are not JSON compliant"), 0, ""),
        ("transform_fn", ValueError("content type text/xml?"), 415, "content type text/xml?"),
        ("transform_fn", ValueError("cannot accept text/xml"), 406, "cannot accept text/xml"),
        ("transform_fn", ValueError("could not convert string to float: 'x'"), 0, ""),
    ],
)
def test_K05_what_the_caller_is_answered(handler: str, error: Exception, status: int, text: str) -> None:
    refused = complaint.refusal(handler, error)
    if not status:
        assert refused is None
        return
    assert refused is not None
    assert refused.status == status
    assert refused.message.startswith(text.removesuffix("…"))
    assert len(refused.message) <= 300
