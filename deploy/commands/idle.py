"""`deploy idle`: what runs in the account, costs by the hour, and was not called in the last days."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from deploy import idle, prices
from deploy.context import Context
from deploy.errors import DeployError
from deploy.measures import KEPT
from deploy.sections import Account, Prices, Project

SECTIONS = (Project, Account, Prices)
HELP = "endpoints and notebook instances that nobody called, and what they cost"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--days", type=float, default=7.0, metavar="N", help="not called for so long (default: 7)")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(context: Context, options: argparse.Namespace) -> int:
    if not 0 <= options.days <= KEPT:
        raise DeployError(f"--days {options.days:g}: CloudWatch keeps {KEPT}")
    listed = prices.PriceList(context)
    unseen: list[str] = []
    found = list(idle.idle(context, options.days, listed, unseen))
    if options.json:
        sys.stdout.write(json.dumps([_record(each) for each in found], indent=2) + "\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for line in _lines(found, _project(context))))
    if not found:
        context.say(f"nothing was idle for {options.days:g} days in {context.aws.account}, {context.aws.region}")
    if unseen:
        context.say(f"these may not be described, and may be idle too: {', '.join(unseen)}")
    if listed.trouble and any(each.usd_an_hour is None for each in found):
        context.say(f"the price list could not be read; [prices] may say them: {listed.trouble}")
    return 0


def _project(context: Context) -> str:
    """Nobody needs one to look."""
    try:
        return context.project
    except DeployError:
        return ""


def _record(one: idle.Idle) -> dict[str, object]:
    return asdict(one) | {"since": one.since.isoformat()}


def _lines(found: Sequence[idle.Idle], project: str) -> list[str]:
    lines = []
    for each in found:
        whose = "ours" if each.project == project else each.project or "not tiffin's"
        size = ", ".join(f"{size.instances} of {size.instance_type}" for size in each.sizes) or "serverless"
        cost = prices.said(each.usd_an_hour)
        lines.append(f"{each.kind} {each.name} ({whose}), since {each.since:%Y-%m-%d}: {size}, {cost} an hour")
    known = [each.usd_an_hour for each in found if each.usd_an_hour is not None]
    if found:
        unknown = len(found) - len(known)
        lines.append(f"in all {prices.said(sum(known))} an hour" + (f", and {unknown} unknown" if unknown else ""))
    return lines
