"""An endpoint as DescribeEndpoint and ListEndpoints say it, and its events."""

from collections.abc import Iterable, Mapping
from typing import Any

from local_test.api.plans import Plan, PlannedVariant


def summary(endpoint: Any) -> dict[str, Any]:
    return {
        "EndpointName": endpoint.name,
        "EndpointArn": endpoint.arn,
        "CreationTime": endpoint.created,
        "LastModifiedTime": endpoint.modified,
        "EndpointStatus": endpoint.status,
    }


def described(endpoint: Any) -> dict[str, Any]:
    plan = endpoint.serving or endpoint.wanted
    counts = endpoint.hosting.instances() if endpoint.hosting else {}
    updating = endpoint.status in ("Updating", "RollingBack")
    wanted = endpoint.wanted if endpoint.status == "Updating" else plan
    capture = plan.capture
    return summary(endpoint) | {
        "EndpointConfigName": plan.config,
        "ProductionVariants": [_variant(each, wanted, counts, endpoint) for each in plan.variants],
        "ShadowProductionVariants": [_variant(each, wanted, counts, endpoint) for each in plan.shadows] or None,
        "FailureReason": endpoint.reason,
        "AsyncInferenceConfig": plan.asynchronous,
        "LastDeploymentConfig": endpoint.deployment,
        "PendingDeploymentSummary": _pending(endpoint) if updating and endpoint.wanted.config != plan.config else None,
        "DataCaptureConfig": {
            "EnableCapture": True,
            "CaptureStatus": "Started" if endpoint.status == "InService" else "Stopped",
            "CurrentSamplingPercentage": capture["InitialSamplingPercentage"],
            "DestinationS3Uri": capture["DestinationS3Uri"],
            "KmsKeyId": capture.get("KmsKeyId", ""),
        }
        if capture
        else None,
    }


def _pending(endpoint: Any) -> dict[str, Any]:
    plan = endpoint.wanted
    staged = {variant.name: count for variant, count in endpoint.hosting.engine.staged()} if endpoint.hosting else {}
    stage = {"VariantStatus": [endpoint.stage]} if endpoint.stage else {}

    def summaries(variants: Iterable[PlannedVariant]) -> list[dict[str, Any]]:
        return [
            {
                **_variant(each, plan, staged, endpoint),
                **({} if each.serverless else {"InstanceType": each.asked["InstanceType"]}),
                **stage,
            }
            for each in variants
        ]

    shadows = {"ShadowProductionVariants": summaries(plan.shadows)} if plan.shadows else {}
    return {
        "EndpointConfigName": plan.config,
        "ProductionVariants": summaries(plan.variants),
        "StartTime": endpoint.modified,
        **shadows,
    }


def _variant(variant: PlannedVariant, plan: Plan, counts: Mapping[str, int], endpoint: Any) -> dict[str, Any]:
    """`plan`: what there shall be; it may have no such variant any more."""
    wanted = next((each for each in plan.all if each.name == variant.name), variant)
    images = [
        {"SpecifiedImage": each["Image"], "ResolvedImage": each["Image"], "ResolutionTime": endpoint.modified}
        for each in variant.containers
    ]
    found: dict[str, Any] = {
        "VariantName": variant.name,
        "DeployedImages": images,
        "CurrentWeight": variant.weight,
        "DesiredWeight": wanted.weight,
    }
    if variant.serverless:
        return found | {
            "CurrentServerlessConfig": variant.serverless,
            "DesiredServerlessConfig": wanted.serverless,
        }
    return found | {
        "CurrentInstanceCount": counts.get(variant.name, 0),
        "DesiredInstanceCount": wanted.instances,
    }
