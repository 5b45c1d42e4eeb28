"""How an endpoint goes from what it serves to something else, and back when an alarm rings."""

import math
from collections.abc import Mapping
from typing import Any

from deploy import guards
from deploy.context import Context
from deploy.errors import DeployError
from deploy.hosting import Found
from deploy.plans import Plan

PERCENT = "CAPACITY_PERCENT"
ROUTING = {"all-at-once": "ALL_AT_ONCE", "canary": "CANARY", "linear": "LINEAR"}
STARTING = 1800  # seconds for the new instances, on top of all that is watched
MOST = 28800  # of MaximumExecutionTimeoutInSeconds
ALARMS = 10  # that one deployment takes


def request(context: Context, plan: Plan, there: Found, alarms: list[str]) -> dict[str, Any]:
    """UpdateEndpoint's parameters, but for the new configuration's name."""
    asked: dict[str, Any] = {"EndpointName": plan.endpoint}
    if plan.scales and any(guards.scaled(context, plan.endpoint, each) for each in plan.variants):
        # so many as there are now, not so many as there were at first
        asked |= {
            "RetainAllVariantProperties": True,
            "ExcludeRetainedVariantProperties": [
                {"VariantPropertyType": "DesiredWeight"},
                {"VariantPropertyType": "DataCaptureConfig"},
            ],
        }
    if plan.is_serverless or not _has_instances(there):
        return asked  # deployment guardrails are for real-time and asynchronous endpoints only
    return asked | {"DeploymentConfig": deployment(context, plan, _instances(plan, there, asked), alarms)}


def deployment(context: Context, plan: Plan, instances: int, alarms: list[str]) -> dict[str, Any]:
    settings = plan.settings
    kind, bake = settings.traffic, settings.bake_seconds
    if kind != "all-at-once" and instances < 2:  # noqa: PLR2004
        context.say(f"one instance is not split: all traffic moves at once instead of {kind}, watched for {bake} s")
        kind = "all-at-once"
    routing: dict[str, Any] = {"Type": ROUTING[kind], "WaitIntervalInSeconds": 0}
    steps = 0
    if size := {"canary": "CanarySize", "linear": "LinearStepSize"}.get(kind):
        routing |= {"WaitIntervalInSeconds": bake, size: _part(plan, instances)}
        steps = 1 if kind == "canary" else _steps(routing[size], instances)
    watched = bake * (steps + 1)
    if watched >= MOST:
        raise DeployError(f"{steps} steps and the end of {bake} s each are more than the {MOST} s of a deployment")
    policy = {
        "TrafficRoutingConfiguration": routing,
        "TerminationWaitInSeconds": bake,
        "MaximumExecutionTimeoutInSeconds": min(MOST, STARTING + watched),
    }
    if not alarms:
        return {"BlueGreenUpdatePolicy": policy}
    rollback = {"Alarms": [{"AlarmName": each} for each in alarms[:ALARMS]]}
    return {"BlueGreenUpdatePolicy": policy, "AutoRollbackConfiguration": rollback}


def rung(context: Context, alarms: list[str]) -> list[str]:
    """Those that ring, each with its reason."""
    if not alarms:
        return []
    found = context.aws.client("cloudwatch").describe_alarms(AlarmNames=alarms[:ALARMS])["MetricAlarms"]
    return [f"{each['AlarmName']} ({each.get('StateReason')})" for each in found if each["StateValue"] == "ALARM"]


def _part(plan: Plan, instances: int) -> dict[str, Any]:
    """At least one instance and at most half of them, which is all that AWS takes."""
    if len(plan.variants) > 1:
        return {"Type": PERCENT, "Value": plan.settings.traffic_percent}
    part = math.ceil(instances * plan.settings.traffic_percent / 100)
    return {"Type": "INSTANCE_COUNT", "Value": max(1, min(part, instances // 2))}


def _steps(part: Mapping[str, Any], instances: int) -> int:
    return math.ceil((100 if part["Type"] == PERCENT else instances) / int(part["Value"]))


def _instances(plan: Plan, there: Found, asked: dict[str, Any]) -> int:
    """Of the smallest variant, as the new fleet will have them."""
    if "RetainAllVariantProperties" in asked:
        return min(int(each.get("DesiredInstanceCount", 1)) for each in there.endpoint["ProductionVariants"])
    return plan.settings.instance_count


def _has_instances(there: Found) -> bool:
    return all("CurrentServerlessConfig" not in each for each in there.endpoint.get("ProductionVariants", []))
