"""`deploy role`: roles and policies with what is needed and no more: no AmazonSageMakerFullAccess, no lasting keys."""

import argparse
import json
import sys

from deploy import buckets, images, policies, roles
from deploy.context import Context
from deploy.deployer import deployer
from deploy.kinds.kind import PROJECT
from deploy.kinds.roles import Role
from deploy.ledger import Resource
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
    scope, which = scope_of(context), options.which
    policy = _policy(which, scope)
    if options.print or which not in SERVICES:
        json.dump(policy, sys.stdout, indent=2)
        sys.stdout.write("\n")
        return 0
    name = roles.execution_name(context.project) if which == "execution" else f"{context.project}-{which}"
    _make(context, name, SERVICES[which], policy)
    sys.stdout.write(f"arn:{scope.partition}:iam::{scope.account}:role/tiffin/{context.project}/{name}\n")
    return 0


def scope_of(context: Context) -> Scope:
    aws, account = context.aws, context.read(Account)
    return Scope(
        project=context.project,
        account=aws.account,
        region=aws.region,
        bucket=buckets.name(context),
        repository=images.repository(context),
        endpoint=context.read(Endpoint).endpoint or context.project,
        execution_role=account.role,
        partition=aws.partition,
        kms_key=account.kms_key,
        in_vpc=bool(account.subnets),
        reads=account.reads,
        permissions_boundary=account.permissions_boundary,
    )


def _policy(which: str, scope: Scope) -> Policy:
    if which == "execution":
        return policies.execution(scope)
    if which == "deployer":
        return deployer(scope)
    return policies.database(scope) if which in ("aurora", "redshift") else policies.caller(scope)


def _make(context: Context, name: str, service: str, policy: Policy) -> None:
    aws = context.aws
    found = Role().tags(aws, Resource("role", name, context.project))
    if found and found.get(PROJECT) == context.project:
        Role.allow(aws, name, policy)
        context.say(f"the role {name} is there; its policy was written anew")
        return
    context.maker.make(
        "role",
        name,
        AssumeRolePolicyDocument=json.dumps(policies.trust(service, "" if service.startswith("ec2") else aws.account)),
        Description=f"{service} for the project {context.project}",
        Policy=policy,
    )
    context.say(f"made the role {name}; AWS takes some seconds until it can be used everywhere")
