"""How a plan differs from what is there, how traffic moves, and how an endpoint is waited for."""

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from deploy import waiting
from deploy.errors import DeployError
from deploy.plans import Plan, differences
from deploy.rollout import deployment
from deploy.sections import Account, Endpoint

ROLE = "arn:aws:iam::123456789012:role/r"
AT = datetime(2026, 11, 26, tzinfo=UTC)


class Context:
    """What these ask of one."""

    def __init__(self, *answers: Any) -> None:
        self.said: list[str] = []
        self.answers = list(answers)
        self.aws = self

    def say(self, text: str) -> None:
        self.said.append(text)

    def client(self, _: str) -> Any:
        return self

    def describe_endpoint(self, **_: Any) -> dict[str, Any]:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        status, config = answer
        return {"EndpointStatus": status, "EndpointConfigName": config, "LastModifiedTime": AT, "CreationTime": AT}

    def get_paginator(self, _: str) -> Any:
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return [{"logStreams": []}]


def fault(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "DescribeEndpoint")


def plan(**settings: Any) -> Plan:
    container = {"Image": "i@sha256:1", "Environment": {}, "ModelDataUrl": "s3://b/m.tar.gz"}
    variant = {"VariantName": "main", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    return Plan(
        "colours",
        Endpoint(endpoint="colours", **settings),
        {"main": {"ExecutionRoleArn": ROLE, "PrimaryContainer": container}},
        {"main": {**variant, "InitialVariantWeight": 1.0}},
        {},
        (),
    )


def there(plan: Plan) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """As AWS describes it, with members and defaults of its own."""
    variants = [{**each, "ModelName": "m", "VolumeSizeInGB": 4} for each in plan.variants.values()]
    models = {
        name: {**model, "ModelArn": "a", "EnableNetworkIsolation": False, "CreationTime": AT}
        for name, model in plan.models.items()
    }
    for model in models.values():
        data = {"S3Uri": "s3://b/m.tar.gz", "S3DataType": "S3Object", "CompressionType": "Gzip"}
        own = {"Mode": "SingleModel", "ModelDataSource": {"S3DataSource": data}}
        model["PrimaryContainer"] = {**model["PrimaryContainer"], **own}
    off = {"DataCaptureConfig": {"EnableCapture": False}, "EndpointConfigArn": "a"}
    return {"ProductionVariants": variants, **off, **plan.config}, models


def test_what_aws_adds_is_no_difference() -> None:
    assert differences(plan(), *there(plan()), Account()) == []


@pytest.mark.parametrize(
    ("account", "changes", "difference"),
    [
        ({}, {"InstanceType": "ml.c5.large"}, "InstanceType is ml.c5.large; asked: ml.m5.large"),
        (
            {},
            {"ServerlessConfig": {"MemorySizeInMB": 1024}},
            "ServerlessConfig is {'MemorySizeInMB': 1024}; asked: nothing",
        ),
        ({"subnets": ("subnet-1",)}, {}, "VpcConfig is nothing; asked: {'Subnets': ['subnet-1']"),
        ({"network_isolation": True}, {}, "EnableNetworkIsolation is nothing; asked: True"),
        ({"kms_key": "k"}, {}, "KmsKeyId is nothing; asked: k"),
    ],
)
def test_what_differs_is_named(account: dict[str, Any], changes: dict[str, Any], difference: str) -> None:
    config, models = there(plan())
    config["ProductionVariants"][0] |= changes
    (found,) = differences(plan(), config, models, Account(**account))
    assert difference in found


def test_a_capture_that_is_there_and_not_asked_for_differs() -> None:
    config, models = there(plan())
    config["DataCaptureConfig"] = {"EnableCapture": True}
    assert differences(plan(), config, models, Account()) == [
        "the endpoint: DataCaptureConfig is {'EnableCapture': True}; asked: nothing"
    ]


@pytest.mark.parametrize(
    ("traffic", "instances", "kind", "value", "waits"),
    [
        (("canary", 20), 1, "ALL_AT_ONCE", None, 1),
        (("canary", 20), 2, "CANARY", 1, 2),
        (("canary", 50), 3, "CANARY", 1, 2),  # at most half of them
        (("canary", 20), 10, "CANARY", 2, 2),
        (("linear", 50), 3, "LINEAR", 1, 4),  # three steps, not two
        (("linear", 10), 15, "LINEAR", 2, 9),  # 1 of 15 would be less than a tenth
        (("all-at-once", 20), 8, "ALL_AT_ONCE", None, 1),
    ],
)
def test_traffic_moves_in_parts_that_aws_takes(
    traffic: tuple[str, int], instances: int, kind: str, value: int | None, waits: int
) -> None:
    context: Any = Context()
    settings = plan(traffic=traffic[0], traffic_percent=traffic[1], bake_seconds=100)
    found = deployment(context, settings, instances, ["a"])
    policy = found["BlueGreenUpdatePolicy"]
    routing = policy["TrafficRoutingConfiguration"]
    assert (routing["Type"], policy["MaximumExecutionTimeoutInSeconds"]) == (kind, 1800 + 100 * waits)
    assert policy["TerminationWaitInSeconds"] == 100
    assert found["AutoRollbackConfiguration"] == {"Alarms": [{"AlarmName": "a"}]}
    size = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}.get(kind, "")
    assert routing.get(size) == ({"Type": "INSTANCE_COUNT", "Value": value} if value else None)
    least = 0.1 if kind == "LINEAR" else 0
    assert value is None or least <= value / instances <= 0.5
    assert bool(context.said) == (traffic[0] != kind.lower().replace("_", "-"))


