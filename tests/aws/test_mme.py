"""Endpoints of many models, and of several containers: loading, eviction, retries; pipelines and direct calls."""

import json

import pytest
from botocore.exceptions import ClientError

from tests.awshosting import BUCKET, Hosting, name, packed

NAMES = ("a.tar.gz", "sub/b.tar.gz", "c d+ü.tar.gz")


def prefix(hosting: Hosting) -> str:
    """With a model each of the names, which says its own."""
    folder = name("models")
    for each in NAMES:
        hosting.s3.put_object(Bucket=BUCKET, Key=f"{folder}/{each}", Body=packed({"text": each}))
    hosting.s3.put_object(Bucket=BUCKET, Key=f"{folder}/broken.tar.gz", Body=b"no tar")
    hosting.s3.put_object(Bucket=BUCKET, Key=f"{folder}/empty.tar.gz", Body=packed({"other": "x"}))
    return f"s3://{BUCKET}/{folder}/"


def many(hosting: Hosting, room: int = 1000, cache: str = "Enabled", instances: int = 1) -> str:
    model = hosting.model(
        {"ROOM": str(room)},
        Mode="MultiModel",
        ModelDataUrl=prefix(hosting),
        MultiModelConfig={"ModelCacheSetting": cache},
    )
    return hosting.serve(hosting.variant(model, InitialInstanceCount=instances))


def loads(hosting: Hosting, endpoint: str) -> list[str]:
    """What the container says of loading and unloading."""
    return [line for lines in hosting.lines(endpoint).values() for line in lines if "load" in line]


@pytest.fixture(scope="module")
def endpoint(hosting: Hosting) -> str:
    return many(hosting)


@pytest.mark.parametrize("model", NAMES[:2])
def test_M02_M06_a_model_is_loaded_when_it_is_asked_for(hosting: Hosting, endpoint: str, model: str) -> None:
    for _ in range(3):
        assert hosting.said(endpoint, b"x", TargetModel=model) == f"{model}:x"
    assert loads(hosting, endpoint).count(f"loaded {model}") == 1
    assert hosting.said(endpoint, b"target", TargetModel=model) == model  # M-06: the header reaches the container


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("nobody.tar.gz", "Failed to download model data"),
        ("broken.tar.gz", "Failed to extract model data archive"),
        ("../a.tar.gz", "Invalid TargetModel"),
    ],
)
def test_a_model_that_cannot_be_had(hosting: Hosting, endpoint: str, model: str, sentence: str) -> None:
    with pytest.raises(hosting.runtime.exceptions.ValidationError, match=sentence):
        hosting.invoke(endpoint, TargetModel=model)


def test_the_target_model_is_needed(hosting: Hosting, endpoint: str) -> None:
    with pytest.raises(hosting.runtime.exceptions.ValidationError, match="needs a TargetModel"):
        hosting.invoke(endpoint)


def test_a_model_that_does_not_load_is_a_model_error(hosting: Hosting, endpoint: str) -> None:
    with pytest.raises(hosting.runtime.exceptions.ModelError):
        hosting.invoke(endpoint, TargetModel="empty.tar.gz")  # the container ends its connection over it


def test_a_model_that_the_container_has_lost_is_loaded_again(hosting: Hosting) -> None:
    endpoint = many(hosting)
    assert hosting.said(endpoint, b"lose", TargetModel="a.tar.gz") == "lost:lose"
    assert hosting.said(endpoint, b"x", TargetModel="a.tar.gz") == "a.tar.gz:x"
    assert loads(hosting, endpoint) == ["loaded a.tar.gz"] * 2


