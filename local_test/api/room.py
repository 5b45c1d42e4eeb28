"""A full disk, said before anything is half done: what could not be kept is not begun."""

import shutil

from local_test.api.control import READS, action, operation, refuse
from local_test.api.front import Answer, Request
from local_test.api.platform import Platform

MARGIN = 1 << 20  # bytes beside the body: for the journal, and for what jobs under way write


def refusal(platform: Platform, request: Request) -> Answer | None:
    """507: no client tries that again, to be told that a name is taken. What makes room is never refused."""
    name = action(request)
    if request.method in ("GET", "HEAD", "DELETE") or name.startswith(("Delete", "Stop")) or READS.match(name):
        return None
    free = shutil.disk_usage(platform.state).free
    if free >= MARGIN + len(request.body):
        return None
    sentence = (
        f"{operation(request)} would not be kept: the disk of {platform.state} has {free} bytes left; make room there, "
        "or give `up` another --state"
    )
    return refuse(request, 507, "InsufficientStorage", sentence)
