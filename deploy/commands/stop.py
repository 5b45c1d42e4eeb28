"""`deploy stop`: ask AWS to stop a job of the project."""

import argparse

from deploy import jobs
from deploy.context import Context
from deploy.errors import DeployError
from deploy.kinds.sagemaker import ENDED
from deploy.sections import Account, Project

SECTIONS = (Project, Account)
HELP = "stop a job of the project; what it has in its folders is uploaded"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")


def run(context: Context, options: argparse.Namespace) -> int:
    kind, found = jobs.named(context, options.name, jobs.KINDS)
    if not jobs.is_ours(context, kind, found):
        raise DeployError(f"{kind.name} {options.name} has no tag tiffin:project={context.project}: it is left alone")
    state = jobs.status(kind, found)
    if state in ENDED:
        context.say(f"{kind.name} {options.name} has ended already: {state}")
        return 0
    jobs.stop(context, kind, options.name)
    return 0
