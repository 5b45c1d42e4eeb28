"""Which models an endpoint has, and how many of the requests each of them gets."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from deploy.errors import DeployError

ONLY = "main"
NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")


@dataclass(frozen=True)
class Variant:
    name: str
    model_data: str
    weight: float = 1.0


def variants(settings: Mapping[str, str], model_data: str) -> tuple[Variant, ...]:
    """Of `NAME=S3-ARTIFACT,WEIGHT`, else one of `model_data`."""
    if not settings:
        return (Variant(ONLY, model_data),)
    found = []
    for name, text in settings.items():
        artifact, comma, weight = text.rpartition(",")
        try:
            found.append(Variant(name, artifact, _weight(weight)) if comma else Variant(name, text))
        except ValueError:
            raise DeployError(f"variant {name}: the weight {weight!r} is not a number of 0 or more") from None
    for each in found:
        if not each.model_data.startswith("s3://"):
            raise DeployError(f"variant {each.name}={settings[each.name]!r} is not S3-ARTIFACT,WEIGHT")
    if not sum(each.weight for each in found):
        raise DeployError("every variant has the weight 0: none would get a request")
    return tuple(found)


def _weight(text: str) -> float:
    number = float(text)
    if not 0 <= number < float("inf"):
        raise ValueError(text)
    return number
