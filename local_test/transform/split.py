"""A file's records, packed into the bodies of requests, with no more than one body in memory.

SplitType Line knows newlines and nothing else (B-05): a newline within quotes cuts its row in two, and a header line is
a record like any other, in the first mini-batch only. `local_test.transform.suspicion` looks for both.
"""

import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tiffin import limits

_BLOCK = 256 * 1024
_MAGIC = (0xCED7230A).to_bytes(4, "little")
_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)  # RecordIO: a record that holds the magic number lies in several frames
_LENGTH = (1 << 29) - 1
_LONGEST = 2048 * limits.MIB  # where no payload limit does: what a length that is none would ask for


class SplitError(Exception):
    """The file is not what SplitType or CompressionType say, or holds a record beyond the limit; names the record."""


@dataclass(frozen=True)
class Batch:
    """The body of one request. A callable begins it anew for every attempt (B-03: of unknown length)."""

    body: bytes | Callable[[], Iterator[bytes]]
    first: int = 1  # number of its first record
    records: int | None = None  # None: not counted

    def __str__(self) -> str:
        if self.records is None:
            return "the whole file"
        last = self.first + self.records - 1
        return f"record {self.first}" if self.records == 1 else f"records {self.first} to {last}"


@dataclass(frozen=True)
class Source:
    """A file, decompressed on the way where it is Gzip (B-12)."""

    path: Path
    compression: str = "None"

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Raises SplitError for what is no gzip."""
        try:
            with self.path.open("rb") as raw:
                if self.compression == "Gzip":
                    with gzip.GzipFile(fileobj=raw) as unpacked:
                        yield unpacked  # type: ignore[misc]  # it has all that is used of a BinaryIO
                else:
                    yield raw
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise SplitError(f"CompressionType is Gzip, and it is no whole gzip file: {error}") from None

    def blocks(self) -> Iterator[bytes]:
        with self.open() as stream:
            while block := stream.read(_BLOCK):
                yield block


def batches(source: Source, split: str, strategy: str, limit: int | None, *, streams: bool = False) -> Iterator[Batch]:
    """`limit` in bytes; None: whatever the size (MaxPayloadInMB 0). `streams`: then do not hold many records in memory.

    Raises SplitError.
    """
    single = strategy == "SingleRecord"
    if streams and limit is None and (split == "None" or not single):
        yield Batch(source.blocks)
        return
    with source.open() as stream:
        if split == "None":
            yield _whole(stream, limit)
        elif split == "Line":
            yield from (_lines if single else _blocks_of_lines)(stream, limit)
        else:
            frames = _recordio(stream, limit) if split == "RecordIO" else _tfrecord(stream, limit)
            yield from _bare(frames, limit) if single else _packed(frames, limit)


def _whole(stream: BinaryIO, limit: int | None) -> Batch:
    data = stream.read() if limit is None else stream.read(limit + 1)
    if limit is not None and len(data) > limit:
        raise SplitError(
            f"it is larger than MaxPayloadInMB, {_megabytes(limit)}, and SplitType None sends it whole (B-04)"
        )
    return Batch(data)


# Line. The newline stays with its record, as in SageMaker's own local mode.


def _lines(stream: BinaryIO, limit: int | None) -> Iterator[Batch]:
    number = 1
    while line := stream.readline(-1 if limit is None else limit + 1):
        if limit is not None and len(line) > limit:
            raise _too_large(number, limit)
        yield Batch(line, number, 1)
        number += 1


def _blocks_of_lines(stream: BinaryIO, limit: int | None) -> Iterator[Batch]:
    rest, first = b"", 1
    while True:
        # One byte more than fits tells whether the file ends here; no line is looked at, only the last newline.
        data = rest + (stream.read() if limit is None else stream.read(limit + 1 - len(rest)))
        if limit is None or len(data) <= limit:
            if data:
                yield Batch(data, first, count_lines(data))
            return
        cut = data.rfind(b"\n", 0, limit) + 1
        if not cut:
            raise _too_large(first, limit)
        body, rest = data[:cut], data[cut:]
        records = body.count(b"\n")
        yield Batch(body, first, records)
        first += records


def count_lines(data: bytes) -> int:
    return data.count(b"\n") + (not data.endswith(b"\n"))


# RecordIO and TFRecord: (the record, and its frame as it lies in the file)


def _recordio(stream: BinaryIO, limit: int | None) -> Iterator[tuple[bytes, bytes]]:
    number, record, framed = 1, b"", b""
    while head := stream.read(8):
        if len(head) < 8 or head[:4] != _MAGIC:  # noqa: PLR2004
            raise SplitError(f"record {number} is no RecordIO: its frame does not begin with ce d7 23 0a and a length")
        word = int.from_bytes(head[4:], "little")
        part, length = word >> 29, word & _LENGTH
        if part > _LAST or (part in (_MIDDLE, _LAST)) != bool(framed):
            raise SplitError(f"record {number} is no RecordIO: frame of kind {part} out of its order")
        padded = -(-length // 4) * 4
        if limit is not None and len(record) + length > limit:
            raise _too_large(number, limit)
        data = _exactly(stream, padded, number)
        record += (_MAGIC if framed else b"") + data[:length]  # the magic number in the data is where it was cut
        framed += head + data
        if part in (_WHOLE, _LAST):
            yield record, framed
            number, record, framed = number + 1, b"", b""
    if framed:
        raise SplitError(f"the file ends within record {number}")


def _tfrecord(stream: BinaryIO, limit: int | None) -> Iterator[tuple[bytes, bytes]]:
    """The length's checksum is compared; the data's is the container's to look at."""
    number = 1
    while head := stream.read(12):
        if len(head) < 12 or _masked_crc(head[:8]) != int.from_bytes(head[8:], "little"):  # noqa: PLR2004
            raise SplitError(f"record {number} is no TFRecord: the checksum of its length is wrong")
        length = int.from_bytes(head[:8], "little")
        if limit is not None and length > limit:
            raise _too_large(number, limit)
        data = _exactly(stream, length + 4, number)
        yield data[:length], head + data
        number += 1


