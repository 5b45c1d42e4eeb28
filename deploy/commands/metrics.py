"""`deploy metrics`: calls, latencies and errors of each variant, as CloudWatch counts them."""

import argparse
import json
import sys
from pathlib import Path

from deploy import hosting, measures, picture, plans
from deploy.context import Context
from deploy.errors import DeployError
from deploy.sections import Account, Project

SECTIONS = (Project, Account)
HELP = "calls, latencies and errors of each variant in the last hours"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--endpoint", metavar="NAME", help="its name; without it the settings', or the project's")
    parser.add_argument("--hours", type=float, default=24.0, metavar="N", help="how far back (default: 24)")
    parser.add_argument("--json", action="store_true", help="as JSON, with average and maximum")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw it over the time, too")


def run(context: Context, options: argparse.Namespace) -> int:
    if not 0 < options.hours <= 24 * measures.KEPT:
        raise DeployError(f"--hours {options.hours:g}: CloudWatch keeps {measures.KEPT} days")
    if options.plot and options.plot.suffix.lower() != ".svg":
        raise DeployError(f"--plot {options.plot}: what is drawn is SVG, so FILE.svg")
    there = hosting.needed(context, plans.endpoint_of(context).endpoint)
    variants = [each["VariantName"] for each in there.endpoint.get("ProductionVariants", [])]
    rows = measures.measured(context, there.name, variants, options.hours)
    found = measures.document(there.name, options.hours, rows)
    text = json.dumps(found, indent=2) if options.json else "\n".join(measures.table(rows))
    sys.stdout.write(f"{text}\n")
    if options.plot:
        drawn = measures.series(context, there.name, variants, options.hours)
        title = f"{there.name}, the last {options.hours:g} h"
        options.plot.write_text(picture.svg(title, drawn, measures.window(options.hours)), encoding="utf-8")
        context.say(f"drawn: {options.plot}")
    return 0
