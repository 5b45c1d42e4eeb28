"""How large an instance type is, by moto's list of EC2's."""

import functools
import gzip
import json
from importlib import resources as package

from moto.sagemaker.models import FakeEndpointConfig

MIB = 1024 * 1024


@functools.cache
def _known() -> dict[str, dict[str, dict[str, int]]]:
    file = package.files("moto.ec2.resources") / "instance_types.json.gz"
    return json.loads(gzip.decompress(file.read_bytes()))  # type: ignore[no-any-return]


def size_of(instance_type: str) -> tuple[float, int] | None:
    """`ml.m5.xlarge`: 4 processors and the bytes of 16 GiB; None for a type that EC2 does not have."""
    known = _known().get(instance_type.removeprefix("ml."))
    if known is None:
        return None
    return float(known["VCpuInfo"]["DefaultVCpus"]), known["MemoryInfo"]["SizeInMiB"] * MIB


def can_loosen() -> bool:
    return callable(getattr(FakeEndpointConfig, "validate_instance_type", None))


def _accept(config: object, instance_type: str) -> None:
    """In the place of a method."""


def loosen() -> None:
    """moto holds variants to an old list without m6i, c6i or g5: any `ml.` type passes."""
    FakeEndpointConfig.validate_instance_type = _accept  # type: ignore[method-assign, assignment]
