"""What an endpoint is to serve: its configuration with the models' containers, as they were when it was asked for.

AWS lets a configuration and its models be deleted while an endpoint serves them; so a plan is a copy, and as JSON it is
what a restart knows.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from moto.sagemaker.exceptions import ValidationError

from local_test.api.endpoint_configs import EndpointConfig
from local_test.api.models import containers, is_multi_model


@dataclass(frozen=True)
class PlannedVariant:
    """`asked` is the ProductionVariant, its count and weight those of now."""

    asked: dict[str, Any]
    containers: list[dict[str, Any]]
    is_direct: bool
    is_isolated: bool

    @classmethod
    def of(cls, asked: Mapping[str, Any], backend: Any, is_isolated: bool = False) -> "PlannedVariant":
        """Raises ValidationError when the model is not there."""
        request = backend.model(asked["ModelName"]).request
        found = [_resolved(each, backend) for each in containers(request)]
        is_direct = (request.get("InferenceExecutionConfig") or {}).get("Mode") == "Direct"
        return cls(dict(asked), found, is_direct, is_isolated or bool(request.get("EnableNetworkIsolation")))

    @property
    def name(self) -> str:
        return str(self.asked["VariantName"])

    @property
    def serverless(self) -> dict[str, Any] | None:
        return self.asked.get("ServerlessConfig")

    @property
    def instances(self) -> int:
        return 1 if self.serverless else int(self.asked["InitialInstanceCount"])

    @property
    def weight(self) -> float:
        return float(self.asked.get("InitialVariantWeight", 1.0))

    @property
    def is_multi_model(self) -> bool:
        return is_multi_model(self.containers[0])

    def container_names(self) -> list[str]:
        return [
            each.get("ContainerHostname") or ("primary" if len(self.containers) == 1 else f"container-{number}")
            for number, each in enumerate(self.containers, start=1)
        ]


@dataclass(frozen=True)
class Plan:
    config: str
    variants: tuple[PlannedVariant, ...]
    asynchronous: dict[str, Any] | None = None
    capture: dict[str, Any] | None = None
    shadows: tuple[PlannedVariant, ...] = ()

    def document(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> "Plan":
        variants = tuple(PlannedVariant(**each) for each in document["variants"])
        shadows = tuple(PlannedVariant(**each) for each in document.get("shadows", ()))
        return cls(document["config"], variants, document["asynchronous"], document["capture"], shadows)

    @classmethod
    def of(cls, config: EndpointConfig, backend: Any) -> "Plan":
        """Raises ValidationError when a model is not there any more."""
        is_isolated = bool(config.request.get("EnableNetworkIsolation"))
        variants = [PlannedVariant.of(asked, backend, is_isolated) for asked in config.variants]
        shadows = [PlannedVariant.of(asked, backend, is_isolated) for asked in config.shadows]
        capture = config.request.get("DataCaptureConfig")
        return cls(
            config.name,
            tuple(variants),
            config.request.get("AsyncInferenceConfig"),
            capture if capture and capture.get("EnableCapture", True) else None,
            tuple(shadows),
        )

    @property
    def all(self) -> tuple[PlannedVariant, ...]:
        """Those whose answers nobody sees too."""
        return self.variants + self.shadows

    def variant(self, name: str) -> PlannedVariant | None:
        return next((each for each in self.variants if each.name == name), None)

    def __getitem__(self, name: str) -> PlannedVariant:
        """Of all of them."""
        return {each.name: each for each in self.all}[name]

    def changed(self, changes: Mapping[str, Mapping[str, Any]]) -> "Plan":
        """By variant, what of its ProductionVariant is other now."""

        def now(variants: tuple[PlannedVariant, ...]) -> tuple[PlannedVariant, ...]:
            return tuple(
                replace(each, asked={**each.asked, **changes[each.name]}) if each.name in changes else each
                for each in variants
            )

        return replace(self, variants=now(self.variants), shadows=now(self.shadows))


def _resolved(container: dict[str, Any], backend: Any) -> dict[str, Any]:
    """With what its model package says, where it names one."""
    package = container.get("ModelPackageName")
    if not package:
        return container
    found = backend.describe_model_package(package)
    specification = getattr(found, "inference_specification", None) or {}
    if not specification.get("Containers"):
        raise ValidationError(f"The model package {package} has no container to run.")
    return {**specification["Containers"][0], **container}
