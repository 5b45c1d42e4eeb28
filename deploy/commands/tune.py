"""`deploy tune`: training jobs at AWS over ranges of hyperparameters, and which was the best."""

import argparse
import json
import sys

from deploy import artifacts, jobs, tuning
from deploy.aws import pages
from deploy.context import Context
from deploy.errors import DeployError
from deploy.kinds.sagemaker import TRAINING_JOB, TUNING_JOB
from deploy.sections import Account, Image, Project, Training, Tuning

SECTIONS = (Project, Account, Image, Training, Tuning)
HELP = "try hyperparameters at AWS, and print the artifact of the best"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--name",
        help="of the job, the project's before it, 32 characters at most; without it the project's and the time",
    )
    parser.add_argument("--wait", action=argparse.BooleanOptionalAction, default=True, help="follow it to its end")
    parser.add_argument("--json", action="store_true", help="the best and all trials as JSON on stdout")


def run(context: Context, options: argparse.Namespace) -> int:
    name = context.named(options.name, tuning.fresh(context))
    request = tuning.request(context, name)
    context.maker.make(TUNING_JOB.name, name, **request)
    if context.aws.dry_run:
        return 0
    context.say(f"tuning job {name} has begun")
    if not options.wait:
        sys.stdout.write(f"{json.dumps({'job': name}) if options.json else name}\n")
        return 0
    seen: dict[str, tuning.Trial] = {}

    def look() -> jobs.Description:
        found = TUNING_JOB.describe(context.aws, name)
        for trial in _trials(context, name):
            if seen.get(trial.job) != trial:
                seen[trial.job] = trial
                context.say(str(trial))
        return found

    try:
        found = jobs.ended(context, TUNING_JOB, look)
    except KeyboardInterrupt:
        return jobs.left_alone(context, TUNING_JOB, name)
    return _tell(context, options, found, tuning.ranked(seen.values(), context.read(Tuning).goal))


def _tell(context: Context, options: argparse.Namespace, found: jobs.Description, trials: list[tuning.Trial]) -> int:
    name, state = found["HyperParameterTuningJobName"], found["HyperParameterTuningJobStatus"]
    best = (found.get("BestTrainingJob") or {}).get("TrainingJobName")
    artifact = artifacts.of(TRAINING_JOB.describe(context.aws, best)) if best else ""
    context.say(f"\n{len(trials)} trials, by {context.read(Tuning).objective}:")
    for trial in trials:
        context.say(str(trial))
    if options.json:
        rows = [
            {"job": each.job, "status": each.status, "value": each.value, "hyperparameters": dict(each.hyperparameters)}
            for each in trials
        ]
        chosen = next((row for row in rows if row["job"] == best), None)
        result = {"job": name, "status": state, "best": chosen, "artifact": artifact or None, "trials": rows}
        sys.stdout.write(f"{json.dumps(result)}\n")
    if state != "Completed" or not best:
        raise DeployError(jobs.failure(TUNING_JOB, name, found, {}))
    context.say(f"the best is {best}")
    if not options.json:
        sys.stdout.write(f"{artifact}\n")
    return 0


def _trials(context: Context, name: str) -> list[tuning.Trial]:
    """In the order in which they were begun."""
    listed = "list_training_jobs_for_hyper_parameter_tuning_job"
    asked = {"HyperParameterTuningJobName": name, "SortBy": "CreationTime", "SortOrder": "Ascending"}
    found = pages(context.aws.client("sagemaker"), listed, "TrainingJobSummaries", **asked)
    return [tuning.Trial.of(each) for each in found]
