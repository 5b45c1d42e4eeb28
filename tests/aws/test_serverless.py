"""Serverless variants: what they exclude, the limits that are theirs, and containers by demand."""

import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.awshosting import BUCKET, HOSTED, Hosting
from tests.localaws import up

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


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosting]:
    """Idle containers end at once."""
    state = tmp_path_factory.mktemp("hasty") / "state"
    with up(state, "--no-docker", TIFFIN_LOCAL_IDLE_SERVERLESS="0", TIFFIN_LOCAL_PING_EVERY="0.2") as api:
        yield Hosting(api)


def at_once(hosting: Hosting, endpoint: str, bodies: list[bytes]) -> list[str]:
    """The answers, or errors' codes, in the order of the bodies."""

    def ask(body: bytes) -> str:
        runtime = hosting.aws.client("sagemaker-runtime")
        try:
            return str(runtime.invoke_endpoint(EndpointName=endpoint, Body=body)["Body"].read().decode())
        except ClientError as error:
            return f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"

    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(ask, bodies))


def running(hosting: Hosting, endpoint: str) -> int:
    """Its containers that have begun and not ended, by their logs."""
    lines = [line for stream in hosting.lines(endpoint).values() for line in stream]
    return lines.count("serving ") - lines.count("ending ")


def test_S08_each_invocation_has_a_container_of_its_own(hosting: Hosting) -> None:
    endpoint = hosting.serve(hosting.variant(hosting.model(), ServerlessConfig=SMALL | {"MaxConcurrency": 3}))
    first = hosting.said(endpoint, b"pid")
    assert hosting.said(endpoint, b"pid") == first  # warm
    assert running(hosting, endpoint) == 1
    assert at_once(hosting, endpoint, [b"sleep 1"] * 3) == ["sleep 1"] * 3
    assert running(hosting, endpoint) == 3
    assert set(at_once(hosting, endpoint, [b"most"] * 3)) == {"1"}  # at a time, of any of them

    def setup() -> Any:
        dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": "main"}]
        asked = {"Namespace": "AWS/SageMaker", "MetricName": "ModelSetupTime", "Dimensions": dimensions}
        now = time.time()
        span = {"StartTime": now - 3600, "EndTime": now + 60, "Period": 3600, "Statistics": ["Sum", "SampleCount"]}
        return hosting.cloudwatch.get_metric_statistics(**asked, **span)["Datapoints"]

    point = hosting.aws.wait(setup, "ModelSetupTime", 60)[0]
    assert (point["SampleCount"], point["Unit"]) == (2, "Microseconds")
    assert 1e3 < point["Sum"] < 60e6


def test_S08_idle_containers_end_and_the_next_caller_waits_for_a_start(hasty: Hosting) -> None:
    endpoint = hasty.serve(hasty.variant(hasty.model(), ServerlessConfig=SMALL))
    hasty.aws.wait(lambda: running(hasty, endpoint) == 0, "the end of the idle container")
    assert hasty.describe(endpoint)["EndpointStatus"] == "InService"
    assert hasty.said(endpoint, b"x") == "x"


def test_provisioned_ones_stay_warm(hasty: Hosting) -> None:
    provisioned = SMALL | {"MaxConcurrency": 3, "ProvisionedConcurrency": 2}
    endpoint = hasty.serve(hasty.variant(hasty.model(), ServerlessConfig=provisioned))
    assert running(hasty, endpoint) == 2
    assert at_once(hasty, endpoint, [b"sleep 1"] * 3) == ["sleep 1"] * 3
    hasty.aws.wait(lambda: running(hasty, endpoint) == 2, "the end of the third")
    with pytest.raises(ClientError, match="ModelError"):
        hasty.invoke(endpoint, b"die")  # which writes nothing: it is counted as running
    hasty.aws.wait(lambda: running(hasty, endpoint) == 3, "another in its place")
    changes = [{"VariantName": "main", "ServerlessUpdateConfig": {"ProvisionedConcurrency": 1}}]
    hasty.sagemaker.update_endpoint_weights_and_capacities(EndpointName=endpoint, DesiredWeightsAndCapacities=changes)
    hasty.settled(endpoint)
    hasty.aws.wait(lambda: running(hasty, endpoint) == 2, "the end of the one that is not kept any more")


def test_a_machine_with_room_for_one_lets_the_others_wait(tmp_path: Path) -> None:
    with up(tmp_path / "state", "--no-docker", TIFFIN_LOCAL_CONTAINERS_SERVERLESS="1") as api:
        hosting = Hosting(api)
        endpoint = hosting.serve(hosting.variant(hosting.model(), ServerlessConfig=SMALL))
        assert at_once(hosting, endpoint, [b"sleep 0.5"] * 2) == ["sleep 0.5"] * 2
        assert running(hosting, endpoint) == 1


def test_a_cold_start_that_fails_is_said(hasty: Hosting, tmp_path: Path) -> None:
    """The first one was ready: the program is another by then."""
    program = tmp_path / "program"
    shutil.copytree(HOSTED, program)
    model = hasty.model(Image=str(program))
    endpoint = hasty.serve(hasty.variant(model, ServerlessConfig=SMALL))
    (program / "serve").write_text("#!/bin/sh\necho no model here\nexit 5\n")
    hasty.aws.wait(lambda: running(hasty, endpoint) == 0, "the end of the idle container")
    [said] = at_once(hasty, endpoint, [b"x"])
    assert said.startswith("ServiceUnavailable: no container could be started: the container ended with exit code 5")


def test_nothing_is_left_of_a_deleted_one(hosting: Hosting) -> None:
    endpoint = hosting.serve(hosting.variant(hosting.model(), ServerlessConfig=SMALL))
    assert at_once(hosting, endpoint, [b"sleep 1"] * 2) == ["sleep 1"] * 2
    assert running(hosting, endpoint) == 2
    hosting.sagemaker.delete_endpoint(EndpointName=endpoint)
    hosting.aws.wait(lambda: running(hosting, endpoint) == 0, "the end of its containers, by SIGTERM")


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
