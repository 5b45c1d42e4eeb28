"""InvokeEndpointAsync: input from S3 or inline, output and failures in S3, and who is told of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.awshosting import BUCKET, Hosting
from tests.localaws import up

OUT, FAILED = f"s3://{BUCKET}/async/out", f"s3://{BUCKET}/async/failed"


def config(**more: Any) -> dict[str, Any]:
    return {"OutputConfig": {"S3OutputPath": OUT, "S3FailurePath": FAILED, **more}}


@pytest.fixture(scope="module")
def endpoint(hosting: Hosting) -> str:
    model = hosting.model({"SAYS": "me"})
    return hosting.serve(hosting.variant(model), AsyncInferenceConfig=config())


def test_A02_input_from_s3_and_output_to_s3(hosting: Hosting, endpoint: str) -> None:
    body = bytes(range(256)) * 40_000  # 10 MB
    answer = hosting.runtime.invoke_endpoint_async(
        EndpointName=endpoint, InputLocation=hosting.put("in", body), ContentType="a/b", InferenceId="mine"
    )
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert answer["InferenceId"] == "mine"
    assert answer["OutputLocation"].startswith(f"{OUT}/")
    assert hosting.aws.wait(lambda: hosting.get(answer["OutputLocation"]), "the output") == body
    assert hosting.get(answer["FailureLocation"]) is None


def test_A02_an_inline_body(hosting: Hosting, endpoint: str) -> None:
    answer = hosting.runtime.invoke_endpoint_async(
        EndpointName=endpoint, Body=b"headers", Accept="x/y", ContentType="a/b", CustomAttributes="c"
    )
    seen = json.loads(hosting.aws.wait(lambda: hosting.get(answer["OutputLocation"]), "the output"))
    assert (seen["accept"], seen["content-type"]) == ("x/y", "a/b")
    assert seen["x-amzn-sagemaker-custom-attributes"] == "c"


def test_the_name_of_the_output_may_be_given(hosting: Hosting, endpoint: str) -> None:
    answer = hosting.runtime.invoke_endpoint_async(
        EndpointName=endpoint, Body=b"who", S3OutputPathExtension="a/b", Filename="mine.txt"
    )
    assert answer["OutputLocation"] == f"{OUT}/a/b/mine.txt"
    assert hosting.aws.wait(lambda: hosting.get(answer["OutputLocation"]), "the output") == b"me"


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"Body": b"status 400"}, 'Received client error (400) from primary with message "it says no"'),
        ({"Body": b"sleep 3", "InvocationTimeoutSeconds": 1}, "Your invocation timed out"),
        ({"InputLocation": f"s3://{BUCKET}/nothing-there"}, "there is no object"),
    ],
    ids=["an error", "too late", "no input"],
)
def test_A05_what_fails_is_in_the_failure_path(
    hosting: Hosting, endpoint: str, more: dict[str, Any], sentence: str
) -> None:
    answer = hosting.runtime.invoke_endpoint_async(EndpointName=endpoint, **more)
    text = hosting.aws.wait(lambda: hosting.get(answer["FailureLocation"]), "the failure")
    assert sentence in text.decode()
    assert hosting.get(answer["OutputLocation"]) is None


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({}, "either an InputLocation or a Body"),
        ({"Body": b"x", "InputLocation": "s3://b/k"}, "either an InputLocation or a Body"),
        ({"InputLocation": "https://b/k"}, "not an S3 URI"),
        ({"Body": b"x" * 128_001}, "128000 are the most"),
    ],
    ids=["nothing", "both", "no S3", "too large"],
)
def test_what_is_refused_at_once(hosting: Hosting, endpoint: str, more: dict[str, Any], sentence: str) -> None:
    with pytest.raises(hosting.runtime.exceptions.ValidationError, match=sentence):
        hosting.runtime.invoke_endpoint_async(EndpointName=endpoint, **more)


def test_each_endpoint_is_asked_in_its_way(hosting: Hosting, endpoint: str) -> None:
    with pytest.raises(hosting.runtime.exceptions.ValidationError, match="call InvokeEndpointAsync"):
        hosting.invoke(endpoint)
    with pytest.raises(hosting.runtime.exceptions.ValidationError, match="does not stream"):
        hosting.runtime.invoke_endpoint_with_response_stream(EndpointName=endpoint, Body=b"x")
    other = hosting.serve(hosting.variant(hosting.model()))
    with pytest.raises(hosting.runtime.exceptions.ValidationError, match="call InvokeEndpoint"):
        hosting.runtime.invoke_endpoint_async(EndpointName=other, Body=b"x")


@pytest.mark.parametrize("most", [1, 3])
def test_A04_so_many_at_a_time_and_no_more(hosting: Hosting, most: int) -> None:
    client = {"ClientConfig": {"MaxConcurrentInvocationsPerInstance": most}}
    endpoint = hosting.serve(hosting.variant(hosting.model()), AsyncInferenceConfig=config() | client)
    answers = [hosting.runtime.invoke_endpoint_async(EndpointName=endpoint, Body=b"sleep 0.2") for _ in range(6)]
    hosting.aws.wait(lambda: all(hosting.get(answer["OutputLocation"]) for answer in answers), "all outputs")
    answer = hosting.runtime.invoke_endpoint_async(EndpointName=endpoint, Body=b"most")
    assert hosting.aws.wait(lambda: hosting.get(answer["OutputLocation"]), "the output") == str(most).encode()


def test_topics_are_told(hosting: Hosting) -> None:
    sns, sqs = hosting.aws.client("sns"), hosting.aws.client("sqs")
    queue = sqs.create_queue(QueueName="told")["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topics = {}
    for kind in ("SuccessTopic", "ErrorTopic"):
        topics[kind] = sns.create_topic(Name=kind)["TopicArn"]
        sns.subscribe(TopicArn=topics[kind], Protocol="sqs", Endpoint=queue_arn)
    endpoint = hosting.serve(hosting.variant(hosting.model()), AsyncInferenceConfig=config(NotificationConfig=topics))
    found = hosting.describe(endpoint)["AsyncInferenceConfig"]["OutputConfig"]
    assert found["NotificationConfig"] == topics

    def told() -> dict[str, Any] | None:
        messages = sqs.receive_message(QueueUrl=queue).get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        document: dict[str, Any] = json.loads(json.loads(messages[0]["Body"])["Message"]) if messages else {}
        return document or None

    good = hosting.runtime.invoke_endpoint_async(EndpointName=endpoint, Body=b"x")
    message = hosting.aws.wait(told, "a message")
    assert (message["invocationStatus"], message["inferenceId"]) == ("Completed", good["InferenceId"])
    assert message["responseParameters"]["outputLocation"] == good["OutputLocation"]
    hosting.runtime.invoke_endpoint_async(EndpointName=endpoint, Body=b"status 500")
    message = hosting.aws.wait(told, "a message")
    assert message["invocationStatus"] == "Failed"
    assert "Received server error (500)" in message["failureReason"]


def test_an_asynchronous_configuration_that_is_refused(hosting: Hosting) -> None:
    variant = hosting.variant(hosting.model())
    with pytest.raises(ClientError, match="one variant"):
        hosting.config(variant, variant | {"VariantName": "b"}, AsyncInferenceConfig=config())
    with pytest.raises(ClientError, match="S3OutputPath"):
        hosting.config(variant, AsyncInferenceConfig={"OutputConfig": {}})


def test_what_was_accepted_is_answered_after_a_kill(state: Path) -> None:
    with up(state, "--no-docker") as api:
        hosting = Hosting(api)
        client = {"ClientConfig": {"MaxConcurrentInvocationsPerInstance": 1}}
        endpoint = hosting.serve(hosting.variant(hosting.model()), AsyncInferenceConfig=config() | client)
        bodies = [b"sleep 1", b"one", b"two"]
        answers = [hosting.runtime.invoke_endpoint_async(EndpointName=endpoint, Body=body) for body in bodies]
        api.process.kill()
        api.process.wait()
    with up(state, "--no-docker") as api:
        hosting = Hosting(api)
        for answer, body in zip(answers, bodies, strict=True):
            assert api.wait(lambda place=answer["OutputLocation"]: hosting.get(place), "the output") == body  # type: ignore[misc]
        assert api.stop() == 0
    assert not list((state / "queues").rglob("*.json"))
