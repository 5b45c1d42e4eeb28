"""`deploy train`: a training job at AWS, its lines and metrics as they come, its artifact's S3 address on stdout."""

import argparse
import json
import sys

from deploy import jobs, training
from deploy.context import Context
from deploy.errors import DeployError
from deploy.kinds.sagemaker import TRAINING_JOB
from deploy.sections import Account, Image, Project, Training

SECTIONS = (Project, Account, Image, Training)
HELP = "train at AWS: upload the channels, follow the job, and print its artifact's S3 address"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--name", help="of the job, the project's before it; without it the project's with -train- and the time"
    )
    parser.add_argument("--wait", action=argparse.BooleanOptionalAction, default=True, help="follow it to its end")
    parser.add_argument("--json", action="store_true", help="artifact, seconds and final metrics as JSON on stdout")


def run(context: Context, options: argparse.Namespace) -> int:
    name = context.named(options.name, context.fresh("train"))
    request = training.request(context, name)
    context.maker.make(TRAINING_JOB.name, name, **request)
    if context.aws.dry_run:
        return 0
    context.say(f"training job {name} has begun")
    if not options.wait:
        sys.stdout.write(f"{json.dumps({'job': name}) if options.json else name}\n")
        return 0
    hears = training.Ear(context, context.read(Training).metrics)
    watched = jobs.Watched(context, TRAINING_JOB, name, hears)
    try:
        found = watched.until_end()
    except KeyboardInterrupt:
        return jobs.left_alone(context, TRAINING_JOB, name)
    result = training.result(name, found, hears.last)
    for metric, value in result["metrics"].items():
        context.say(f"{metric:<24} {value:g}")
    if "billable_seconds" in result:
        context.say(f"{result['billable_seconds']} s are billed, of {result['seconds']} s of training")
    if options.json:
        sys.stdout.write(f"{json.dumps(result)}\n")
    if found["TrainingJobStatus"] != "Completed":
        raise DeployError(jobs.failure(TRAINING_JOB, name, found, watched.last))
    if not options.json:
        sys.stdout.write(f"{result['artifact']}\n")
    return 0
