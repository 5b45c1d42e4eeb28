"""`deploy up`: an artifact and an image become an endpoint; what is there already is left as it is.

It waits, shows the container's own lines, and says what to do when it does not come up.
"""

import argparse
import time

from botocore.exceptions import BotoCoreError, ClientError

from deploy import diagnosis, guards, hosting, plans, prices, waiting
from deploy.context import Context
from deploy.errors import DeployError
from deploy.hosting import Found
from deploy.plans import Plan
from deploy.sections import Account, Endpoint, Image, Prices, Project

SECTIONS = (Project, Account, Image, Endpoint, Prices)
HELP = "make an endpoint of an artifact and an image: real-time, serverless, asynchronous, many models"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--wait", action=argparse.BooleanOptionalAction, default=True, help="until it serves (default: yes)"
    )


def run(context: Context, options: argparse.Namespace) -> int:
    plan = plans.plan(context)
    there = hosting.ours(context, plan.endpoint)
    if there and there.status == "Failed":
        context.say(f"the endpoint {plan.endpoint} has failed before, and is made anew")
        hosting.remove(context, there)
        there = None
    if there and there.status == "Deleting":
        raise DeployError(f"the endpoint {plan.endpoint} is being deleted: `deploy up` again when it is gone")
    begun = time.time()
    if there:
        _compare(context, plan, there)
    else:
        _make(context, plan)
    guards.alarms(context, plan)
    if context.aws.dry_run:
        guards.scaling(context, plan)
        context.say("nothing was made: these are the calls")
        return 0
    serves = there is not None and there.status == "InService"
    if not options.wait and not serves:
        again = ", and `deploy up` again for its autoscaling" if plan.scales else ""
        context.say(f"the endpoint {plan.endpoint} is being made: `deploy info` shows it{again}")
        return 0
    if not serves:
        done = waiting.settled(context, plan.endpoint)
        if done.status != "InService":
            image = next(iter(plan.models.values()))["PrimaryContainer"]["Image"]
            raise DeployError(
                f"{diagnosis.explained(done, plan.endpoint, image)}\n"
                "  what was made is in the ledger: `deploy destroy` takes it away, `deploy up` makes it anew"
            )
        context.say(f"the endpoint {plan.endpoint} is in service, after {time.time() - begun:.0f} s")
    guards.scaling(context, plan)
    _say_how(context, plan)
    return 0


def _make(context: Context, plan: Plan) -> None:
    try:
        hosting.make(context, plan)
    except (ClientError, BotoCoreError, DeployError):
        context.say("it was not made; what was, before, is in the ledger: `deploy destroy` takes it away")
        raise


def _compare(context: Context, plan: Plan, there: Found) -> None:
    if not there.config:
        raise DeployError(
            f"the endpoint {plan.endpoint} is there, its configuration {there.config_name} is gone: `deploy update` "
            "gives it one"
        )
    changes = plans.differences(plan, there.config, there.models, context.read(Account))
    if changes:
        raise DeployError(
            f"the endpoint {plan.endpoint} is there, with other settings: `deploy update` changes it\n  "
            + "\n  ".join(changes)
        )
    context.say(f"the endpoint {plan.endpoint} is there with these settings: {there.status}")


def _say_how(context: Context, plan: Plan) -> None:
    asked = {"async": " --async", "multi-model": " --model NAME.tar.gz"}.get(plan.settings.kind, "")
    named = "" if plan.endpoint == context.project else f" --endpoint {plan.endpoint}"
    context.say(f"ask it:  deploy invoke{named}{asked} FILE")
    if plan.is_serverless:
        context.say("it costs by the request, and nothing while nobody calls")
        return
    kind = plan.settings.instance_type
    many = plan.settings.instance_count * len(plan.variants)
    price = prices.PriceList(context).hourly(kind)
    cost = (
        f"{prices.said(price, many)} an hour" if price is not None else "an unknown sum (a price under [prices] tells)"
    )
    context.say(f"until `deploy destroy` it costs {cost}: {many} of {kind}")
