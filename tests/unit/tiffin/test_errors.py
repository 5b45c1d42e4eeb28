import json

import numpy as np
import pytest

from tiffin import errors
from tiffin.errors import BadPayload, PublicError, TiffinError


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (BadPayload("is empty"), "is empty"),
        (BadPayload("is empty", row=2), "row 2: is empty"),
        (BadPayload("is empty", column="G"), "column 'G': is empty"),
        (BadPayload("is empty", column=""), "column '': is empty"),
        (BadPayload("is empty", row=2, column="G"), "row 2, column 'G': is empty"),
    ],
)
def test_a_sentence_says_where(error: PublicError, text: str) -> None:
    assert str(error) == text


def test_places_that_numpy_counted_can_be_answered() -> None:
    """As `row, column = np.argwhere(bad)[0]` of a handler gives them."""
    error = BadPayload("is dark", row=np.int64(2), column=np.str_("G"))  # type: ignore[arg-type]
    assert json.dumps([str(error), error.row, error.column]) == '["row 2, column \'G\': is dark", 2, "G"]'


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("PublicError", 500),  # a handler may raise it as it is
        ("BadPayload", 400),
        ("NotAcceptable", 406),
        ("PayloadTooLarge", 413),
        ("UnsupportedMediaType", 415),
        ("UserCodeError", 500),
        ("NotReady", 503),
    ],
)
def test_status(name: str, status: int) -> None:
    assert getattr(errors, name)("sentence").status == status


def test_a_stop_is_no_error_that_except_exception_takes() -> None:  # T-35
    assert not issubclass(errors.Stopped, Exception)
    assert all(issubclass(kind, TiffinError) for kind in (errors.SettingsError, errors.NoModel, errors.BadJob))
