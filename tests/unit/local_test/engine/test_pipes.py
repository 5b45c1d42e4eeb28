import gzip
import time
from pathlib import Path

import pytest

from local_test.engine.pipes import Feeder
from local_test.engine.tree import Channel, Host
from tests.server import PATIENCE


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "b.csv").write_text("3\n")
    (folder / "a.csv").write_text("1\n2\n")
    return folder


def feeder(tmp_path: Path, channel: Channel, late: float = 0.0) -> Feeder:
    (tmp_path / "data").mkdir()
    return Feeder(tmp_path / "data" / "train", channel, channel.objects(Host()), late)


def test_T10_each_epoch_has_a_pipe_of_its_own(tmp_path: Path, source: Path) -> None:
    feeding = feeder(tmp_path, Channel(source, "Pipe"))
    for epoch in range(3):
        assert (tmp_path / "data" / f"train_{epoch}").read_bytes() == b"1\n2\n3\n"
    feeding.close()
    assert list((tmp_path / "data").iterdir()) == []


def test_T10_a_reader_may_close_early(tmp_path: Path, source: Path) -> None:
    (source / "b.csv").write_bytes(b"x" * 5_000_000)
    feeding = feeder(tmp_path, Channel(source, "Pipe"))
    with (tmp_path / "data" / "train_0").open("rb") as pipe:
        assert pipe.read(4) == b"1\n2\n"
    assert len((tmp_path / "data" / "train_1").read_bytes()) == 5_000_004
    feeding.close()


def test_T10_the_next_pipe_may_appear_late(tmp_path: Path, source: Path) -> None:
    feeding = feeder(tmp_path, Channel(source, "Pipe"), late=0.01)
    for epoch in range(2):
        deadline = time.monotonic() + PATIENCE
        while not (pipe := tmp_path / "data" / f"train_{epoch}").exists():
            assert time.monotonic() < deadline
        assert pipe.read_bytes() == b"1\n2\n3\n"
    feeding.close()
    assert feeding.epochs == 2


def test_T10_a_pipe_that_is_still_to_appear_does_not_hold_the_end_up(tmp_path: Path, source: Path) -> None:
    feeding = feeder(tmp_path, Channel(source, "Pipe"), late=3600)
    (tmp_path / "data" / "train_0").read_bytes()
    assert not (tmp_path / "data" / "train_1").exists()
    feeding.close()


def test_a_pipe_that_nobody_reads_does_not_hold_the_end_up(tmp_path: Path, source: Path) -> None:
    feeder(tmp_path, Channel(source, "Pipe")).close()
    assert list((tmp_path / "data").iterdir()) == []


def test_T12_gzip_is_undone_and_records_are_framed(tmp_path: Path, source: Path) -> None:
    for file in source.iterdir():
        file.write_bytes(gzip.compress(file.read_bytes()))
    feeding = feeder(tmp_path, Channel(source, "Pipe", compression="Gzip", record_wrapper="RecordIO"))
    magic = b"\x0a\x23\xd7\xce"
    assert (tmp_path / "data" / "train_0").read_bytes() == (
        magic + b"\x04\0\0\0" + b"1\n2\n" + magic + b"\x02\0\0\0" + b"3\n\0\0"
    )
    feeding.close()
