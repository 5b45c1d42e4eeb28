"""The project's roles: that which SageMaker takes on for jobs, models and notebooks, and those of who calls."""

import json
from dataclasses import dataclass

from deploy import buckets, images
from deploy.context import Context
from deploy.errors import DeployError, NameTaken
from deploy.kinds.kind import PROJECT, or_none
from deploy.kinds.roles import Role, name_of, path
from deploy.ledger import Resource
from deploy.policies import Policy, Scope
from deploy.sections import Account, Endpoint


@dataclass(frozen=True)
class Allowed:
    """What a role is for, who may take it on, and what it may do then."""

    meaning: str
    trust: Policy
    policy: Policy


def execution(context: Context) -> str:
    """The ARN of the role in the settings, else of the one that `deploy role` made."""
    chosen = context.read(Account).role
    if chosen.startswith("arn:"):
        return chosen
    name = chosen or name_of(context.aws, context.project, "execution")
    found = or_none(context.aws.client("iam").get_role, RoleName=name)
    if found is None:
        raise DeployError(f"there is no role {name}: `deploy role` makes one, or --role names one by name or ARN")
    return str(found["Role"]["Arn"])


def ensure(context: Context, name: str, allowed: Allowed) -> str:
    """Its ARN; made, or its policy written anew. Raises NameTaken where it is somebody else's."""
    aws = context.aws
    found = Role().tags(aws, Resource("role", name, context.project))
    if found is not None and found.get(PROJECT) != context.project:
        raise NameTaken(
            f"the role {name} of account {aws.account} is somebody else's (no tag {PROJECT}={context.project}): "
            f"give the project another name"
        )
    if found is not None:
        Role.allow(aws, name, allowed.policy)
        said = f"the role {name} is there; its policy was written anew"
    else:
        context.maker.make(
            "role",
            name,
            AssumeRolePolicyDocument=json.dumps(allowed.trust),
            Description=allowed.meaning,
            Policy=allowed.policy,
        )
        said = f"made the role {name}; AWS takes some seconds until it can be used everywhere"
    if not aws.dry_run:
        context.say(said)
    return f"arn:{aws.partition}:iam::{aws.account}:role{path(aws, context.project)}{name}"


def scope(context: Context) -> Scope:
    aws, account = context.aws, context.read(Account)
    return Scope(
        project=context.project,
        account=aws.account,
        region=aws.region,
        bucket=buckets.name(context),
        repository=images.repository(context),
        endpoint=context.read(Endpoint).endpoint or context.project,
        execution_role=execution(context) if account.role else "",
        partition=aws.partition,
        kms_key=account.kms_key,
        in_vpc=bool(account.subnets),
        reads=account.reads,
        permissions_boundary=account.permissions_boundary,
    )