def _bare(frames: Iterator[tuple[bytes, bytes]], limit: int | None) -> Iterator[Batch]:
    """SingleRecord: the padding is taken off (API)."""
    for number, (record, _) in enumerate(frames, 1):
        if limit is not None and len(record) > limit:
            raise _too_large(number, limit)
        yield Batch(record, number, 1)


def _packed(frames: Iterator[tuple[bytes, bytes]], limit: int | None) -> Iterator[Batch]:
    """MultiRecord: the padding stays (API)."""
    held: list[bytes] = []
    size, first = 0, 1
    for number, (_, framed) in enumerate(frames, 1):
        if limit is not None and len(framed) > limit:
            raise _too_large(number, limit)
        if limit is not None and held and size + len(framed) > limit:
            yield Batch(b"".join(held), first, len(held))
            held, size, first = [], 0, number
        held.append(framed)
        size += len(framed)
    if held:
        yield Batch(b"".join(held), first, len(held))


def _exactly(stream: BinaryIO, size: int, number: int) -> bytes:
    data = stream.read(size) if size <= _LONGEST else b""
    if len(data) < size:
        raise SplitError(f"the file ends within record {number}")
    return data


def _too_large(number: int, limit: int) -> SplitError:
    return SplitError(f"record {number} is larger than MaxPayloadInMB, {_megabytes(limit)}")


def _megabytes(size: int) -> str:
    return f"{size / limits.MIB:g} MB"


def _masked_crc(data: bytes) -> int:
    """CRC-32C, bit by bit: of eight bytes a record; rotated and shifted as TFRecord stores it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 & -(crc & 1))
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
