"""Which processor an instance type has (C-13)."""

import re

AMD64, ARM64 = "linux/amd64", "linux/arm64"


def platform(instance_type: str) -> str:
    """ml.m6g.large and ml.p6e-gb200.36xlarge are Graviton's and Grace's: a g behind the generation says so."""
    family = re.match(r"(?:ml\.)?[a-z]+\d+([a-z0-9-]*)\.", instance_type)
    return ARM64 if family and "g" in family[1] else AMD64
