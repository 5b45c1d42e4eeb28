"""InvokeEndpoint: what reaches the container, what comes back, and what is answered without it or instead of it."""

import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.awshosting import Hosting, packed
from tests.localaws import command, up

GROUP = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/sagemaker/Endpoints"


@pytest.fixture(scope="module")
def endpoint(hosting: Hosting) -> str:
    return hosting.serve(hosting.variant(hosting.model({"SAYS": "me"})))


def test_bytes_and_types_pass_unchanged(hosting: Hosting, endpoint: str) -> None:
    body = bytes(range(256)) * 100
    answer = hosting.invoke(endpoint, body, ContentType="application/x-mine; v=1")
    assert answer["Body"].read() == body
    assert answer["ContentType"] == "application/x-mine; v=1"
    assert answer["InvokedProductionVariant"] == "main"


def test_H11_H12_the_headers_that_reach_the_container(hosting: Hosting, endpoint: str) -> None:
    answer = hosting.invoke(
        endpoint,
        b"headers",
        ContentType="text/csv",
        Accept="application/json",
        CustomAttributes="a=1",
        InferenceId="id-1",
        SessionId="s1",
        TargetVariant="main",
    )
    seen = json.loads(answer["Body"].read())
    theirs = {key.removeprefix("x-amzn-sagemaker-"): value for key, value in seen.items() if key.startswith("x-amzn-")}
    assert theirs == {"custom-attributes": "a=1", "inference-id": "id-1", "session-id": "s1", "target-variant": "main"}
    assert (seen["content-type"], seen["accept"]) == ("text/csv", "application/json")
    assert not {"authorization", "user-agent", "x-amz-date", "amz-sdk-request"} & set(seen)  # H-11
    assert "CustomAttributes" not in answer  # which the container did not return


def test_H12_custom_attributes_come_back_as_the_container_set_them(hosting: Hosting, endpoint: str) -> None:
    assert hosting.invoke(endpoint, b"x", CustomAttributes="mine")["CustomAttributes"] == "seen mine"


@pytest.mark.parametrize("status", [400, 404, 418, 500, 503])
def test_H15_an_error_of_the_container_is_a_model_error(hosting: Hosting, endpoint: str, status: int) -> None:
    with pytest.raises(hosting.runtime.exceptions.ModelError) as raised:
        hosting.invoke(endpoint, b"status %d" % status)
    answer = raised.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert (answer["OriginalStatusCode"], answer["OriginalMessage"]) == (status, "it says no")
    assert answer["LogStreamArn"] == f"{GROUP}/{endpoint}"
    side = "client" if status < 500 else "server"
    assert f'Received {side} error ({status}) from primary with message "it says no"' in answer["Error"]["Message"]


