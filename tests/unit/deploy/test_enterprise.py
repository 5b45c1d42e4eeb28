"""What an organization asks, in every request that takes it: held to AWS's own model of the requests."""

import json
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.model import ListShape, Shape, StructureShape

from deploy import enterprise
from deploy.deployer import deployer
from deploy.errors import DeployError
from deploy.kinds import KINDS
from deploy.policies import Scope, execution
from deploy.sections import Account

KEY, BOUNDARY = "arn:aws:kms:eu-west-1:123456789012:key/k", "arn:aws:iam::123456789012:policy/b"
ASKED = Account(
    subnets=("subnet-1", "subnet-2"),
    security_groups=("sg-1",),
    kms_key=KEY,
    network_isolation=True,
    permissions_boundary=BOUNDARY,
)
OUTPUT = "s3://bucket/tiffin/colours/"
# What deploy's commands ask for of each kind that AWS encrypts, isolates, bounds or puts into a VPC.
REQUESTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "model": ("sagemaker", "CreateModel", {"PrimaryContainer": {"Image": "i"}}),
    "endpoint configuration": (
        "sagemaker",
        "CreateEndpointConfig",
        {
            "DataCaptureConfig": {"DestinationS3Uri": OUTPUT},
            "AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": OUTPUT}},
        },
    ),
    "endpoint": ("sagemaker", "CreateEndpoint", {"EndpointConfigName": "c"}),
    "training job": (
        "sagemaker",
        "CreateTrainingJob",
        {"OutputDataConfig": {"S3OutputPath": OUTPUT}, "ResourceConfig": {"InstanceCount": 1}},
    ),
    "tuning job": (
        "sagemaker",
        "CreateHyperParameterTuningJob",
        {
            "TrainingJobDefinition": {
                "OutputDataConfig": {"S3OutputPath": OUTPUT},
                "ResourceConfig": {"InstanceCount": 1},
            }
        },
    ),
    "transform job": (
        "sagemaker",
        "CreateTransformJob",
        {"TransformOutput": {"S3OutputPath": OUTPUT}, "TransformResources": {"InstanceCount": 1}},
    ),
    "notebook instance": ("sagemaker", "CreateNotebookInstance", {"InstanceType": "ml.t3.medium"}),
    "repository": ("ecr", "CreateRepository", {}),
    "role": ("iam", "CreateRole", {"AssumeRolePolicyDocument": "{}"}),
}
MEMBERS = {
    "KmsKeyId": KEY,
    "VolumeKmsKeyId": KEY,
    "kmsKey": KEY,
    "VpcConfig": {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]},
    "EnableNetworkIsolation": True,
    "PermissionsBoundary": BOUNDARY,
    "SubnetId": "subnet-1",
    "DirectInternetAccess": "Disabled",
}
# Of inference components, of async's notifications and the like: members that deploy's requests do not have.
NOT_ASKED = {
    ("endpoint configuration", "VpcConfig"),
    ("endpoint configuration", "EnableNetworkIsolation"),
}
WITHOUT = {  # what of deploy's kinds has none of it
    *("pipeline", "stack", "scalable target", "processing job", "model package group", "alarm", "image", "objects"),
    *("bucket", "log group", "log streams"),
}


def places(shape: Shape, request: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where AWS's model has a member of MEMBERS in the request, or in a part of it that is there."""
    if not isinstance(shape, StructureShape):
        return
    for name, each in shape.members.items():
        if name in MEMBERS:
            yield (*path, name)
        elif name == "encryptionConfiguration":
            yield (*path, name, "kmsKey")
        elif isinstance(request, dict) and name in request and not isinstance(each, ListShape):
            yield from places(each, request[name], (*path, name))


@pytest.mark.parametrize("kind", sorted(REQUESTS))
def test_every_member_that_aws_has_for_it_is_there(kind: str) -> None:
    service, operation, request = REQUESTS[kind]
    shape = botocore.session.get_session().get_service_model(service).operation_model(operation).input_shape
    assert shape is not None
    dressed = enterprise.dressed(kind, request, ASKED)
    assert enterprise.dressed(kind, request, Account()) == request
    found = [path for path in places(shape, request) if (kind, path[-1]) not in NOT_ASKED]
    assert found or kind == "endpoint"
    for path in found:
        value: Any = dressed
        for name in path:
            assert name in value, f"{kind}: {'.'.join(path)}"
            value = value[name]
        assert value == MEMBERS[path[-1]], f"{kind}: {'.'.join(path)}"


def test_no_kind_is_forgotten() -> None:
    assert set(REQUESTS) | WITHOUT == set(KINDS)


def test_nothing_is_captured_and_nothing_asynchronous_because_there_is_a_key() -> None:
    assert enterprise.dressed("endpoint configuration", {}, ASKED) == {"KmsKeyId": KEY}


@pytest.mark.parametrize("half", [{"subnets": ("subnet-1",)}, {"security_groups": ("sg-1",)}])
def test_half_of_a_vpc_is_refused(half: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(DeployError, match="named by both, or by neither"):
        enterprise.check(Account(**half))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("key", "resource", "alias"),
    [
        (KEY, KEY, None),
        ("k", KEY, None),
        ("alias/ours", "arn:aws:kms:eu-west-1:123456789012:key/*", "alias/ours"),
        ("arn:aws:kms:eu-west-1:123456789012:alias/ours", "arn:aws:kms:eu-west-1:123456789012:key/*", "alias/ours"),
    ],
)
def test_a_policy_names_a_key_as_iam_takes_it(key: str, resource: str, alias: str | None) -> None:
    scope = Scope("colours", "123456789012", "eu-west-1", "bucket", "colours", "colours", kms_key=key)
    for policy in (execution(scope), deployer(scope)):
        (found,) = (each for each in policy["Statement"] if "kms:GenerateDataKey" in each["Action"])
        condition = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": alias}} if alias else None
        assert (found["Resource"], found.get("Condition")) == (resource, condition)
    without = Scope("colours", "123456789012", "eu-west-1", "bucket", "colours", "colours")
    assert "kms:" not in json.dumps([execution(without), deployer(without)])
