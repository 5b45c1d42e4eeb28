import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiffin.context import CUSTOM_ATTRIBUTES, Context
from tiffin.errors import NotAcceptable
from tiffin.settings import Settings

SETTINGS = Settings()


def context(attributes: str | None = None, accept: str | None = None) -> Context:
    headers = {CUSTOM_ATTRIBUTES: attributes, "accept": accept}
    return Context(SETTINGS, {name: value for name, value in headers.items() if value is not None})


@pytest.mark.parametrize(
    ("attributes", "accept", "option"),
    [
        (None, None, None),
        ("probabilities=true", None, "true"),
        ("Probabilities = true ", None, "true"),
        ("trace=1;probabilities=true", None, "true"),
        ("trace=1,probabilities=true,", None, "true"),
        ("probabilities=a=b", None, "a=b"),
        ("probabilities=", None, ""),
        ("probabilities", None, None),  # opaque text of the caller's own
        ("c000b4f9-df62-4c85-a0bf-7c525f9104a4", "text/csv", None),
        (None, "text/csv; probabilities=true", "true"),
        (None, 'text/csv; PROBABILITIES="true"', "true"),
        (None, "text/csv; probabilities=no;q=0.5, application/json; probabilities=yes", "yes"),
        (None, "text/csv; probabilities*=utf-8''true", None),
        ("probabilities=false", "text/csv; probabilities=true", "false"),
    ],
)
def test_option(attributes: str | None, accept: str | None, option: str | None) -> None:
    assert context(attributes, accept).option("probabilities") == option
    assert context(attributes, accept).option("Probabilities") == option


def test_none_while_a_model_is_loaded() -> None:
    assert Context(SETTINGS).option("probabilities") is None


@given(st.text(), st.text())
def test_an_option_is_text_or_none(attributes: str, accept: str) -> None:
    try:
        option = context(attributes, accept).option("a")
    except NotAcceptable:
        return
    assert option is None or isinstance(option, str)
