"""What ends a command with a sentence instead of a traceback."""


class DeployError(Exception):
    """Its text is for the user: what, where, what would be right."""


class NameTaken(DeployError):
    """A resource of that name is there, and it is not of this project."""


class StillThere(DeployError):
    """Something that was to be deleted is left; the text lists it."""
