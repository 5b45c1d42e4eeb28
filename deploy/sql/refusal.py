"""What is no function that an engine would take."""

from deploy.errors import DeployError


class NotSql(DeployError):
    """Its text is for the user: what, where, what would be right."""
