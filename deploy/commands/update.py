"""`deploy update`: blue/green, with a way back: the newest artifact and image, or those that are given.

Traffic moves as [endpoint] says; an alarm that rings meanwhile takes it back.
"""

import argparse

from deploy import update
from deploy.context import Context
from deploy.sections import Account, Endpoint, Image, Project

SECTIONS = (Project, Account, Image, Endpoint)
HELP = "give an endpoint another model, image or size, with a way back by alarms"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--wait", action=argparse.BooleanOptionalAction, default=True, help="until it is done (default: yes)"
    )
    parser.add_argument("--keep", action="store_true", help="keep the models and the configuration that nothing uses")
    parser.add_argument("--force", action="store_true", help="even where no setting differs")


def run(context: Context, options: argparse.Namespace) -> int:
    return 0 if update.update(context, wait=options.wait, keep=options.keep, force=options.force) else 1
