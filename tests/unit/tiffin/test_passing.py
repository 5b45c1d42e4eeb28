"""What a module may declare to pass through. What callers see of it is in tests/http/test_formats.py."""
# ruff: noqa: ARG005

from typing import Any

import pytest

from tests.unit.tiffin.test_predictor import answer, handlers, predictor
from tiffin.errors import NoModel, NotAcceptable


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        ("image/png", "PASS_THROUGH is 'image/png', not a tuple of media types"),
        ((1,), "PASS_THROUGH is (1,), not a tuple"),
        (("png",), "PASS_THROUGH: 'png' is not a media type such as text/csv"),
        (("image/*",), "PASS_THROUGH has a range, image/*; name each type"),
    ],
)
def test_what_cannot_pass_through_stops_the_start(declared: Any, sentence: str) -> None:
    with pytest.raises(NoModel) as raised:
        handlers(PASS_THROUGH=declared)
    assert sentence in str(raised.value)


def test_a_body_that_passes_through_is_the_handlers_though_it_is_a_format_of_ours() -> None:
    serving = predictor(PASS_THROUGH=("text/csv",), predict_fn=lambda data, model: data)
    assert answer(serving, b"\xff", "text/csv") == (b"\xff", "text/csv")


@pytest.mark.parametrize("passing", [(), ("image/png",)])
def test_a_parameter_of_accept_that_means_nothing_is_refused_alike(passing: tuple[str, ...]) -> None:
    serving = predictor(PASS_THROUGH=passing, predict_fn=lambda data, model: [1])
    with pytest.raises(NotAcceptable, match=r"Accept: .*maybe"):
        answer(serving, b"1\n", "text/csv", "text/csv; header=maybe")
