"""Names of roles, which the whole account shares."""

from itertools import chain
from types import SimpleNamespace
from typing import Any

import botocore.session
import pytest

from deploy.commands.role import SERVICES
from deploy.kinds.roles import name_of

MOST = 64  # characters, of IAM
LONG = "a-project-with-a-name-of-32-char"


def regions() -> list[str]:
    session = botocore.session.get_session()
    return sorted(
        chain.from_iterable(session.get_available_regions("sts", each) for each in session.get_available_partitions())
    )


def aws(region: str) -> Any:
    return SimpleNamespace(region=region)


@pytest.mark.parametrize("which", [*SERVICES, "notebook"])
def test_the_longest_projects_role_has_a_name_in_every_region(which: str) -> None:
    assert {"eu-west-1", "us-gov-west-1", "cn-northwest-1"} <= set(regions())
    names = {name_of(aws(each), LONG, which) for each in regions()}
    assert len(names) == len(regions())
    assert max(map(len, names)) <= MOST
