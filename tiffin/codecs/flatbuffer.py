"""Reading a flatbuffer, as an Arrow stream's messages are: as much of it as telling their true size takes."""

from collections.abc import Iterator


class FlatTable:
    """One table; reading past the end raises ValueError."""

    def __init__(self, data: bytes, start: int) -> None:
        self._data, self._start = data, start
        self._vtable = start - self._int(start, 4, signed=True)

    @classmethod
    def root(cls, data: bytes) -> "FlatTable":
        if len(data) < 4:  # noqa: PLR2004
            raise ValueError("no flatbuffer")
        return cls(data, int.from_bytes(data[:4], "little"))

    def at(self, slot: int) -> int | None:
        """Where the field lies, or None where it is not set."""
        where = 4 + 2 * slot
        if where >= self._int(self._vtable, 2):
            return None
        offset = self._int(self._vtable + where, 2)
        return self._start + offset if offset else None

    def byte(self, slot: int) -> int:
        place = self.at(slot)
        return 0 if place is None else self._int(place, 1)

    def table(self, slot: int) -> "FlatTable | None":
        place = self.at(slot)
        return None if place is None else FlatTable(self._data, place + self._int(place, 4))

    def buffers(self, slot: int) -> Iterator[tuple[int, int]]:
        place = self.at(slot)
        if place is None:
            return
        vector = place + self._int(place, 4)
        for index in range(self._int(vector, 4)):
            where = vector + 4 + 16 * index
            yield self._int(where, 8), self._int(where + 8, 8)

    def _int(self, place: int, size: int, signed: bool = False) -> int:
        if not 0 <= place <= len(self._data) - size:
            raise ValueError("the flatbuffer ends before")
        return int.from_bytes(self._data[place : place + size], "little", signed=signed)
