"""Serverless variants: what they exclude, and the limits that are theirs."""

import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.awshosting import BUCKET, Hosting

SMALL = {"MemorySizeInMB": 1024, "MaxConcurrency": 2}


def test_an_endpoint_serves_with_its_memory_and_concurrency(hosting: Hosting) -> None:
    endpoint = hosting.serve(hosting.variant(hosting.model({"SAYS": "me"}), ServerlessConfig=SMALL))
    assert hosting.said(endpoint) == "me"
    found = hosting.describe(endpoint)["ProductionVariants"][0]
    assert found["CurrentServerlessConfig"] == SMALL
    assert "CurrentInstanceCount" not in found


def test_S04_more_at_a_time_than_its_concurrency_are_throttled(hosting: Hosting) -> None:
    endpoint = hosting.serve(hosting.variant(hosting.model(), ServerlessConfig=SMALL))
    outcomes: list[str] = []

    def ask() -> None:
        try:
            hosting.aws.client("sagemaker-runtime").invoke_endpoint(EndpointName=endpoint, Body=b"sleep 1")
            outcomes.append("answered")
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            outcomes.append(f"{error.response['Error']['Code']} {status}")

    callers = [threading.Thread(target=ask) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert sorted(outcomes) == ["ThrottlingException 429", "answered", "answered"]
    hosting.invoke(endpoint)  # there is room again
    changes = [{"VariantName": "main", "ServerlessUpdateConfig": {"MaxConcurrency": 5}}]
    hosting.sagemaker.update_endpoint_weights_and_capacities(EndpointName=endpoint, DesiredWeightsAndCapacities=changes)
    found = hosting.settled(endpoint)["ProductionVariants"][0]["CurrentServerlessConfig"]
    assert found == {"MemorySizeInMB": 1024, "MaxConcurrency": 5}


def test_S01_four_megabytes_each_way(hosting: Hosting) -> None:
    endpoint = hosting.serve(hosting.variant(hosting.model(), ServerlessConfig=SMALL))
    most = 4 * 1024 * 1024
    assert len(hosting.invoke(endpoint, b"x" * most)["Body"].read()) == most
    with pytest.raises(hosting.runtime.exceptions.ValidationError, match="S-01"):
        hosting.invoke(endpoint, b"x" * (most + 1))


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], str]] = {
    # what is other in: the model, the variant, the configuration
    "an odd size": ({}, {"ServerlessConfig": SMALL | {"MemorySizeInMB": 1500}}, {}, "S-04"),
    "too much provisioned": ({}, {"ServerlessConfig": SMALL | {"ProvisionedConcurrency": 3}}, {}, "S-04"),
    "an instance type": ({}, {"InstanceType": "ml.m5.large"}, {}, "an instance type"),
    "isolation": ({"EnableNetworkIsolation": True}, {}, {}, "network isolation"),
    "a VPC": ({"VpcConfig": {"SecurityGroupIds": ["s"], "Subnets": ["n"]}}, {}, {}, "a model in a VPC"),
    "capture": (
        {},
        {},
        {
            "DataCaptureConfig": {
                "EnableCapture": True,
                "InitialSamplingPercentage": 1,
                "DestinationS3Uri": f"s3://{BUCKET}/c",
                "CaptureOptions": [{"CaptureMode": "Input"}],
            }
        },
        "data capture",
    ),
    "async": ({}, {}, {"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://b/o"}}}, "asynchronous"),
    "a pipeline": ({"Containers": [{"Image": "i"}] * 2}, {}, {}, "several containers"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_S07_what_serverless_excludes(hosting: Hosting, case: str) -> None:
    model, variant, more, sentence = REFUSED[case]
    named = hosting.variant(hosting.model(**model), ServerlessConfig=SMALL) | variant
    with pytest.raises(ClientError, match=sentence) as raised:
        hosting.config(named, **more)
    assert raised.value.response["Error"]["Code"] == "ValidationException"
