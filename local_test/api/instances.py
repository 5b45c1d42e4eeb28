"""How large an instance type is, by moto's list of EC2's."""

import functools
import gzip
import json
from importlib import resources as package

MIB = 1024 * 1024


@functools.cache
def _known() -> dict[str, dict[str, dict[str, int]]]:
    file = package.files("moto") / "ec2/resources/instance_types.json.gz"  # moto.ec2 itself is slow to import
    return json.loads(gzip.decompress(file.read_bytes()))  # type: ignore[no-any-return]


def size_of(instance_type: str) -> tuple[float, int] | None:
    """`ml.m5.xlarge`: 4 processors and the bytes of 16 GiB; None for a type that EC2 does not have."""
    known = _known().get(instance_type.removeprefix("ml."))
    if known is None:
        return None
    return float(known["VCpuInfo"]["DefaultVCpus"]), known["MemoryInfo"]["SizeInMiB"] * MIB