def test_several_variants_move_by_percent_and_without_alarms_nothing_is_watched() -> None:
    two = dataclasses.replace(plan(traffic="canary", bake_seconds=0), variants={"a": {}, "b": {}})
    context: Any = Context()
    found = deployment(context, two, 2, [])
    size = found["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]["CanarySize"]
    assert (size, "AutoRollbackConfiguration" in found) == ({"Type": "CAPACITY_PERCENT", "Value": 20}, False)


def test_more_waits_than_a_deployment_lasts_are_refused() -> None:
    context: Any = Context()
    with pytest.raises(DeployError, match="more than the 28800 s"):
        deployment(context, plan(traffic="linear", traffic_percent=10, bake_seconds=3600), 10, [])


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that goes on only while somebody sleeps."""
    found: list[float] = []
    monkeypatch.setattr("deploy.waiting.time.sleep", found.append)
    monkeypatch.setattr("deploy.waiting.time.monotonic", lambda: sum(found))
    return found


def test_throttled_and_lost_calls_are_made_again(pauses: list[float]) -> None:
    lost = EndpointConnectionError(endpoint_url="http://x")
    answers = [("Creating", "c"), fault("ThrottlingException"), lost, fault("ServiceUnavailable"), ("InService", "c")]
    context: Any = Context(*answers)
    assert waiting.settled(context, "colours").status == "InService"
    assert context.said == ["endpoint colours: Creating (0 s)"]
    assert pauses == sorted(pauses)  # slower when AWS is busy


@pytest.mark.parametrize("code", ["ExpiredTokenException", "ValidationException", "AccessDeniedException"])
def test_other_errors_end_the_wait(pauses: list[float], code: str) -> None:
    context: Any = Context(("Creating", "c"), fault(code))
    with pytest.raises(ClientError, match=code):
        waiting.settled(context, "colours")


def test_aws_that_is_silent_for_long_ends_the_wait(pauses: list[float]) -> None:
    context: Any = Context(fault("ThrottlingException"))
    with pytest.raises(ClientError, match="ThrottlingException"):
        waiting.settled(context, "colours")
    assert 300 < sum(pauses) < 400


def test_a_description_from_before_the_change_is_not_its_end(pauses: list[float]) -> None:
    context: Any = Context(("InService", "old"))
    assert waiting.settled(context, "colours", before=AT).status == "InService"
    assert sum(pauses) >= waiting.STALE
    pauses.clear()
    assert waiting.settled(context, "colours", before=datetime(2026, 1, 1, tzinfo=UTC)).status == "InService"
    assert pauses == []


def test_patience_ends(pauses: list[float]) -> None:
    context: Any = Context(("Creating", "c"))
    with pytest.raises(DeployError, match="`deploy info` looks again"):
        waiting.settled(context, "colours", patience=60.0)
