"""What would fail minutes later is refused before anything is made, with the line of the contract."""

from typing import Any

import pytest

from deploy.checks import Wanted, check, check_region, environment
from deploy.errors import DeployError
from deploy.sections import Account, Endpoint, Image
from deploy.variants import Variant, variants

ARTIFACT = "s3://b/model.tar.gz"


def wanted(data: str = ARTIFACT, many: int = 1, image: dict[str, Any] | None = None, **endpoint: Any) -> Wanted:
    account = Account(**{key: endpoint.pop(key) for key in ("subnets", "network_isolation") if key in endpoint})
    each = tuple(Variant(f"v{number}", data) for number in range(many))
    return Wanted(Endpoint(**{"endpoint": "colours", **endpoint}), each, account, Image(**(image or {})))


@pytest.mark.parametrize(
    "good",
    [
        wanted(),
        wanted("s3://b/folder/"),  # H-20
        wanted("s3://b/many/", kind="multi-model"),
        wanted(kind="serverless", memory_mb=6144, max_concurrency=200),
        wanted(kind="async", max_concurrency=1000),
        wanted(instance_type="ml.g5.xlarge"),
        wanted(instance_type="ml.c6gn.xlarge", image={"platform": "linux/arm64"}),
        wanted(instance_type="ml.m7g.large", image={"image_uri": "somebody's"}),  # nobody knows its platform
        wanted(min_instances=1, max_instances=4, instance_count=2, capture=100, start_timeout=3600),
        wanted(many=2, traffic="linear", traffic_percent=10),
    ],
)
def test_what_comes_up_passes(good: Wanted) -> None:
    check(good)


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (wanted(endpoint="a_b"), "name 'a_b' is not 1 to 63 letters"),
        (wanted("ml/model.tar.gz"), "'ml/model.tar.gz' is no address in S3"),
        (wanted("many/", kind="multi-model"), "is no address in S3"),
        (wanted("s3://b/model.pkl"), "neither a .tar.gz nor a prefix"),
        (wanted(instance_type="m5.large"), "'m5.large' is no instance type"),
        (wanted(instance_type="ml.m7g.large"), "--platform linux/arm64 (C-13)"),
        (wanted(image={"platform": "linux/arm64"}), "--platform linux/amd64 (C-13)"),
        (wanted(instance_count=0), "less than 1"),
        (wanted(start_timeout=59), "not within 60 and 3600 s (H-04"),
        (wanted(download_timeout=3601), "H-05"),
        (wanted(capture=101.0), "D-03"),
        (wanted(capture=0.5), "D-03"),
        (wanted(max_instances=3), "1 <= min_instances <= max_instances"),
        (wanted(min_instances=2, max_instances=3), "instance_count 1 is not within"),
        (wanted(traffic_percent=60), "a canary is 1 to 50 %"),
        (wanted(traffic="linear", traffic_percent=5), "10 to 50 %"),
        (wanted(bake_seconds=3601), "bake_seconds 3601"),
        (wanted(kind="multi-model"), "no prefix that ends with /"),
        (wanted(kind="async", many=2), "has one variant"),
        (wanted(kind="async", max_concurrency=1001), "A-04"),
        (wanted(kind="serverless", memory_mb=1500), "1024, 2048, 3072, 4096, 5120, 6144 (S-04)"),
        (wanted(kind="serverless", max_concurrency=201), "S-04"),
        (wanted("s3://b/folder/", kind="serverless"), "H-20"),
        (wanted(kind="serverless", many=2), "several variants (S-07)"),
        (wanted(kind="serverless", subnets=("subnet-1",)), "a VPC"),
        (wanted(kind="serverless", network_isolation=True), "network isolation (S-07)"),
        (wanted(kind="serverless", capture=10.0), "data capture (S-07)"),
        (wanted(kind="serverless", max_instances=2, min_instances=1), "autoscaling"),
        (wanted(kind="serverless", image={"platform": "linux/arm64"}), "C-13"),
        (wanted(environment={"A-B": "x"}), "no name of a variable"),
    ],
)
def test_what_does_not_is_said(bad: Wanted, sentence: str) -> None:
    with pytest.raises(DeployError) as raised:
        check(bad)
    assert sentence in str(raised.value)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(DeployError, match=r"(?s)instance_count 0 .*bake_seconds|bake_seconds.*instance_count 0"):
        check(wanted(instance_count=0, bake_seconds=-1))


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({f"A{number}": "" for number in range(101)}, "101 entries"),
        ({"A" * 1025: ""}, "its name has 1025 bytes"),
        ({"A": "é" * 513}, "its value has 1026 bytes"),
        ({f"A{number}": "x" * 1000 for number in range(40)}, "32768 are the most"),
    ],
)
def test_C09_sizes_of_an_environment(variables: dict[str, str], sentence: str) -> None:
    assert sentence in "\n".join(environment(variables))


def test_C09_the_most_passes() -> None:
    assert list(environment({f"A{number:02}": "x" * 300 for number in range(100)})) == []


def test_variants_of_settings() -> None:
    assert variants({}, ARTIFACT) == (Variant("main", ARTIFACT, 1.0),)
    assert variants({"a": f"{ARTIFACT},3", "b": ARTIFACT}, "") == (Variant("a", ARTIFACT, 3.0), Variant("b", ARTIFACT))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"{ARTIFACT},heavy", "the weight 'heavy'"),
        (f"{ARTIFACT},-1", "is not a number of 0 or more"),
        (f"{ARTIFACT},nan", "is not a number of 0 or more"),
        ("model.tar.gz,1", "is not S3-ARTIFACT,WEIGHT"),
        (f"{ARTIFACT},0", "none would get a request"),
    ],
)
def test_variants_that_are_none(text: str, sentence: str) -> None:
    with pytest.raises(DeployError, match=sentence):
        variants({"a": text}, "")


def test_C14_an_image_of_another_region() -> None:
    check_region("123456789012.dkr.ecr.eu-west-1.amazonaws.com/colours@sha256:1", "eu-west-1")
    check_region("127.0.0.1:5000/colours", "eu-west-1")
    with pytest.raises(DeployError, match="lies in us-east-1"):
        check_region("123456789012.dkr.ecr.us-east-1.amazonaws.com/colours:latest", "eu-west-1")
