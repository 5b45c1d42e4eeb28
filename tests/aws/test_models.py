"""Models and endpoint configurations: what is refused, in AWS's words, and what is kept."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.awshosting import Hosting, name
from tests.localaws import ROLE

MODELS: dict[str, tuple[dict[str, Any], str]] = {
    "no container": ({}, "exactly one of PrimaryContainer and Containers"),
    "both": ({"PrimaryContainer": {"Image": "i"}, "Containers": [{"Image": "i"}]}, "exactly one of"),
    "no image": ({"PrimaryContainer": {"Environment": {"a": "b"}}}, "needs an Image"),
    "long image": ({"PrimaryContainer": {"Image": "i" * 256}}, "length less than or equal to 255"),
    "image with a space": ({"PrimaryContainer": {"Image": "a b"}}, "regular expression pattern"),
    "key of the environment": ({"PrimaryContainer": {"Image": "i", "Environment": {"1x": ""}}}, "regular expression"),
    "many in the environment": (
        {"PrimaryContainer": {"Image": "i", "Environment": {f"k{i}": "" for i in range(101)}}},
        "length less than or equal to 100",
    ),
    "a large environment": (
        {"Containers": [{"Image": "i", "Environment": {f"k{i}": "x" * 1000 for i in range(20)}} for _ in range(2)]},
        "at most 32768 bytes",
    ),
    "no such data": ({"PrimaryContainer": {"Image": "i", "ModelDataUrl": "s3://hosting/none.tar.gz"}}, "model data"),
    "sixteen containers": ({"Containers": [{"Image": "i"}] * 16}, "15"),
    "the same names": ({"Containers": [{"Image": "i", "ContainerHostname": "a"}] * 2}, "unique"),
    "direct without names": (
        {"Containers": [{"Image": "i"}] * 2, "InferenceExecutionConfig": {"Mode": "Direct"}},
        "ContainerHostname",
    ),
    "many models nowhere": ({"PrimaryContainer": {"Image": "i", "Mode": "MultiModel"}}, "ModelDataUrl"),
}


@pytest.mark.parametrize("case", MODELS)
def test_a_model_that_is_refused(hosting: Hosting, case: str) -> None:
    request, sentence = MODELS[case]
    with pytest.raises(ClientError, match=sentence) as raised:
        hosting.sagemaker.create_model(ModelName=name("model"), ExecutionRoleArn=ROLE, **request)
    assert raised.value.response["Error"]["Code"] == "ValidationException"


CONFIGS: dict[str, tuple[dict[str, Any], str]] = {
    "no such model": ({"ModelName": "nobody"}, "Could not find model"),
    "no such type": ({"InstanceType": "ml.m5.tiny"}, "instance"),
    "no type": ({"InstanceType": None}, "needs an InstanceType or a ServerlessConfig"),
    "no count": ({"InitialInstanceCount": None}, "InitialInstanceCount"),
    "a long download": ({"ModelDataDownloadTimeoutInSeconds": 3601}, "less than or equal to 3600"),
    "a long window": ({"ContainerStartupHealthCheckTimeoutInSeconds": 3601}, "less than or equal to 3600"),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_a_variant_that_is_refused(hosting: Hosting, case: str) -> None:
    changes, sentence = CONFIGS[case]
    variant = hosting.variant(hosting.model()) | changes
    with pytest.raises(ClientError, match=sentence):
        hosting.config({key: value for key, value in variant.items() if value is not None})


def test_what_has_a_name_is_not_made_again(hosting: Hosting) -> None:
    model = hosting.model()
    config = hosting.config(hosting.variant(model))
    with pytest.raises(ClientError, match="already existing model"):
        hosting.sagemaker.create_model(ModelName=model, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "i"})
    with pytest.raises(ClientError, match="already existing endpoint configuration"):
        hosting.sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=[hosting.variant(model)])


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("describe_model", {"ModelName": "nobody"}),
        ("delete_model", {"ModelName": "nobody"}),
        ("describe_endpoint_config", {"EndpointConfigName": "nobody"}),
        ("delete_endpoint_config", {"EndpointConfigName": "nobody"}),
        ("describe_endpoint", {"EndpointName": "nobody"}),
        ("delete_endpoint", {"EndpointName": "nobody"}),
        ("update_endpoint", {"EndpointName": "nobody", "EndpointConfigName": "nobody"}),
        ("create_endpoint", {"EndpointName": "new", "EndpointConfigName": "nobody"}),
    ],
)
def test_what_is_not_there_is_said(hosting: Hosting, operation: str, arguments: dict[str, str]) -> None:
    with pytest.raises(ClientError, match="Could not find") as raised:
        getattr(hosting.sagemaker, operation)(**arguments)
    assert raised.value.response["Error"]["Code"] == "ValidationException"


def test_lists_and_tags(hosting: Hosting) -> None:
    model = hosting.model()
    found = hosting.sagemaker.list_models(NameContains=model)["Models"]
    assert [each["ModelName"] for each in found] == [model]
    config = hosting.config(hosting.variant(model), Tags=[{"Key": "k", "Value": "v"}])
    found = hosting.sagemaker.list_endpoint_configs(NameContains=config)["EndpointConfigs"]
    assert [each["EndpointConfigName"] for each in found] == [config]
    tags = hosting.sagemaker.list_tags(ResourceArn=found[0]["EndpointConfigArn"])["Tags"]
    assert tags == [{"Key": "k", "Value": "v"}]
    described = hosting.sagemaker.describe_endpoint_config(EndpointConfigName=config)
    assert described["ProductionVariants"][0]["InstanceType"] == "ml.m5.large"
