"""`deploy transform`: files through the model at AWS, an answer for each, without an endpoint."""

import argparse
import sys
from pathlib import Path

from deploy import buckets, jobs, transforming, uploads
from deploy.context import Context
from deploy.errors import DeployError
from deploy.kinds.kind import or_none
from deploy.kinds.sagemaker import MODEL, TRANSFORM_JOB
from deploy.sections import Account, Image, Project, Transform

SECTIONS = (Project, Account, Image, Transform)
HELP = "batch transform at AWS: files in, an answer for each out, no endpoint"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--name", help="of the job, the project's before it; without it the project's with -transform- and the time"
    )
    one = parser.add_mutually_exclusive_group()
    one.add_argument("--model", metavar="NAME", help="a model that is there; without it one is made of --artifact")
    one.add_argument("--artifact", metavar="S3-URI", default="", help="without it that of the last training job")
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="the answers are fetched; without it they stay in S3"
    )
    parser.add_argument("--wait", action=argparse.BooleanOptionalAction, default=True, help="follow it to its end")


def run(context: Context, options: argparse.Namespace) -> int:
    transform = transforming.checked(context.read(Transform))
    folder: Path | None = options.output
    if folder and folder.exists() and not folder.is_dir():
        raise DeployError(f"{folder} is no folder")
    if options.model and or_none(MODEL.describe, aws=context.aws, name=options.model) is None:
        raise DeployError(f"there is no model {options.model} in {context.aws.region}; without --model one is made")
    name = context.named(options.name, context.fresh("transform"))
    source = transforming.source(context, transform)
    model = options.model or transforming.model(context, name, options.artifact)
    output = buckets.prefix(context, "jobs", name, "output")
    context.maker.make(TRANSFORM_JOB.name, name, **transforming.request(transform, model, source, output))
    if context.aws.dry_run:
        return 0
    context.say(f"transform job {name} has begun")
    if not options.wait:
        sys.stdout.write(f"{name}\n")
        return 0
    failures = transforming.Failures(source)
    watched = jobs.Watched(context, TRANSFORM_JOB, name, failures)
    try:
        found = watched.until_end()
    except KeyboardInterrupt:
        return jobs.left_alone(context, TRANSFORM_JOB, name)
    if folder:  # of a failed job, too: the files that did not fail are there (B-07)
        sys.stdout.writelines(f"{each}\n" for each in uploads.fetch(context, output, folder))
    else:
        sys.stdout.write(f"{output}\n")
    if found["TransformJobStatus"] != "Completed":
        raise DeployError(f"{jobs.failure(TRANSFORM_JOB, name, found, watched.last)}{failures}")
    return 0
