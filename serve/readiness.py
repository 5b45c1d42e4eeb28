"""Whether every server process has the model and is alive: what /ping tells (H-06).

A board of one time a process, in anonymous shared memory made before the fork: no /dev/shm, no lock (S-06). The
master gives each process its place and clears it when the process has ended; the process writes its signs of life there
once it can predict. Any process can read the whole board, so any of them answers /ping for all.
"""

import mmap
import time

from tiffin import limits

# A loop that gave no sign of life for this long is stuck in somebody's code. gunicorn replaces it after the timeout
# that the settings name; until then /ping tells the truth.
SILENCE = 10 * limits.SECONDS


class Board:
    def __init__(self, places: int) -> None:
        self.places = places
        self._seen = memoryview(mmap.mmap(-1, 8 * max(places, 1))).cast("d")  # 0: not ready
        self._taken: dict[int, int] = {}  # place -> worker age; known to the master only

    def take(self, age: int) -> int | None:
        """A free place for the worker of this age; None when more workers run than were asked for."""
        place = next((place for place in range(self.places) if place not in self._taken), None)
        if place is not None:
            self._taken[place] = age
            self._seen[place] = 0
        return place

    def release(self, age: int) -> None:
        for place in [place for place, owner in self._taken.items() if owner == age]:
            self._seen[place] = 0
            del self._taken[place]

    def sign(self, place: int | None) -> None:
        """This process can predict, and its loop turns."""
        if place is not None:
            self._seen[place] = time.monotonic()  # one clock for all processes

    def all_ready(self) -> bool:
        return min(self._seen[: self.places], default=1) > max(0, time.monotonic() - SILENCE)
