"""What scripts import of AWS's toolkits, where those are not installed (they are not, here)."""

import subprocess
import sys

import numpy as np
import pytest

from tests.server import ROOT
from tiffin import toolkits
from tiffin.errors import BadPayload, NotAcceptable, PublicError, UnsupportedMediaType, UserCodeError

IMPORTS = [
    "from sagemaker_inference import content_types, decoder, encoder, errors; assert content_types.JSON",
    "import sagemaker_inference.decoder; assert sagemaker_inference.decoder.decode('1,2', 'text/csv').shape == (1, 2)",
    "from sagemaker_containers.beta.framework import content_types, encoders, worker; assert worker.Response",
    "from sagemaker_containers.beta.framework.worker import Response; assert Response(b'a').get_data() == b'a'",
]


@pytest.mark.parametrize("code", IMPORTS)
def test_they_are_imported(code: str) -> None:
    before = "from tiffin import toolkits; toolkits.stand_in(); toolkits.stand_in(); "
    environ = {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    subprocess.run([sys.executable, "-W", "error", "-c", before + code], env=environ, check=True)


def test_a_toolkit_that_is_there_stays(tmp_path: object) -> None:
    code = (
        "import sys, types; sys.modules['sagemaker_inference'] = types.ModuleType('own'); "
        "from tiffin import toolkits; toolkits.stand_in(); import sagemaker_inference; "
        "assert sagemaker_inference.__name__ == 'own'; assert 'sagemaker_inference.decoder' not in sys.modules"
    )
    environ = {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    subprocess.run([sys.executable, "-c", code], env=environ, check=True)


@pytest.mark.parametrize(
    ("body", "content_type", "array"),
    [
        ("1,2\n3,4\n", "text/csv", [[1, 2], [3, 4]]),
        ("1,2", "text/csv; charset=latin-1", [[1, 2]]),
        (b"1,2", "text/csv", [[1, 2]]),
        ("[[1, 2]]", "application/json; charset=utf-8", [[1, 2]]),
        ("[[[1], [2]]]", "application/json", [[[1], [2]]]),
        ('{"instances": [[1, 2]]}', "application/json", [[1, 2]]),
    ],
)
def test_decoded(body: str | bytes, content_type: str, array: object) -> None:
    np.testing.assert_array_equal(toolkits.decode(body, content_type), np.array(array))


@pytest.mark.parametrize(
    ("body", "content_type", "error", "message"),
    [
        ("1,red", "text/csv", BadPayload, "row 1, column '2': 'red' is not a number"),
        ("[[1, null]]", "application/json", BadPayload, "row 1, column '2': is empty where a number is needed"),
        ("[[1], [2, 3]]", "application/json", BadPayload, "row 2: has 2 cells where row 1 has 1"),
        ("", "application/json", BadPayload, "the body is empty"),
        (b"\x93NUMPY\x01\x00", "application/x-npy", BadPayload, ""),
        ("<a/>", "text/xml", UnsupportedMediaType, "text/xml is not accepted"),
    ],
)
def test_not_decoded(body: str | bytes, content_type: str, error: type[PublicError], message: str) -> None:
    with pytest.raises(error) as raised:
        toolkits.decode(body, content_type)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(
    ("answer", "accept", "text"),
    [
        (np.array([1, 2]), "application/json", "[1,2]\n"),
        ({"a": np.float64(0.5)}, "application/json", '{"a":0.5}\n'),
        (np.array([[1.5, 2.0], [3.0, 4.0]]), "text/csv", "1.5,2.0\n3.0,4.0\n"),
        (np.array(["a", "b"]), "text/csv; charset=utf-8", "a\nb\n"),
    ],
)
def test_encoded(answer: object, accept: str, text: str) -> None:
    assert toolkits.encode(answer, accept) == text


def test_not_encoded() -> None:
    with pytest.raises(NotAcceptable):
        toolkits.encode([1], "text/html")
    assert isinstance(toolkits.encode(np.array([1.0]), "application/x-npy"), bytes)


@pytest.mark.parametrize(("status", "error"), [(400, BadPayload), (422, BadPayload), (500, UserCodeError)])
def test_an_error_with_a_status(status: int, error: type[PublicError]) -> None:
    raised = toolkits.generic_error(status, "two columns, please")
    assert isinstance(raised, error)
    assert raised.message == "two columns, please"
