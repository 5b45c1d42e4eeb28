"""The files of an image's layers, one after the other, out of one stream: nothing is unpacked anywhere."""

import tarfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

SMALLEST = 512  # bytes of a tar's block: what is smaller is none


@dataclass(frozen=True)
class File:
    path: str  # without the leading slash
    size: int
    _stream: IO[bytes]

    def read(self, most: int) -> bytes:
        """To be called before the next file is asked for."""
        return self._stream.read(most)


class Stream:
    """Chunks as a file that is read once."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""

    def read(self, size: int) -> bytes:
        parts, have = [self._rest], len(self._rest)
        while have < size and (chunk := next(self._chunks, b"")):
            parts.append(chunk)
            have += len(chunk)
        data = b"".join(parts)
        self._rest = data[size:]
        return data[:size]


def of_a_container(chunks: Iterable[bytes]) -> Iterator[File]:
    """As `docker export` gives them: what the last layer shows."""
    return _files(Stream(chunks))  # type: ignore[arg-type]  # all that tarfile asks of a stream is to read


def of_all_layers(chunks: Iterable[bytes]) -> Iterator[File]:
    """As `docker save` gives them, with what a later layer removed."""
    with tarfile.open(fileobj=Stream(chunks), mode="r|") as saved:  # type: ignore[call-overload]
        for blob in saved:
            inner = saved.extractfile(blob) if blob.isfile() and blob.size > SMALLEST else None
            if inner is not None:
                with suppress(tarfile.ReadError):  # JSON: the image's own description
                    yield from _files(inner)


def _files(stream: IO[bytes]) -> Iterator[File]:
    with tarfile.open(fileobj=stream, mode="r|*") as layer:
        for member in layer:
            found = layer.extractfile(member) if member.isfile() else None
            if found is not None:
                yield File(member.name.removeprefix("./").removeprefix("/"), member.size, found)
