"""InvokeEndpointWithResponseStream: parts as they come, and what goes wrong before and after the first byte (H-22)."""

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from botocore.eventstream import EventStreamBuffer
from botocore.exceptions import ClientError, EventStreamError

from tests.awshosting import PATIENCE, Hosting
from tests.localaws import up


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosting]:
    """An API that lets a stream last a second."""
    folder = tmp_path_factory.mktemp("streams") / "state"
    with up(folder, "--no-docker", TIFFIN_LOCAL_STREAM_TIMEOUT="1") as api:
        yield Hosting(api)


@pytest.fixture(scope="module")
def endpoint(small: Hosting) -> str:
    return small.serve(small.variant(small.model()))


def test_H22_parts_come_while_the_container_writes_them(small: Hosting, endpoint: str) -> None:
    answer = small.runtime.invoke_endpoint_with_response_stream(
        EndpointName=endpoint, Body=b"stream one,two,three,four,five", ContentType="text/plain", CustomAttributes="a"
    )
    assert (answer["ContentType"], answer["InvokedProductionVariant"]) == ("text/x-stream", "main")
    parts, times = [], []
    for event in answer["Body"]:
        parts.append(event["PayloadPart"]["Bytes"])
        times.append(time.monotonic())
    assert b"".join(parts) == b"onetwothreefourfive"
    assert len(parts) > 1
    assert times[-1] - times[0] > 0.1  # the container waits 0.05 s after each


def test_a_whole_body_is_streamed_too(small: Hosting, endpoint: str) -> None:
    body = bytes(range(256)) * 5000
    answer = small.runtime.invoke_endpoint_with_response_stream(EndpointName=endpoint, Body=body)
    assert b"".join(event["PayloadPart"]["Bytes"] for event in answer["Body"]) == body


def test_the_accept_of_this_operation_reaches_the_container(small: Hosting, endpoint: str) -> None:
    answer = small.runtime.invoke_endpoint_with_response_stream(
        EndpointName=endpoint, Body=b"headers", Accept="text/event-stream"
    )
    body = b"".join(event["PayloadPart"]["Bytes"] for event in answer["Body"])
    assert b'"accept": "text/event-stream"' in body


def test_an_error_before_the_first_byte_is_a_model_error(small: Hosting, endpoint: str) -> None:
    with pytest.raises(small.runtime.exceptions.ModelError) as raised:
        small.runtime.invoke_endpoint_with_response_stream(EndpointName=endpoint, Body=b"status 503")
    assert raised.value.response["OriginalStatusCode"] == 503


@pytest.mark.parametrize(
    ("body", "code"), [(b"break a,b", "StreamBroken"), (b"hang a,b", "ModelInvocationTimeExceeded")]
)
def test_H22_what_breaks_after_the_first_byte_is_an_event(
    small: Hosting, endpoint: str, body: bytes, code: str
) -> None:
    answer = small.runtime.invoke_endpoint_with_response_stream(EndpointName=endpoint, Body=body)
    got: list[bytes] = []
    with closing(answer["Body"]), pytest.raises(EventStreamError) as raised:
        got.extend(event["PayloadPart"]["Bytes"] for event in answer["Body"])
    assert raised.value.response["Error"]["Code"] == "ModelStreamError"
    messages = events(small, endpoint, body)  # boto3 drops the error's code
    assert b"".join(payload for headers, payload in messages[:-1]) == b"ab"
    headers, payload = messages[-1]
    assert (headers[":message-type"], headers[":exception-type"]) == ("exception", "ModelStreamError")
    assert json.loads(payload)["ErrorCode"] == code


def test_an_instance_that_is_gone_costs_no_stream(hosting: Hosting) -> None:
    endpoint = hosting.serve(hosting.variant(hosting.model({"SAYS": "here"}), InitialInstanceCount=2))
    with pytest.raises(ClientError):
        hosting.invoke(endpoint, b"die")
    for _ in range(6):  # before a ping has found it out
        answer = hosting.runtime.invoke_endpoint_with_response_stream(EndpointName=endpoint, Body=b"who")
        assert b"".join(event["PayloadPart"]["Bytes"] for event in answer["Body"]) == b"here"


def events(hosting: Hosting, endpoint: str, body: bytes) -> list[tuple[dict[str, str], bytes]]:
    """Of a stream, as they are on the wire."""
    connection = http.client.HTTPConnection("127.0.0.1", hosting.aws.port, timeout=PATIENCE)
    with closing(connection):
        connection.request("POST", f"/endpoints/{endpoint}/invocations-response-stream", body)
        buffer = EventStreamBuffer()
        buffer.add_data(connection.getresponse().read())
    return [(event.headers, event.payload) for event in buffer]


def test_a_stream_that_nobody_reads_frees_its_instance(small: Hosting, endpoint: str) -> None:
    for _ in range(3):
        small.runtime.invoke_endpoint_with_response_stream(EndpointName=endpoint, Body=b"hang a")["Body"].close()
    assert small.said(endpoint, b"hello") == "hello"
    small.sagemaker.delete_endpoint(EndpointName=endpoint)
    small.gone(endpoint)
