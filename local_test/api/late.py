"""Services of moto that few ask for and that are slow to import: imported, and held, when they are first asked for.

CloudFormation alone imports thirty services, and EC2 a second's worth of regions.
"""

import importlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from local_test.api.absent import NotHereYet

if TYPE_CHECKING:
    from local_test.api.inner import Client

Points = dict[str, Callable[[], bool]]  # what is leaned on, each with a check of it


class HookMoved(NotHereYet):
    """moto is not what this was written for; its text is for the user."""


def hold(points: Points) -> None:
    """Raises HookMoved."""
    import moto

    for what, holds in points.items():
        if not holds():
            raise HookMoved(
                f"moto {moto.__version__} has moved {what}; local_test.api was written for 5.2: "
                "pip install 'moto[server]>=5.2.5,<5.3'"
            )


def points(service: str) -> Points:
    if service == "cloudformation":
        from local_test.api import stacks

        return {"CloudFormation's ResourceMap": stacks.can_install}
    if service == "applicationautoscaling":
        from local_test.api import targets

        return {"the targets of application-autoscaling": targets.can_install}
    if service == "rds":
        return {"the paths of rds": lambda: "{0}/$" in importlib.import_module("moto.rds.urls").url_paths}
    return {}


def install(service: str, client: "Client") -> None:
    """Before moto serves it; `client` is for what CloudFormation makes. Raises HookMoved."""
    hold(points(service))
    if service == "cloudformation":
        from local_test.api import stacks

        stacks.install(client)
    if service == "applicationautoscaling":
        from local_test.api import targets

        targets.install()
    if service == "rds":
        from local_test.api import rds

        importlib.import_module("moto.rds.urls").url_paths["{0}/$"] = rds.LocalRdsResponse.dispatch


def backends(service: str) -> Any:
    """moto's, or None as long as nobody has asked for the service: nothing can be in them."""
    return getattr(sys.modules.get(f"moto.{service}.models"), f"{service}_backends", None)
