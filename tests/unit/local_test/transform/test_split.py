import gzip
import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from local_test.transform.split import Batch, Source, SplitError, batches
from tiffin.codecs import recordio
from tiffin.table import ArrayRows, Table

MAGIC = bytes.fromhex("0a23d7ce")
# As every TensorBoard event file begins: a length of 24, and its checksum.
EVENT_FILE_HEAD = bytes.fromhex("1800000000000000a37f4b22")


def frame(data: bytes, part: int = 0) -> bytes:
    return MAGIC + (part << 29 | len(data)).to_bytes(4, "little") + data + bytes(-len(data) % 4)


def split(tmp_path: Path, data: bytes, kind: str, strategy: str, limit: int | None) -> list[Batch]:
    file = tmp_path / "input"
    file.write_bytes(data)
    return list(batches(Source(file), kind, strategy, limit))


def told(found: list[Batch]) -> list[tuple[object, int, int | None]]:
    return [(batch.body, batch.first, batch.records) for batch in found]


@pytest.mark.parametrize(
    ("data", "limit", "bodies"),
    [
        (b"", 4, []),
        (b"a", 4, [b"a"]),
        (b"a\n", 4, [b"a\n"]),
        (b"a\nb\n", 4, [b"a\nb\n"]),
        (b"a\nb\nc\n", 4, [b"a\nb\n", b"c\n"]),
        (b"a\nb\nc", 4, [b"a\nb\n", b"c"]),
        (b"a\nbc\nd\n", 4, [b"a\n", b"bc\n", b"d\n"]),
        (b"abc\ndef\n", 4, [b"abc\n", b"def\n"]),
        (b"abcd", 4, [b"abcd"]),  # no newline: it just fits
        (b"a\nbcde", 6, [b"a\nbcde"]),
        (b"\n\n\n", 2, [b"\n\n", b"\n"]),
        (b"a\nb\nc\n", None, [b"a\nb\nc\n"]),
    ],
)
def test_packs_lines_to_the_limit(tmp_path: Path, data: bytes, limit: int | None, bodies: list[bytes]) -> None:  # B-03
    found = split(tmp_path, data, "Line", "MultiRecord", limit)
    assert [batch.body for batch in found] == bodies
    numbers = [line for batch in found for line in range(batch.first, batch.first + (batch.records or 0))]
    assert numbers == list(range(1, len(data.splitlines()) + 1))


@pytest.mark.parametrize("strategy", ["MultiRecord", "SingleRecord"])
@pytest.mark.parametrize("data", [b"ab\nabcd\nc\n", b"ab\nabcde", b"ab\n" + b"x" * 1000])
def test_a_line_beyond_the_limit_is_named(tmp_path: Path, data: bytes, strategy: str) -> None:
    with pytest.raises(SplitError, match="record 2 is larger than MaxPayloadInMB"):
        split(tmp_path, data, "Line", strategy, 4)


def test_every_limit_gives_the_same_lines(tmp_path: Path) -> None:
    data = b"".join(b"%d\n" % (7**n) for n in range(60)) + b"end"
    longest = max(map(len, data.splitlines(keepends=True)))
    for limit in range(longest, len(data) + 2):
        found = split(tmp_path, data, "Line", "MultiRecord", limit)
        assert b"".join(batch.body for batch in found if isinstance(batch.body, bytes)) == data
        for batch, after in pairwise(found):
            assert isinstance(batch.body, bytes)
            assert isinstance(after.body, bytes)
            assert batch.body.endswith(b"\n")
            assert len(batch.body) <= limit < len(batch.body) + len(after.body.partition(b"\n")[0]) + 1


