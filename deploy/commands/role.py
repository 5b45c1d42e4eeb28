"""`deploy role`: roles and policies with what is needed and no more: no AmazonSageMakerFullAccess, no lasting keys."""

import argparse
import json
import sys

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


def run(context: Context, options: argparse.Namespace) -> int:
    scope, which = roles.scope(context), options.which
    policy = _policy(which, scope)
    if options.print or which not in SERVICES:
        json.dump(policy, sys.stdout, indent=2)
        sys.stdout.write("\n")
        return 0
    name = name_of(context.aws, context.project, which)
    service = SERVICES[which]
    trust = policies.trust(service, "" if which == "ec2" else scope.account)
    arn = roles.ensure(context, name, roles.Allowed(f"{service} for the project {context.project}", trust, policy))
    sys.stdout.write(f"{arn}\n")
    return 0


def _policy(which: str, scope: Scope) -> Policy:
    if which == "execution":
        return policies.execution(scope)
    if which == "deployer":
        return deployer(scope)
    return policies.database(scope) if which in ("aurora", "redshift") else policies.caller(scope)
