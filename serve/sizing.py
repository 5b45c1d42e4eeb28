"""How many server processes: by the container's share of the machine, not by the host's cores."""

import math
import resource
import sys

from tiffin.cgroup import Resources
from tiffin.settings import Settings

_LEAVE = 0.2  # of the memory, to requests and answers


def choose(settings: Settings, usable_cores: int, resources: Resources, loaded: int) -> tuple[int, str]:
    """The number and why. `loaded` is what one process holds once the model is loaded, in bytes.

    The model's pages are shared by fork, so that bounding by `loaded` for each process errs on the safe side.
    """
    if settings.workers:
        return settings.workers, "as the environment asks"
    count, why = usable_cores, f"{usable_cores} usable cores"
    if resources.cores is not None and resources.cores < count:
        count, why = max(1, math.ceil(resources.cores)), f"a quota of {resources.cores:g} cores ({resources.source})"
    if resources.memory is not None:
        room = max(1, int(resources.memory * (1 - _LEAVE) // max(loaded, 1)))
        if room < count:
            limit, each = resources.memory / 2**20, loaded / 2**20
            count, why = room, f"{limit:.0f} MiB of memory ({resources.source}) for {each:.0f} MiB each"
    return count, why


def peak_memory() -> int:
    """The most that this process has held, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
