"""`deploy role`: roles and policies with what is needed and no more: no AmazonSageMakerFullAccess, no lasting keys."""

import argparse
import json
import sys
from pathlib import Path

from deploy import policies, roles
from deploy.context import Context
from deploy.deployer import deployer
from deploy.kinds.roles import name_of
from deploy.policies import Policy, Scope
from deploy.sections import Account, Endpoint, Image, Project

SECTIONS = (Project, Account, Image, Endpoint)
HELP = "make the execution role, or one for a caller or a database; print any policy"
SERVICES = {
    "execution": "sagemaker.amazonaws.com",
    "aurora": "rds.amazonaws.com",
    "redshift": "redshift.amazonaws.com",
    "lambda": "lambda.amazonaws.com",
    "ecs": "ecs-tasks.amazonaws.com",
    "ec2": "ec2.amazonaws.com",
}
WHICH = (*SERVICES, "caller", "deployer")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "which",
        nargs="?",
        default="execution",
        choices=WHICH,
        help="execution: what SageMaker takes on; aurora, redshift: a database that calls the endpoint; lambda, ecs,"
        " ec2: an application that does; caller, deployer: only printed (default: %(default)s)",
    )
    parser.add_argument("--print", action="store_true", help="print the policy as JSON, and make nothing")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="write the policy there, in as many files as IAM needs managed policies, and make nothing",
    )


def run(context: Context, options: argparse.Namespace) -> int:
    scope, which = roles.scope(context), options.which
    policy = _policy(which, scope)
    if options.output:
        return _written(options.output, which, policy)
    if options.print or which not in SERVICES:
        json.dump(policy, sys.stdout, indent=2)
        sys.stdout.write("\n")
        if (many := policies.size(policy)) > policies.MANAGED:
            context.say(
                f"it has {many} characters, and a managed policy {policies.MANAGED} at most: --output FOLDER writes "
                f"{len(policies.parts(policy))} of them; a role's inline policies may have {policies.INLINE}"
            )
        return 0
    name = name_of(context.aws, context.project, which)
    service = SERVICES[which]
    trust = policies.trust(service, "" if which == "ec2" else scope.account)
    arn = roles.ensure(context, name, roles.Allowed(f"{service} for the project {context.project}", trust, policy))
    sys.stdout.write(f"{arn}\n")
    return 0


def _written(folder: Path, which: str, policy: Policy) -> int:
    """The files' names on stdout; all of them are attached."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, part in enumerate(policies.parts(policy), 1):
        file = folder / f"{which}-{number}.json"
        file.write_text(json.dumps(part, indent=2) + "\n", encoding="utf-8")
        sys.stdout.write(f"{file}\n")
    return 0


def _policy(which: str, scope: Scope) -> Policy:
    if which == "execution":
        return policies.execution(scope)
    if which == "deployer":
        return deployer(scope)
    return policies.database(scope) if which in ("aurora", "redshift") else policies.caller(scope)
