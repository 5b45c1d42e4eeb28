"""What AWS would refuse, or what would fail minutes later, said before anything is made."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from deploy import architectures
from deploy.errors import DeployError
from deploy.sections import Account, Endpoint, Image
from deploy.variants import NAME, Variant

INSTANCE_TYPE = re.compile(r"ml\.[a-z0-9-]+\.[a-z0-9-]+")
ECR = re.compile(r"\d{12}\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.")
S3 = re.compile(r"(https|s3)://[^/]+/")
KEY = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
MEMORY = range(1024, 6145, 1024)  # S-04: MB
TIMEOUT = range(60, 3601)  # H-04, H-05: seconds
CANARY, STEP = range(1, 51), range(10, 51)  # percent of the instances, which AWS takes


@dataclass(frozen=True)
class Wanted:
    endpoint: Endpoint
    variants: tuple[Variant, ...]
    account: Account
    image: Image


def check(wanted: Wanted) -> None:
    """Raises DeployError with all that is wrong."""
    kinds = {"serverless": _serverless, "async": _asynchronous, "multi-model": _many, "real-time": _instances}
    found = [
        *_names(wanted),
        *_numbers(wanted.endpoint),
        *_traffic(wanted.endpoint),
        *environment(wanted.endpoint.environment),
        *kinds[wanted.endpoint.kind](wanted),
    ]
    if found:
        raise DeployError("the endpoint would not come up:\n  " + "\n  ".join(found))


def check_region(image: str, region: str) -> None:
    """C-14: of an image in ECR; others do not say."""
    found = ECR.match(image)
    if found and found[1] != region:
        raise DeployError(f"the image {image} lies in {found[1]}, and the endpoint is to be in {region} (C-14)")


def environment(variables: Mapping[str, str]) -> Iterator[str]:
    """C-09: of one container, which is all there are."""
    if len(variables) > 100:  # noqa: PLR2004
        yield f"the environment has {len(variables)} entries, and 100 are the most (C-09)"
    for key, value in variables.items():
        if not KEY.fullmatch(key):
            yield f"environment {key!r} is no name of a variable: letters, digits and _ (C-09)"
        for what, text in (("name", key), ("value", value)):
            if len(text.encode()) > 1024:  # noqa: PLR2004
                yield f"environment {key[:40]}: its {what} has {len(text.encode())} bytes, 1024 are the most (C-09)"
    total = sum(len(key.encode()) + len(value.encode()) for key, value in variables.items())
    if total > 32 * 1024:
        yield f"the environment has {total} bytes, and {32 * 1024} are the most (C-09)"


def _names(wanted: Wanted) -> Iterator[str]:
    if not NAME.fullmatch(wanted.endpoint.endpoint):
        yield f"the endpoint's name {wanted.endpoint.endpoint!r} is not 1 to 63 letters, digits and -"
    for variant in wanted.variants:
        if not NAME.fullmatch(variant.name):
            yield f"the variant's name {variant.name!r} is not 1 to 63 letters, digits and -"
        if not S3.match(variant.model_data):
            said = "`deploy upload` puts files there and names the place, `deploy train` makes an artifact there"
            yield f"the model's data {variant.model_data!r} is no address in S3, s3://BUCKET/KEY: {said}"
        elif wanted.endpoint.kind != "multi-model":
            yield from _artifact(variant, wanted.endpoint.kind)


def _numbers(endpoint: Endpoint) -> Iterator[str]:
    for name in ("start_timeout", "download_timeout"):
        if (seconds := getattr(endpoint, name)) and seconds not in TIMEOUT:
            yield f"{name} {seconds} is not within 60 and 3600 s (H-04, H-05)"
    if not 0 <= endpoint.capture <= 100 or endpoint.capture % 1:  # noqa: PLR2004
        yield f"capture {endpoint.capture:g} is no whole percentage, 0 to 100 (D-03)"
    if not 0 < endpoint.alarm_percent < 100:  # noqa: PLR2004
        yield f"alarm_percent {endpoint.alarm_percent:g} is no percentage between 0 and 100"


def _traffic(endpoint: Endpoint) -> Iterator[str]:
    if not 0 <= endpoint.bake_seconds <= 3600:  # noqa: PLR2004
        yield f"bake_seconds {endpoint.bake_seconds} is not within 0 and 3600"
    if endpoint.traffic == "canary" and endpoint.traffic_percent not in CANARY:
        yield f"traffic_percent {endpoint.traffic_percent}: a canary is 1 to 50 % of the instances"
    if endpoint.traffic == "linear" and endpoint.traffic_percent not in STEP:
        yield f"traffic_percent {endpoint.traffic_percent}: a linear step is 10 to 50 % of the instances"


def _artifact(variant: Variant, kind: str) -> Iterator[str]:
    if variant.model_data.endswith("/"):
        if kind == "serverless":
            yield f"{variant.model_data} is a prefix: serverless takes a .tar.gz only (H-20)"
    elif not variant.model_data.endswith(".tar.gz"):
        yield f"{variant.model_data} is neither a .tar.gz nor a prefix that ends with / (H-19, H-20)"


def _instances(wanted: Wanted) -> Iterator[str]:
    endpoint, image = wanted.endpoint, wanted.image
    kind = endpoint.instance_type
    if not INSTANCE_TYPE.fullmatch(kind):
        yield f"instance_type {kind!r} is no instance type of SageMaker, such as ml.m5.large"
    if endpoint.instance_count < 1:
        yield f"instance_count {endpoint.instance_count} is less than 1"
    right = architectures.platform(kind)
    if not image.image_uri and image.platform != right:
        yield f"{kind} runs {right}, and the image is built for {image.platform}: --platform {right} (C-13)"
    least, most = endpoint.min_instances, endpoint.max_instances
    if (least > 0) != (most > 0) or least > most or least < 0:
        yield f"autoscaling from {least} to {most} instances: 1 <= min_instances <= max_instances, or both 0"
    elif most and not least <= endpoint.instance_count <= most:
        yield f"instance_count {endpoint.instance_count} is not within min_instances {least} and max_instances {most}"
    if most and endpoint.invocations_per_instance <= 0:
        yield f"invocations_per_instance {endpoint.invocations_per_instance:g} is not above 0"


def _asynchronous(wanted: Wanted) -> Iterator[str]:
    yield from _instances(wanted)
    if not 1 <= wanted.endpoint.max_concurrency <= 1000:  # noqa: PLR2004
        yield f"max_concurrency {wanted.endpoint.max_concurrency} of one instance is not within 1 and 1000 (A-04)"
    if len(wanted.variants) > 1:
        yield "an asynchronous endpoint has one variant"


def _many(wanted: Wanted) -> Iterator[str]:
    yield from _instances(wanted)
    for variant in wanted.variants:
        if not variant.model_data.endswith("/"):
            yield f"multi-model: model_data {variant.model_data} is no prefix that ends with / (H-20)"


def _serverless(wanted: Wanted) -> Iterator[str]:
    endpoint, image = wanted.endpoint, wanted.image
    if endpoint.memory_mb not in MEMORY:
        yield f"memory_mb {endpoint.memory_mb} is none of {', '.join(map(str, MEMORY))} (S-04)"
    if not 1 <= endpoint.max_concurrency <= 200:  # noqa: PLR2004
        yield f"max_concurrency {endpoint.max_concurrency} is not within 1 and 200 (S-04)"
    if not image.image_uri and image.platform != architectures.AMD64:
        yield f"serverless runs linux/amd64, and the image is built for {image.platform} (C-13)"
    excluded = {
        "several variants": len(wanted.variants) > 1,
        "a VPC ([account] subnets)": wanted.account.subnets,
        "network isolation": wanted.account.network_isolation,
        "data capture": endpoint.capture,
        "autoscaling, it scales by itself": endpoint.max_instances or endpoint.min_instances,
        "start_timeout, it has 3 minutes (S-02)": endpoint.start_timeout,
        "download_timeout, it has 3 minutes (S-02)": endpoint.download_timeout,
    }
    yield from (f"serverless does not have {what} (S-07)" for what, asked in excluded.items() if asked)
