"""Whether every server process has the model: what /ping tells (H-06).

A board of one byte a process, in anonymous shared memory made before the fork: no /dev/shm, no lock (S-06). The
master gives each process its place and clears it when the process has ended; the process sets it once it can
predict. Any process can read the whole board, so any of them answers /ping for all.
"""

import mmap


class Board:
    def __init__(self, places: int) -> None:
        self.places = places
        self._bytes = mmap.mmap(-1, max(places, 1))
        self._taken: dict[int, int] = {}  # place -> worker age; known to the master only

    def take(self, age: int) -> int | None:
        """A free place for the worker of this age; None when more workers run than were asked for."""
        place = next((place for place in range(self.places) if place not in self._taken), None)
        if place is not None:
            self._taken[place] = age
            self._bytes[place] = 0
        return place

    def release(self, age: int) -> None:
        for place in [place for place, owner in self._taken.items() if owner == age]:
            self._bytes[place] = 0
            del self._taken[place]

    def mark_ready(self, place: int) -> None:
        self._bytes[place] = 1

    def all_ready(self) -> bool:
        return sum(self._bytes[: self.places]) == self.places
