"""All there is to know of an endpoint, in one document."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from deploy import guards, measures
from deploy.context import Context
from deploy.hosting import Found
from deploy.kinds.kind import EXPIRES, PROJECT

BACK = timedelta(days=14)  # how far a last invocation is looked for
HOUR = 3600


def overview(context: Context, there: Found) -> dict[str, Any]:
    endpoint = there.endpoint
    variants = [_variant(context, there, each) for each in endpoint.get("ProductionVariants", [])]
    last = [each["last_invocation"] for each in variants if each["last_invocation"]]
    capture = endpoint.get("DataCaptureConfig") or {}
    return {
        "endpoint": there.name,
        "status": there.status,
        "reason": endpoint.get("FailureReason"),
        "kind": _kind(there),
        "created": _time(endpoint.get("CreationTime")),
        "changed": _time(endpoint.get("LastModifiedTime")),
        "last_invocation": max(last) if last else None,
        "config": there.config_name,
        "variants": variants,
        "capture": {
            "status": capture.get("CaptureStatus"),
            "percent": capture.get("CurrentSamplingPercentage"),
            "to": capture.get("DestinationS3Uri"),
        }
        if capture
        else None,
        "output": ((there.config.get("AsyncInferenceConfig") or {}).get("OutputConfig") or {}).get("S3OutputPath"),
        "alarms": alarms(context, [each["name"] for each in variants], there.name),
        "project": there.tags.get(PROJECT),
        "expires": there.tags.get(EXPIRES),
    }


def alarms(context: Context, variants: list[str], endpoint: str) -> dict[str, str]:
    """The state of ours, by name; the settings' alarms too."""
    from deploy.plans import endpoint_of

    names = [guards.alarm_of(context.project, endpoint, each) for each in variants]
    names += endpoint_of(context).alarms
    found = context.aws.client("cloudwatch").describe_alarms(AlarmNames=names[:100])["MetricAlarms"] if names else []
    return {each["AlarmName"]: each["StateValue"] for each in found}


def last_invocation(context: Context, endpoint: str, variant: str) -> str | None:
    """To the hour."""
    since = (datetime.now(UTC) - BACK).replace(minute=0, second=0, microsecond=0)
    called = measures.called(context, endpoint, variant, since, HOUR)
    return _time(max(called)) if called else None


def lines(document: Mapping[str, Any]) -> list[str]:
    """For people."""
    found = [
        f"endpoint     {document['endpoint']} ({document['kind']}): {document['status']}",
        *([f"reason       {document['reason']}"] if document["reason"] else []),
        f"since        {document['created']}, changed {document['changed']}",
        f"last called  {document['last_invocation'] or f'not in {BACK.days} days'} (CloudWatch, to the hour)",
        f"config       {document['config']}",
    ]
    for each in document["variants"]:
        size = each["serverless"] or f"{each['instances']} of {each['wanted']} {each['instance_type']}"
        found += [
            f"variant      {each['name']}, weight {each['weight']:g}: {size}",
            f"  model      {each['model']}",
            f"  image      {each['image']}",
            f"  artifact   {each['artifact']}",
        ]
        if each["autoscaling"]:
            found.append(
                "  scaling    {MinCapacity} to {MaxCapacity}, target {TargetValue:g}".format(**each["autoscaling"])
            )
    if capture := document["capture"]:
        found.append(f"capture      {capture['percent']} % to {capture['to']}: {capture['status']}")
    if document["output"]:
        found.append(f"output       {document['output']}")
    found += [f"alarm        {name}: {state}" for name, state in document["alarms"].items()]
    found.append(f"expires      {document['expires'] or 'never'}")
    return found


def _variant(context: Context, there: Found, variant: Mapping[str, Any]) -> dict[str, Any]:
    name = variant["VariantName"]
    model = there.models.get(name, {})
    asked: Any = next((each for each in there.config.get("ProductionVariants", []) if each["VariantName"] == name), {})
    container: Any = model.get("PrimaryContainer") or next(iter(model.get("Containers", [])), {})
    image: Any = next(iter(variant.get("DeployedImages", [])), {})
    source = (container.get("ModelDataSource") or {}).get("S3DataSource") or {}
    serverless = variant.get("CurrentServerlessConfig")
    return {
        "name": name,
        "weight": variant.get("CurrentWeight", 1.0),
        "instances": variant.get("CurrentInstanceCount"),
        "wanted": variant.get("DesiredInstanceCount"),
        "instance_type": asked.get("InstanceType"),
        "serverless": "serverless, {MemorySizeInMB} MB, {MaxConcurrency} at a time".format(**serverless)
        if serverless
        else None,
        "model": asked.get("ModelName"),
        "image": image.get("ResolvedImage") or container.get("Image"),
        "artifact": container.get("ModelDataUrl") or source.get("S3Uri"),
        "environment": container.get("Environment", {}),
        "autoscaling": dict(guards.scaled(context, there.name, name)) or None,
        "last_invocation": last_invocation(context, there.name, name),
    }


def _kind(there: Found) -> str:
    if there.config.get("AsyncInferenceConfig"):
        return "async"
    if any("CurrentServerlessConfig" in each for each in there.endpoint.get("ProductionVariants", [])):
        return "serverless"
    modes = {model.get("PrimaryContainer", {}).get("Mode") for model in there.models.values()}
    return "multi-model" if "MultiModel" in modes else "real-time"


def _time(at: datetime | None) -> str | None:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None
