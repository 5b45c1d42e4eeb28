"""Whether what an artifact was made with is what is here: the same minor version, or said so."""

import logging
from importlib import metadata

from tiffin.errors import NoModel

log = logging.getLogger(__name__)


def installed(package: str) -> str | None:
    """By its own name, or by what is imported: `xgboost` is what the package xgboost-cpu holds too."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        owners = metadata.packages_distributions().get(package)
        return metadata.version(owners[0]) if owners else None


def check(package: str, trained: str, allow_mismatch: bool) -> None:
    """A patch apart is a warning; a minor version apart raises NoModel, unless the setting allows it."""
    here = installed(package)
    if here is None:
        raise NoModel(f"the artifact needs {package} {trained}, and this server has no {package}")
    if trained == here:
        return
    if trained.split(".")[:2] == here.split(".")[:2]:
        log.warning("trained with %s %s, served with %s: a patch apart", package, trained, here)
        return
    reason = f"the artifact was trained with {package} {trained}, this server has {here}"
    if not allow_mismatch:
        raise NoModel(
            f"{reason}: answers may differ. Train again with {here}, install {trained}, "
            "or set TIFFIN_ALLOW_VERSION_MISMATCH=true to serve it all the same"
        )
    log.warning("%s; served all the same, as TIFFIN_ALLOW_VERSION_MISMATCH asks", reason)