def test_an_endpoint_that_is_not_there(hosting: Hosting) -> None:
    with pytest.raises(hosting.runtime.exceptions.ValidationError) as raised:
        hosting.invoke("nobody")
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert "Endpoint nobody of account 123456789012 not found." in str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"TargetVariant": "other"}, "Variant other not found"),
        ({"TargetModel": "m.tar.gz"}, "takes no TargetModel"),
        ({"TargetContainerHostname": "c"}, "takes no TargetContainerHostname"),
        ({"InferenceComponentName": "c"}, "Inference component c not found"),
    ],
)
def test_a_target_that_is_not_there(hosting: Hosting, endpoint: str, arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(hosting.runtime.exceptions.ValidationError, match=sentence):
        hosting.invoke(endpoint, **arguments)


def test_a_bidirectional_stream_is_501_with_its_name(hosting: Hosting, endpoint: str) -> None:
    """Which is HTTP/2, and for which boto3 has no client."""
    connection = http.client.HTTPConnection("127.0.0.1", hosting.aws.port, timeout=30)
    with closing(connection):
        connection.request("POST", f"/endpoints/{endpoint}/invocations-bidirectional-stream", b"x")
        answer = connection.getresponse()
        assert answer.status == 501
        assert b"InvokeEndpointWithBidirectionalStream" in answer.read()


def test_H23_a_session_stays_with_its_instance(hosting: Hosting) -> None:
    endpoint = hosting.serve(hosting.variant(hosting.model(), InitialInstanceCount=2))
    answer = hosting.invoke(endpoint, b"session", SessionId="NEW_SESSION")
    process = answer["Body"].read()
    session, _, expires = answer["NewSessionId"].partition("; ")
    assert expires == "Expires=2099-01-01T00:00:00Z"
    assert {hosting.invoke(endpoint, b"session", SessionId=session)["Body"].read() for _ in range(10)} == {process}
    assert hosting.invoke(endpoint, b"session close", SessionId=session)["ClosedSessionId"] == session
    assert len({hosting.said(endpoint, b"session", SessionId=session) for _ in range(20)}) == 2


def test_metrics_are_in_cloudwatch(hosting: Hosting) -> None:
    endpoint = hosting.serve(hosting.variant(hosting.model()))
    for _ in range(3):
        hosting.invoke(endpoint, b"x")
    for status in (400, 500):
        with pytest.raises(ClientError):
            hosting.invoke(endpoint, b"status %d" % status)

    def metric(named: str, statistic: str) -> float:
        found = hosting.cloudwatch.get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName=named,
            Dimensions=[{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": "main"}],
            StartTime="2020-01-01T00:00:00Z",
            EndTime="2099-01-01T00:00:00Z",
            Period=3600 * 24 * 365,
            Statistics=[statistic],
        )["Datapoints"]
        return float(sum(point[statistic] for point in found))

    hosting.aws.wait(lambda: metric("Invocations", "Sum") == 5, "five invocations")
    assert (metric("Invocation4XXErrors", "Sum"), metric("Invocation5XXErrors", "Sum")) == (1, 1)
    assert 0 < metric("ModelLatency", "Maximum") < 60e6


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosting]:
    """An API whose limits are small."""
    folder = tmp_path_factory.mktemp("small") / "state"
    with up(
        folder,
        "--no-docker",
        TIFFIN_LOCAL_PAYLOAD="1000",
        TIFFIN_LOCAL_INVOCATION_TIMEOUT="0.5",
        TIFFIN_LOCAL_ENVIRONMENT="40",
    ) as api:
        yield Hosting(api)


def test_H10_H16_a_body_that_is_too_large_does_not_reach_the_container(small: Hosting) -> None:
    endpoint = small.serve(small.variant(small.model()))
    assert small.said(endpoint, b"x" * 1000) == "x" * 1000
    with pytest.raises(small.runtime.exceptions.ValidationError, match=r"1001 bytes, and 1000 are the most") as raised:
        small.invoke(endpoint, b"x" * 1001)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_H09_a_late_answer_is_a_model_error(small: Hosting) -> None:
    endpoint = small.serve(small.variant(small.model()))
    with pytest.raises(small.runtime.exceptions.ModelError, match="Your invocation timed out") as raised:
        small.invoke(endpoint, b"sleep 2")
    assert raised.value.response["OriginalStatusCode"] == 0


def test_M11_a_model_that_loads_for_too_long_is_not_ready(small: Hosting) -> None:
    data = small.put("m.tar.gz", packed({"text": "m"}))
    model = small.model({"SAYS": "slow"}, Mode="MultiModel", ModelDataUrl=data.removesuffix("m.tar.gz"))
    endpoint = small.serve(small.variant(model))
    with pytest.raises(small.runtime.exceptions.ModelNotReadyException) as raised:
        small.invoke(endpoint, TargetModel="m.tar.gz")
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429


def test_C09_an_environment_that_is_too_large_is_refused(small: Hosting) -> None:
    with pytest.raises(small.sagemaker.exceptions.ClientError, match="at most 40 bytes, and this has 50") as raised:
        small.model({"A" * 25: "b" * 25})
    assert raised.value.response["Error"]["Code"] == "ValidationException"


def test_a_limit_that_is_no_number_is_said(tmp_path: Path) -> None:
    done = command(
        "up", "--port", "0", "--no-docker", "--state", str(tmp_path), environ={"TIFFIN_LOCAL_PAYLOAD": "much"}
    )
    assert done.returncode == 1
    assert "TIFFIN_LOCAL_PAYLOAD='much' is not a number" in done.stderr


def test_an_instance_that_has_ended_costs_one_request(hosting: Hosting) -> None:
    """The one that it was answering; what would be sent to it goes to another one until it is replaced."""
    endpoint = hosting.serve(hosting.variant(hosting.model({"SAYS": "me"}), InitialInstanceCount=2))
    with pytest.raises(hosting.runtime.exceptions.ModelError):
        hosting.invoke(endpoint, b"die")
    assert {hosting.said(endpoint) for _ in range(20)} == {"me"}


def test_no_instance_is_unavailable(hosting: Hosting) -> None:
    endpoint = hosting.serve(hosting.variant(hosting.model()))
    changes = [{"VariantName": "main", "DesiredInstanceCount": 0}]
    hosting.sagemaker.update_endpoint_weights_and_capacities(EndpointName=endpoint, DesiredWeightsAndCapacities=changes)
    hosting.settled(endpoint)
    with pytest.raises(hosting.runtime.exceptions.ServiceUnavailable):
        hosting.invoke(endpoint)


def test_isolation_needs_docker_and_says_so(hosting: Hosting) -> None:
    found = hosting.settled(hosting.create(hosting.config(hosting.variant(hosting.model(EnableNetworkIsolation=True)))))
    assert found["EndpointStatus"] == "Failed"
    assert "isolation from the network needs Docker" in found["FailureReason"]
