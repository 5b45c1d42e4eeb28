"""Endpoint configurations: variants of models, and what SageMaker accepts together."""

import copy
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.utils import arn_formatter

from local_test.api import instances
from local_test.api.absent import NotHereYet
from local_test.api.jobs import listed
from local_test.api.models import Model, is_multi_model
from local_test.api.platform import Platform
from local_test.api.shapes import check
from local_test.api.templates import Kept

MEMORY = range(1024, 6145, 1024)  # S-04: MB
ABSENT = {
    "ExplainerConfig": "an explainer",
    "CrossRegionTrafficConfig": "traffic across regions",
}


class EndpointConfig(Kept):
    @property
    def variants(self) -> list[dict[str, Any]]:
        return list(self.request["ProductionVariants"])

    @property
    def shadows(self) -> list[dict[str, Any]]:
        return list(self.request.get("ShadowProductionVariants") or ())


class EndpointConfigsBackend:
    """Of moto's SageMaker backend, the part that knows endpoint configurations."""

    platform: Platform
    account_id: str
    region_name: str
    endpoint_configs: dict[str, EndpointConfig]

    def add_endpoint_config(self, request: dict[str, Any]) -> EndpointConfig:
        check("CreateEndpointConfig", request)
        name = request["EndpointConfigName"]
        arn = self._config_arn(name)
        if name in self.endpoint_configs:
            raise ValidationError(f'Cannot create already existing endpoint configuration "{arn}".')
        for member, what in ABSENT.items():
            if request.get(member):
                raise NotHereYet(f"{what} ({member})")
        shadows = request.get("ShadowProductionVariants") or []
        names = [variant["VariantName"] for variant in [*request["ProductionVariants"], *shadows]]
        if len(set(names)) < len(names):
            raise ValidationError("The variant names of an endpoint configuration must be unique.")
        for variant in [*request["ProductionVariants"], *shadows]:
            self._check_variant(variant, request)
        if shadows:
            self._check_shadows(request, shadows)
        config = EndpointConfig(name, arn, copy.deepcopy(request), list(request.get("Tags") or []))
        self.endpoint_configs[name] = config
        return config

    def endpoint_config(self, name: str) -> EndpointConfig:
        if name not in self.endpoint_configs:
            raise ValidationError(f'Could not find endpoint configuration "{self._config_arn(name)}".')
        return self.endpoint_configs[name]

    def remove_endpoint_config(self, name: str) -> None:
        del self.endpoint_configs[self.endpoint_config(name).name]

    def _config_arn(self, name: str) -> str:
        return arn_formatter("endpoint-config", name, self.account_id, self.region_name)

    def _check_shadows(self, request: dict[str, Any], shadows: list[dict[str, Any]]) -> None:
        both = [*request["ProductionVariants"], *shadows]
        if len(both) != 2:  # noqa: PLR2004
            raise ValidationError(
                "With ShadowProductionVariants there is one production variant and one shadow variant."
            )
        models: list[Model] = [self.model(variant["ModelName"]) for variant in both]  # type: ignore[attr-defined]
        refused = {
            "asynchronous inference": request.get("AsyncInferenceConfig"),
            "a serverless variant": any(variant.get("ServerlessConfig") for variant in both),
            "several containers": any(len(model.containers) > 1 for model in models),
            "a multi-model container": any(is_multi_model(each) for model in models for each in model.containers),
        }
        for what, is_there in refused.items():
            if is_there:
                raise ValidationError(f"An endpoint with a shadow variant does not support {what}.")

    def _check_variant(self, variant: dict[str, Any], request: dict[str, Any]) -> None:
        if not variant.get("ModelName"):
            raise NotHereYet("a variant without a model, for inference components")
        model: Model = self.model(variant["ModelName"])  # type: ignore[attr-defined]
        if variant.get("ServerlessConfig"):
            _check_serverless(variant, request, model)
        elif variant.get("InstanceType"):
            if not variant.get("InitialInstanceCount"):
                raise ValidationError(f"Variant {variant['VariantName']} needs an InitialInstanceCount.")
            if instances.size_of(variant["InstanceType"]) is None:
                raise ValidationError(f"There is no instance type {variant['InstanceType']}.")
        else:
            raise ValidationError(f"Variant {variant['VariantName']} needs an InstanceType or a ServerlessConfig.")
        if request.get("AsyncInferenceConfig"):
            if not request["AsyncInferenceConfig"]["OutputConfig"].get("S3OutputPath"):
                raise ValidationError("AsyncInferenceConfig needs OutputConfig.S3OutputPath.")
            if len(request["ProductionVariants"]) > 1:
                raise ValidationError("An asynchronous endpoint has one variant.")
            if any(is_multi_model(container) for container in model.containers):
                raise ValidationError("An asynchronous endpoint has no multi-model container.")


class EndpointConfigsResponse:
    """Of moto's SageMaker responses, the operations on endpoint configurations."""

    params: dict[str, Any]
    sagemaker_backend: Any

    def create_endpoint_config(self) -> ActionResult:
        config = self.sagemaker_backend.add_endpoint_config(dict(self.params))
        return ActionResult({"EndpointConfigArn": config.arn})

    def describe_endpoint_config(self) -> ActionResult:
        config = self.sagemaker_backend.endpoint_config(self.params["EndpointConfigName"])
        asked = {name: value for name, value in config.request.items() if name != "Tags"}
        return ActionResult(asked | {"EndpointConfigArn": config.arn, "CreationTime": config.created})

    def list_endpoint_configs(self) -> ActionResult:
        configs = self.sagemaker_backend.endpoint_configs.values()
        return ActionResult(listed(configs, self.params, _summary, "EndpointConfigs"))

    def delete_endpoint_config(self) -> ActionResult:
        self.sagemaker_backend.remove_endpoint_config(self.params["EndpointConfigName"])
        return EmptyResult()


def _summary(config: Any) -> dict[str, Any]:
    return {"EndpointConfigName": config.name, "EndpointConfigArn": config.arn, "CreationTime": config.created}


def _check_serverless(variant: dict[str, Any], request: dict[str, Any], model: Model) -> None:
    """S-04, S-07, H-20."""
    serverless = variant["ServerlessConfig"]
    if serverless["MemorySizeInMB"] not in MEMORY:
        raise ValidationError(
            f"MemorySizeInMB {serverless['MemorySizeInMB']} is none of {', '.join(map(str, MEMORY))} (S-04)."
        )
    if (serverless.get("ProvisionedConcurrency") or 0) > serverless["MaxConcurrency"]:
        raise ValidationError("ProvisionedConcurrency may not exceed MaxConcurrency (S-04).")
    refused = {
        "an instance type": variant.get("InstanceType"),
        "several variants": len(request["ProductionVariants"]) > 1,
        "data capture": (request.get("DataCaptureConfig") or {}).get("EnableCapture"),
        "asynchronous inference": request.get("AsyncInferenceConfig"),
        "a model in a VPC": model.request.get("VpcConfig"),
        "network isolation": model.request.get("EnableNetworkIsolation"),
        "several containers": len(model.containers) > 1,
        "a multi-model container": any(is_multi_model(each) for each in model.containers),
        "ModelDataSource": any(each.get("ModelDataSource") for each in model.containers),
    }
    for what, is_there in refused.items():
        if is_there:
            raise ValidationError(f"A serverless variant does not support {what} (S-07).")
