"""`deploy notebook up|down`: a notebook instance with Python's and R's kernels, and a role for just this project."""

import argparse
import sys
import time
from dataclasses import replace

from deploy import policies, roles
from deploy.context import Context
from deploy.deployer import deployer
from deploy.destroy import destroy
from deploy.errors import DeployError
from deploy.kinds.kind import PROJECT
from deploy.kinds.roles import Role, name_of
from deploy.kinds.sagemaker import NOTEBOOK
from deploy.ledger import Resource
from deploy.sections import Account, Endpoint, Image, Notebook, Project

SECTIONS = (Project, Account, Image, Endpoint, Notebook)
HELP = "start a notebook instance with an R kernel, or take it away"
PLATFORM = "notebook-al2-v3"  # Amazon Linux 2 with JupyterLab 4: its conda has Python's and R's kernels
PATIENCE = 900.0
POLL = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("which", choices=("up", "down"))
    parser.add_argument("--wait", action=argparse.BooleanOptionalAction, default=True, help="until it runs")


def run(context: Context, options: argparse.Namespace) -> int:
    settings = context.read(Notebook)
    name = context.named(settings.notebook, f"{context.project}-notebook")
    if options.which == "down":
        return _down(context, name)
    role = _role(context)
    repository = {"DefaultCodeRepository": settings.repository_url} if settings.repository_url else {}
    context.maker.make(
        "notebook instance",
        name,
        InstanceType=settings.notebook_instance_type,
        RoleArn=role,
        VolumeSizeInGB=settings.notebook_volume_gb,
        PlatformIdentifier=PLATFORM,
        RootAccess="Disabled",
        **repository,
    )
    if context.aws.dry_run:
        return 0
    if options.wait:
        _wait(context, name)
    context.say(f"{name} bills by the hour until `deploy notebook down`")
    found = context.aws.client("sagemaker").describe_notebook_instance(NotebookInstanceName=name)
    sys.stdout.write(f"https://{found.get('Url', '')}/lab\n")
    return 0


def _down(context: Context, name: str) -> int:
    resource = Resource("notebook instance", name, context.project)
    tags = NOTEBOOK.tags(context.aws, resource)
    if tags is None:
        raise DeployError(f"there is no notebook instance {name} in {context.aws.region}")
    if tags.get(PROJECT) != context.project:
        raise DeployError(f"the notebook instance {name} has no tag {PROJECT}={context.project}: it is left alone")
    taken = [resource, *NOTEBOOK.implied(context.aws, name, context.project)]
    role = Resource("role", _role_name(context), context.project)
    if (Role().tags(context.aws, role) or {}).get(PROJECT) == context.project:
        taken.append(role)
    left = destroy(context.aws, context.maker.ledger, taken, context.say)
    if left:
        raise DeployError("this is left:\n  " + "\n  ".join(map(str, left)))
    return 0


def _role(context: Context) -> str:
    """Its ARN: a role of its own, which may hand on the execution role and no other."""
    scope = replace(roles.scope(context), execution_role=roles.execution(context))
    meaning = f"what the notebook of the project {context.project} may do"
    trust = policies.trust("sagemaker.amazonaws.com", scope.account)
    allowed = roles.Allowed(meaning, trust, deployer(scope, makes_roles=False))
    return roles.ensure(context, _role_name(context), allowed)


def _role_name(context: Context) -> str:
    return name_of(context.aws, context.project, "notebook")


def _wait(context: Context, name: str) -> None:
    started, status = time.monotonic(), ""
    while status != "InService":
        found = context.aws.client("sagemaker").describe_notebook_instance(NotebookInstanceName=name)
        if found["NotebookInstanceStatus"] != status:
            status = found["NotebookInstanceStatus"]
            context.say(f"{time.monotonic() - started:4.0f} s  {name} is {status}")
        if status == "Failed":
            raise DeployError(f"{name} did not start: {found.get('FailureReason', 'AWS does not say why')}")
        if time.monotonic() - started > PATIENCE:
            raise DeployError(f"{name} is {status} after {PATIENCE:.0f} s; `deploy destroy` takes it away")
        if status != "InService":
            time.sleep(POLL)
