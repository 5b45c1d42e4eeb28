"""An endpoint as DescribeEndpoint and ListEndpoints say it, and its events."""

from collections.abc import Mapping
from typing import Any

from local_test.api.plans import PlannedVariant


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
        "ProductionVariants": [_variant(each, wanted.variant(each.name), counts, endpoint) for each in plan.variants],
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
    staged = {variant.name: count for variant, count in endpoint.hosting.engine.staged()} if endpoint.hosting else {}
    stage = {"VariantStatus": [endpoint.stage]} if endpoint.stage else {}
    variants = [
        {
            **_variant(each, each, staged, endpoint),
            **({"InstanceType": each.asked["InstanceType"]} if not each.serverless else {}),
            **stage,
        }
        for each in endpoint.wanted.variants
    ]
    return {
        "EndpointConfigName": endpoint.wanted.config,
        "ProductionVariants": variants,
        "StartTime": endpoint.modified,
    }


def _variant(
    variant: PlannedVariant, wanted: PlannedVariant | None, counts: Mapping[str, int], endpoint: Any
) -> dict[str, Any]:
    images = [
        {"SpecifiedImage": each["Image"], "ResolvedImage": each["Image"], "ResolutionTime": endpoint.modified}
        for each in variant.containers
    ]
    found: dict[str, Any] = {
        "VariantName": variant.name,
        "DeployedImages": images,
        "CurrentWeight": variant.weight,
        "DesiredWeight": (wanted or variant).weight,
    }
    if variant.serverless:
        return found | {
            "CurrentServerlessConfig": variant.serverless,
            "DesiredServerlessConfig": (wanted or variant).serverless,
        }
    return found | {
        "CurrentInstanceCount": counts.get(variant.name, 0),
        "DesiredInstanceCount": (wanted or variant).instances,
    }
