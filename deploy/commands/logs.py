"""`deploy logs`: what a job or an endpoint has written, on stdout; `--follow` goes on until it ends."""

import argparse
import os
import sys
import time

from deploy import jobs, logs, making
from deploy.context import Context
from deploy.errors import DeployError
from deploy.kinds.sagemaker import ENDPOINT, SageMaker
from deploy.sections import Account, Project

SECTIONS = (Project, Account)
HELP = "what a job or an endpoint has written: the project's last job where none is named"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="of a job or an endpoint")
    parser.add_argument("--follow", action="store_true", help="go on until the job ends, or Ctrl-C")
    parser.add_argument(
        "--since",
        metavar="SPAN",
        default="",
        help="only what is younger: 30s, 10m, 2h, 3d; of an endpoint without it 1h",
    )


def run(context: Context, options: argparse.Namespace) -> int:
    _since(options.since)  # before anything is asked of AWS
    if options.name:
        kind, _ = jobs.named(context, options.name)
        name = options.name
    else:
        kind, name = jobs.newest(context)
        context.say(f"{kind.name} {name}")
    since = _since(options.since or ("1h" if kind is ENDPOINT else ""))  # it may have written for years
    tail = logs.follow(context.aws, kind.log_group.format(name=name), since)
    try:
        return _show(context, kind, name, tail, options.follow)
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        context.say(f"\n{kind.name} {name} is left as it is")
        return 130


def _show(context: Context, kind: SageMaker, name: str, tail: logs.Tail, is_followed: bool) -> int:
    def look() -> jobs.Description:
        found = kind.describe(context.aws, name)  # first: what is written until it has ended is read after
        for line in tail.new():
            sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
        return found

    if not is_followed:
        look()
        return 0
    found = jobs.ended(context, kind, look)
    time.sleep(jobs.LAG)
    jobs.ended(context, kind, look)
    context.say(f"{kind.name} {name}: {jobs.status(kind, found)}")
    return 0


def _since(span: str) -> int:
    """As Line.at."""
    if not span:
        return 0
    length = making.span(span)
    if length is None:
        raise DeployError(f"--since {span!r} is no span of time: write 30s, 10m, 2h or 3d")
    return int((time.time() - length.total_seconds()) * 1000)
