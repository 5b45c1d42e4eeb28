"""Where an endpoint's name leads, and what is sent there."""

from collections.abc import Mapping
from pathlib import Path
from threading import Event

import pytest

from local_test.sql import command
from local_test.sql.counters import Counters
from local_test.sql.endpoints import Access, Address, Endpoints
from local_test.sql.errors import NotHere, SqlError
from tests.endpointstub import Stub


def asked(access: Access, endpoint: str = "ep") -> list[bytes]:
    endpoints = Endpoints(access, Counters())
    try:
        return endpoints.predict(endpoint, [b"1,2\n", b"3,4\n"], Event())
    finally:
        endpoints.close()


def test_by_AWSs_API_signed_for_the_region(endpoint: Stub) -> None:
    assert asked(Access(lambda: f"{endpoint.url}/", {}, region="eu-west-1"), "my ep") == [b"3.0\n", b"7.0\n"]
    path, headers = endpoint.requests[0]
    assert path == "/endpoints/my%20ep/invocations"
    assert "/eu-west-1/sagemaker/aws4_request" in headers["authorization"]
    assert (headers["content-type"], headers.get("accept")) == ("text/csv", None)


@pytest.mark.parametrize("suffix", ["", "/", "/invocations"])
def test_straight_to_a_container(endpoint: Stub, suffix: str) -> None:
    access = Access(lambda: None, {"ep": endpoint.url + suffix}, accept="text/csv")
    assert asked(access) == [b"3.0\n", b"7.0\n"]
    path, headers = endpoint.requests[0]
    assert (path, headers["accept"], "authorization" in headers) == ("/invocations", "text/csv", False)


def test_nobody_listens(endpoint: Stub) -> None:
    for access, sentence in (
        (Access(lambda: "http://127.0.0.1:9", {}), "Endpoint 'ep' gave no answer: Connection refused (127.0.0.1:9)"),
        (Access(lambda: "https://aws", {}), "Endpoint 'ep' cannot be called: 'https://aws' is no address; write http"),
        (Access(lambda: None, {"other": endpoint.url}), "Endpoint 'ep' cannot be called: there is no address of AWS's"),
    ):
        with pytest.raises(SqlError) as caught:
            asked(access)
        assert (caught.value.code, caught.value.message[: len(sentence)]) == (1105, sentence)


@pytest.mark.parametrize("url", ["https://x", "http://", "x:y", "http://x:99999", "ftp://x:1"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(NotHere, match="is no address; write http://HOST:PORT"):
        Address.of(url)


@pytest.mark.parametrize(
    ("given", "environ", "expected"),
    [
        ("http://given:1", {"AWS_ENDPOINT_URL": "http://all:2"}, "http://given:1"),
        (None, {"AWS_ENDPOINT_URL": "http://all:2"}, "http://all:2"),
        (
            None,
            {"AWS_ENDPOINT_URL": "http://all:2", "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": "http://one:3"},
            "http://one:3",
        ),
        (None, {}, "http://127.0.0.1:4711"),
    ],
)
def test_the_API_is_looked_for_as_botocore_does_and_then_in_the_folder(
    tmp_path: Path, given: str | None, environ: Mapping[str, str], expected: str
) -> None:
    (tmp_path / "port").write_text("4711\n")
    assert command.api(given, tmp_path, environ) == expected
    assert command.api(None, tmp_path / "none", {}) is None
