"""What looks after an endpoint: an alarm of each variant's errors, and autoscaling by target tracking."""

from collections.abc import Mapping
from typing import Any

from deploy import destroy
from deploy.context import Context
from deploy.errors import NameTaken
from deploy.kinds import KINDS
from deploy.kinds.kind import PROJECT
from deploy.kinds.watching import ScalableTarget
from deploy.ledger import Resource
from deploy.plans import Plan

METRICS = "AWS/SageMaker"


def alarm_of(project: str, endpoint: str, variant: str) -> str:
    """By the project first, which is how `destroy` looks for it."""
    return f"{project}-5xx-{endpoint}-{variant}"


def alarms(context: Context, plan: Plan) -> list[str]:
    """The names of those that watch, made where they are not there; ours, then the settings'."""
    names = []
    for variant in plan.variants if plan.settings.alarm_on_errors else ():
        name = alarm_of(context.project, plan.endpoint, variant)
        names.append(name)
        _alarm(context, name, _on_errors(plan, variant))
    return [*names, *plan.settings.alarms]


def _alarm(context: Context, name: str, wanted: dict[str, Any]) -> None:
    cloudwatch = context.aws.client("cloudwatch")
    tags = KINDS["alarm"].tags(context.aws, Resource("alarm", name, context.project))
    if tags is None:
        context.maker.make("alarm", name, **wanted)
        return
    if tags.get(PROJECT) != context.project:
        raise NameTaken(
            f"the alarm {name} is somebody else's (no tag {PROJECT}={context.project}): give the endpoint another name"
        )
    (there,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    if there["Threshold"] != wanted["Threshold"]:  # its tags stay, and so has what somebody wants to hear of it
        kept = {each: there.get(each, []) for each in ("AlarmActions", "OKActions", "InsufficientDataActions")}
        cloudwatch.put_metric_alarm(AlarmName=name, **wanted, **kept)


def scaling(context: Context, plan: Plan) -> None:
    """As the plan says; the endpoint has to be in service."""
    for variant in plan.variants:
        name = f"endpoint/{plan.endpoint}/variant/{variant}"
        there = scaled(context, plan.endpoint, variant)
        limits = {"MinCapacity": plan.settings.min_instances, "MaxCapacity": plan.settings.max_instances}
        wanted = {**limits, "TargetValue": plan.settings.invocations_per_instance}
        if there and there != wanted:  # one that is registered takes no tags again
            unscaled(context, plan.endpoint, variant)
        if plan.scales and there != wanted:
            context.maker.make("scalable target", name, **limits, Policy=_policy(plan))


def unscaled(context: Context, endpoint: str, variant: str) -> None:
    target = Resource("scalable target", f"endpoint/{endpoint}/variant/{variant}", context.project)
    destroy.destroy(context.aws, context.maker.ledger, [target], context.say)


def scaled(context: Context, endpoint: str, variant: str) -> Mapping[str, float]:
    """The limits and the target of a variant that is scaled."""
    client = context.aws.client("application-autoscaling")
    name, where = f"endpoint/{endpoint}/variant/{variant}", dict(ScalableTarget().where)
    targets = client.describe_scalable_targets(ResourceIds=[name], **where)["ScalableTargets"]
    if not targets:
        return {}
    found = {each: targets[0][each] for each in ("MinCapacity", "MaxCapacity")}
    for policy in client.describe_scaling_policies(ResourceId=name, **where)["ScalingPolicies"]:
        found |= {"TargetValue": policy.get("TargetTrackingScalingPolicyConfiguration", {}).get("TargetValue", 0.0)}
    return found


def _on_errors(plan: Plan, variant: str) -> dict[str, Any]:
    return {
        "AlarmDescription": f"more than {plan.settings.alarm_percent:g} % of a minute's requests ended in a 5XX",
        "Namespace": METRICS,
        "MetricName": "Invocation5XXErrors",
        "Dimensions": dimensions(plan.endpoint, variant),
        "Statistic": "Average",  # each request counts 0 or 1
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": plan.settings.alarm_percent / 100,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    }


def dimensions(endpoint: str, variant: str) -> list[dict[str, str]]:
    return [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}]


def _policy(plan: Plan) -> dict[str, Any]:
    target = {"TargetValue": plan.settings.invocations_per_instance}
    if plan.settings.kind == "async":  # its invocations wait in a queue, and that is what has to be short
        backlog = {
            "MetricName": "ApproximateBacklogSizePerInstance",
            "Namespace": METRICS,
            "Dimensions": [{"Name": "EndpointName", "Value": plan.endpoint}],
            "Statistic": "Average",
        }
        return {**target, "CustomizedMetricSpecification": backlog}
    predefined = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    return {**target, "PredefinedMetricSpecification": predefined}