def test_M02_M15_where_there_is_no_room_the_oldest_goes(hosting: Hosting) -> None:
    endpoint = many(hosting, room=2)
    a, b = NAMES[:2]
    third = "third.tar.gz"
    folder = hosting.sagemaker.describe_model(
        ModelName=hosting.sagemaker.describe_endpoint_config(
            EndpointConfigName=hosting.describe(endpoint)["EndpointConfigName"]
        )["ProductionVariants"][0]["ModelName"]
    )["PrimaryContainer"]["ModelDataUrl"]
    key = folder.removeprefix(f"s3://{BUCKET}/") + third
    hosting.s3.put_object(Bucket=BUCKET, Key=key, Body=packed({"text": third}))  # after the endpoint was made
    for model in (a, b, a, third):
        assert hosting.said(endpoint, b"x", TargetModel=model) == f"{model}:x"
    assert loads(hosting, endpoint) == [f"loaded {a}", f"loaded {b}", "unloaded", f"loaded {third}"]
    hosting.s3.delete_object(Bucket=BUCKET, Key=key)
    assert hosting.said(endpoint, b"x", TargetModel=b) == f"{b}:x"
    assert hosting.said(endpoint, b"x", TargetModel=a) == f"{a}:x"
    assert hosting.said(endpoint, b"x", TargetModel=third) == f"{third}:x"  # from the disk (M-15)


def test_no_room_for_a_single_model_is_a_model_error(hosting: Hosting) -> None:
    endpoint = many(hosting, room=0)
    with pytest.raises(hosting.runtime.exceptions.ModelError) as raised:
        hosting.invoke(endpoint, TargetModel="a.tar.gz")
    assert raised.value.response["OriginalStatusCode"] == 507


def test_M10_without_a_cache_each_invocation_is_followed_by_an_unload(hosting: Hosting) -> None:
    endpoint = many(hosting, cache="Disabled")
    for _ in range(2):
        hosting.said(endpoint, b"x", TargetModel="a.tar.gz")
    assert loads(hosting, endpoint) == ["loaded a.tar.gz", "unloaded"] * 2


def test_requests_go_to_the_instance_that_has_the_model(hosting: Hosting) -> None:
    endpoint = many(hosting, instances=2)
    for _ in range(10):
        hosting.said(endpoint, b"x", TargetModel="a.tar.gz")
    assert loads(hosting, endpoint) == ["loaded a.tar.gz"]


def containers(hosting: Hosting, *names: str) -> list[dict[str, object]]:
    return [hosting.container({"SAYS": each, "DOES": "append"}, ContainerHostname=each) for each in names]


def test_P01_of_a_pipeline_each_gets_what_the_one_before_answered(hosting: Hosting) -> None:
    endpoint = hosting.serve(hosting.variant(hosting.model(Containers=containers(hosting, "one", "two", "three"))))
    said = hosting.said(endpoint, b"x", ContentType="text/csv", Accept="a/b")
    assert said == "x+one(text/csv,None)+two(text/csv,None)+three(text/csv,a/b)"
    assert {stream.split("/")[2] for stream in hosting.lines(endpoint)} == {"one", "two", "three"}
    with pytest.raises(hosting.runtime.exceptions.ValidationError, match="takes no TargetContainerHostname"):
        hosting.invoke(endpoint, TargetContainerHostname="one")


def test_P02_P03_M14_direct_containers_have_names_and_ports_of_their_own(hosting: Hosting) -> None:
    model = hosting.model(Containers=containers(hosting, "one", "two"), InferenceExecutionConfig={"Mode": "Direct"})
    endpoint = hosting.serve(hosting.variant(model))
    seen = {}
    for each in ("one", "two"):
        assert hosting.said(endpoint, TargetContainerHostname=each) == each
        seen[each] = json.loads(hosting.said(endpoint, b"env", TargetContainerHostname=each))
    ports = {environment["SAGEMAKER_BIND_TO_PORT"] for environment in seen.values()}
    ranges = {environment["SAGEMAKER_SAFE_PORT_RANGE"] for environment in seen.values()}
    assert (len(ports), len(ranges)) == (2, 2)
    with pytest.raises(hosting.runtime.exceptions.ModelError) as raised:
        hosting.invoke(endpoint, b"status 400", TargetContainerHostname="two")
    assert "from two with message" in str(raised.value)
    with pytest.raises(ClientError, match="needs a TargetContainerHostname"):
        hosting.invoke(endpoint)
    with pytest.raises(ClientError, match="Container three not found"):
        hosting.invoke(endpoint, TargetContainerHostname="three")