@pytest.mark.parametrize("kind", ["Line", "RecordIO"])
def test_a_large_file_is_never_in_memory(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "input"
    record = b"x" * 99 + b"\n" if kind == "Line" else frame(b"x" * 92)
    file.write_bytes(record * 60_000)
    limit, seen = 500_000, 0
    tracemalloc.start()
    for batch in batches(Source(file), kind, "MultiRecord", limit):
        seen += batch.records or 0
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seen == 60_000
    assert peak < 5 * limit


def test_a_file_that_is_sent_whole_has_to_fit(tmp_path: Path) -> None:  # B-04
    assert told(split(tmp_path, b"a\nb\n", "None", "MultiRecord", 4)) == [(b"a\nb\n", 1, None)]
    with pytest.raises(SplitError, match="and SplitType None sends it whole"):
        split(tmp_path, b"a\nb\nc", "None", "MultiRecord", 4)


def test_recordio(tmp_path: Path) -> None:  # B-04: the padding goes with SingleRecord, and stays with MultiRecord
    frames = [frame(b"a"), frame(b"bcde"), frame(b"")]
    data = b"".join(frames)
    assert told(split(tmp_path, data, "RecordIO", "SingleRecord", 100)) == [(b"a", 1, 1), (b"bcde", 2, 1), (b"", 3, 1)]
    assert told(split(tmp_path, data, "RecordIO", "MultiRecord", 24)) == [
        (frames[0] + frames[1], 1, 2),
        (frames[2], 3, 1),
    ]
    assert told(split(tmp_path, data, "RecordIO", "MultiRecord", None)) == [(data, 1, 3)]
    assert split(tmp_path, b"", "RecordIO", "MultiRecord", 24) == []


def test_recordio_in_several_frames_is_one_record(tmp_path: Path) -> None:
    data = frame(b"ab", 1) + frame(b"cd", 2) + frame(b"ef", 3) + frame(b"g")
    record = b"ab" + MAGIC + b"cd" + MAGIC + b"ef"
    assert told(split(tmp_path, data, "RecordIO", "SingleRecord", 100)) == [(record, 1, 1), (b"g", 2, 1)]


def test_recordio_as_the_server_reads_it(tmp_path: Path) -> None:
    rows = np.arange(12, dtype=np.float32).reshape(4, 3)
    data = recordio.encode(Table(ArrayRows(rows)))
    one = len(data) // 4
    first, second = split(tmp_path, data, "RecordIO", "MultiRecord", 2 * one)
    for batch, part in ((first, rows[:2]), (second, rows[2:])):
        assert isinstance(batch.body, bytes)
        assert np.array_equal(recordio.decode(batch.body).numbers(), part)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"1,2\n3,4\n", "record 1 is no RecordIO: its frame does not begin with ce d7 23 0a"),
        (frame(b"a") + b"abc", "record 2 is no RecordIO"),
        (frame(b"a") + frame(b"bcde")[:-1], "the file ends within record 2"),
        (frame(b"a", 1), "the file ends within record 1"),
        (frame(b"a", 3), "record 1 is no RecordIO: frame of kind 3 out of its order"),
        (frame(b"a", 1) + frame(b"b"), "record 1 is no RecordIO: frame of kind 0 out of its order"),
        (frame(b"a", 5), "record 1 is no RecordIO"),
        (frame(b"a") + frame(b"b" * 200), "record 2 is larger than MaxPayloadInMB"),
        (MAGIC + ((1 << 29) - 1).to_bytes(4, "little"), "record 1 is larger than MaxPayloadInMB"),
    ],
)
@pytest.mark.parametrize("strategy", ["MultiRecord", "SingleRecord"])
def test_recordio_that_is_none(tmp_path: Path, data: bytes, sentence: str, strategy: str) -> None:
    with pytest.raises(SplitError) as refusal:
        split(tmp_path, data, "RecordIO", strategy, 100)
    assert sentence in str(refusal.value)


def example(data: bytes) -> bytes:
    """As TFRecord frames it; the data's own checksum is the container's matter."""
    sums = {0: 0x07980329, 1: 0x41DE7501, 2: 0x340B2778, 24: 0x224B7FA3}
    return len(data).to_bytes(8, "little") + sums[len(data)].to_bytes(4, "little") + data + b"sum."


def test_tfrecord(tmp_path: Path) -> None:  # B-04
    frames = [example(b"a"), example(b"bc"), example(b""), example(b"x" * 24)]
    assert frames[3].startswith(EVENT_FILE_HEAD)
    data = b"".join(frames)
    bare = [(b"a", 1, 1), (b"bc", 2, 1), (b"", 3, 1), (b"x" * 24, 4, 1)]
    assert told(split(tmp_path, data, "TFRecord", "SingleRecord", 24)) == bare
    packed = [(frames[0] + frames[1], 1, 2), (frames[2], 3, 1), (frames[3], 4, 1)]
    assert told(split(tmp_path, data, "TFRecord", "MultiRecord", 40)) == packed
    assert told(split(tmp_path, data, "TFRecord", "MultiRecord", None)) == [(data, 1, 4)]
    assert split(tmp_path, b"", "TFRecord", "MultiRecord", 24) == []


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"1,2\n3,4\n5,6\n", "record 1 is no TFRecord: the checksum of its length is wrong"),
        (example(b"a") + b"abc", "record 2 is no TFRecord"),
        (example(b"a") + example(b"bc")[:-1], "the file ends within record 2"),
        (example(b"a") + example(b"x" * 24), "record 2 is larger than MaxPayloadInMB"),
    ],
)
@pytest.mark.parametrize("strategy", ["MultiRecord", "SingleRecord"])
def test_tfrecord_that_is_none(tmp_path: Path, data: bytes, sentence: str, strategy: str) -> None:
    with pytest.raises(SplitError) as refusal:
        split(tmp_path, data, "TFRecord", strategy, 20)
    assert sentence in str(refusal.value)


def test_gzip_is_unpacked(tmp_path: Path) -> None:  # B-12
    file = tmp_path / "input.csv.gz"
    file.write_bytes(gzip.compress(b"a\nb\n") + gzip.compress(b"c\n"))
    assert told(list(batches(Source(file, "Gzip"), "Line", "MultiRecord", 4))) == [(b"a\nb\n", 1, 2), (b"c\n", 3, 1)]


@pytest.mark.parametrize(
    "data",
    [b"a\nb\n", gzip.compress(b"a\nb\n", mtime=0)[:-5], gzip.compress(b"a" * 99, mtime=0)[:-20] + bytes(20)],
)
def test_gzip_that_is_none(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "input.csv.gz"
    file.write_bytes(data)
    with pytest.raises(SplitError, match="CompressionType is Gzip, and it is no whole gzip file"):
        list(batches(Source(file, "Gzip"), "Line", "MultiRecord", 100))
