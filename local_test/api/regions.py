"""A region that AWS does not have: refused as AWS refuses a signature for it, before moto looks for its back end."""

from functools import cache

import botocore.session

from local_test.api.control import refuse
from local_test.api.front import Answer, Request
from local_test.api.platform import Platform


def unknown(_: Platform, request: Request) -> Answer | None:
    """For server.ROUTES."""
    region = request.scope.region
    if region in known():
        return None
    sentence = f"Credential should be scoped to a valid region, not '{region}'."
    return refuse(request, 400, "InvalidSignatureException", sentence)


@cache
def known() -> frozenset[str]:
    session = botocore.session.get_session()
    return frozenset(
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("sts", partition)
    )
