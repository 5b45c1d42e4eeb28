class NotHereYet(NotImplementedError):
    """AWS does this and we do not: 501, with this text."""
