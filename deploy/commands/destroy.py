"""`deploy destroy`: take away what the project made, and prove by listing that nothing is left."""

import argparse
import sys
from datetime import UTC, datetime

from deploy import destroy
from deploy.context import Context
from deploy.errors import StillThere
from deploy.sections import Account, Project

SECTIONS = (Project, Account)
HELP = "delete all that the project made, and prove by listing that nothing is left"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--expired", action="store_true", help="only what has outlived its tag tiffin:expires")
    parser.add_argument("--yes", action="store_true", help="do not ask first")


def run(context: Context, options: argparse.Namespace) -> int:
    aws, ledger, project = context.aws, context.maker.ledger, context.read(Project).project
    now = datetime.now(UTC) if options.expired else None
    resources, _ = destroy.chosen(aws, ledger, project, expired_at=now)
    for each in resources:
        context.say(f"to go    {each.kind} {each.name}")
    if resources and not aws.dry_run and not options.yes and not _agreed(len(resources)):
        context.say("nothing was deleted")
        return 1
    left = destroy.destroy(aws, ledger, resources, context.say)
    which = f"of {project} that has expired" if options.expired else f"of {project}"
    if aws.dry_run:
        if not resources:
            context.say(f"nothing {which} is there")
        return 0
    again, unlisted = destroy.chosen(aws, ledger, project, expired_at=now)
    named = {each.resource.key for each in left}
    others = [f"{each.kind} {each.name}: it is there again" for each in again if each.key not in named]
    if problems := [
        *map(str, left),
        *others,
        *(f"could not be looked at: {each}" for each in unlisted),
    ]:
        raise StillThere("this is left, or may be:\n  " + "\n  ".join(problems))
    context.say(f"nothing {which} is left in {aws.account}, {aws.region}: every kind was listed again")
    return 0


def _agreed(many: int) -> bool:
    if not sys.stdin.isatty():
        sys.stderr.write("deploy: say --yes where nobody can be asked\n")
        return False
    return input(f"delete these {many}? [y/N] ").strip().lower() in ("y", "yes")
