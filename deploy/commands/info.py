"""`deploy info`: what an endpoint is, what it serves, how it stands."""

import argparse
import json
import sys

from deploy import hosting, overview, plans
from deploy.context import Context
from deploy.sections import Account, Project

SECTIONS = (Project, Account)
HELP = "an endpoint's status, variants, image, artifact, scaling, capture, alarms, last call and expiry"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--endpoint", metavar="NAME", help="its name; without it the settings', or the project's")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(context: Context, options: argparse.Namespace) -> int:
    there = hosting.needed(context, plans.endpoint_of(context).endpoint)
    document = overview.overview(context, there)
    text = json.dumps(document, indent=2) if options.json else "\n".join(overview.lines(document))
    sys.stdout.write(f"{text}\n")
    return 0
