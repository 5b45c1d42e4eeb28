"""Blue/green: the new model beside the old one, traffic moved, and the old one taken away or taken back."""

import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from deploy import diagnosis, guards, hosting, plans, rollout, waiting
from deploy.context import Context
from deploy.errors import DeployError
from deploy.hosting import Found
from deploy.plans import Plan
from deploy.sections import Account
from deploy.waiting import Settled


def update(context: Context, *, wait: bool, keep: bool, force: bool) -> bool:
    """Whether the endpoint serves what the settings say; raises DeployError with the reason where it does not."""
    plan = plans.plan(context)
    there = hosting.needed(context, plan.endpoint)
    changes = ready(context, plan, there)
    for change in changes:
        context.say(change)
    if not changes and not force:
        context.say(f"the endpoint {plan.endpoint} serves this already; --force updates it all the same")
        return True
    _unscale(context, plan, there)
    begun, alarms = time.time(), guards.alarms(context, plan)
    if ringing := rollout.rung(context, alarms):
        raise DeployError(
            "an alarm rings already, and would take any update back; --no-alarm-on-errors updates without ours:\n  "
            + "\n  ".join(ringing)
        )
    asked = rollout.request(context, plan, there, alarms)
    config = hosting.make_config(context, plan)
    _begin(context, {**asked, "EndpointConfigName": config})
    if context.aws.dry_run or not wait:
        return _unwatched(context, plan, there)
    done = waiting.settled(context, plan.endpoint, since=begun, before=there.endpoint["LastModifiedTime"])
    if done.status != "InService" or done.endpoint["EndpointConfigName"] != config:
        said = _undone(context, plan, done, alarms)
        if done.status == "InService" and not keep:
            hosting.discard(context, hosting.stands_on(context, config))
        raise DeployError(said)
    guards.scaling(context, plan)
    context.say(f"the endpoint {plan.endpoint} serves it, after {time.time() - begun:.0f} s")
    if not keep:
        hosting.retire(context, there)
    return True


def _begin(context: Context, asked: Mapping[str, Any]) -> None:
    """A call whose answer was lost is made again, and refused because of the update that it has begun."""
    sagemaker = context.aws.client("sagemaker")
    try:
        context.maker.soon(sagemaker.update_endpoint, **asked)
    except ClientError:
        there = sagemaker.describe_endpoint(EndpointName=asked["EndpointName"])
        begun = there.get("PendingDeploymentSummary", there)["EndpointConfigName"]
        if begun != asked["EndpointConfigName"]:
            raise


def ready(context: Context, plan: Plan, there: Found) -> list[str]:
    """What will be other; raises DeployError where the endpoint takes no update."""
    if there.status == "Failed":
        raise DeployError(f"the endpoint {plan.endpoint} has failed, and takes no update: `deploy up` makes it anew")
    if there.status != "InService":
        raise DeployError(f"the endpoint {plan.endpoint} is {there.status}: update it when it is InService")
    if not there.config:
        return [f"the configuration {there.config_name} is gone: nobody can tell what serves"]
    names = {each["VariantName"] for each in there.config["ProductionVariants"]}
    if names != set(plan.variants):
        raise DeployError(
            f"the endpoint {plan.endpoint} has the variants {', '.join(sorted(names))}, and an update keeps their "
            f"names; not {', '.join(sorted(plan.variants))}: make another endpoint beside it (--endpoint)"
        )
    if ("AsyncInferenceConfig" in there.config) != ("AsyncInferenceConfig" in plan.config):
        raise DeployError("an endpoint stays asynchronous, or not: make another one beside it (--endpoint)")
    return plans.differences(plan, there.config, there.models, context.read(Account))


def _unscale(context: Context, plan: Plan, there: Found) -> None:
    """AWS refuses another instance type, and a smaller model of scaling, while a variant is scaled."""
    for each in there.config.get("ProductionVariants", []):
        changes = each.get("InstanceType") != plan.variants[each["VariantName"]].get("InstanceType")
        if (changes or not plan.scales) and guards.scaled(context, plan.endpoint, each["VariantName"]):
            guards.unscaled(context, plan.endpoint, each["VariantName"])


def _unwatched(context: Context, plan: Plan, there: Found) -> bool:
    if not context.aws.dry_run:
        old = ", ".join(each.name for each in there.parts)
        context.say(f"the endpoint {plan.endpoint} is being updated: `deploy info`; {old} stay until `deploy destroy`")
    return True


def _undone(context: Context, plan: Plan, done: Settled, alarms: list[str]) -> str:
    ringing = rollout.rung(context, alarms) or [each for each in alarms if each in done.reason]
    said = [
        f"the update of {plan.endpoint} was taken back, and what served before serves"
        if done.status == "InService"
        else f"the endpoint {plan.endpoint} is {done.status}"
    ]
    if ringing:
        said += [*(f"the alarm {each} rang" for each in ringing), f"AWS says: {done.reason or 'not why'}"]
    else:
        image = next(iter(plan.models.values()))["PrimaryContainer"]["Image"]
        said.append(diagnosis.explained(done, plan.endpoint, image))
    return "\n  ".join(said)
