"""The role that SageMaker takes on for jobs, models and notebooks."""

from deploy.context import Context
from deploy.errors import DeployError
from deploy.kinds.kind import or_none
from deploy.sections import Account


def execution(context: Context) -> str:
    """The ARN of the role in the settings, else of the one that `deploy role` made."""
    chosen = context.read(Account).role
    if chosen.startswith("arn:"):
        return chosen
    name = chosen or execution_name(context.project)
    found = or_none(context.aws.client("iam").get_role, RoleName=name)
    if found is None:
        raise DeployError(f"there is no role {name}: `deploy role` makes one, or --role names one by name or ARN")
    return str(found["Role"]["Arn"])


def execution_name(project: str) -> str:
    return f"{project}-execution"
