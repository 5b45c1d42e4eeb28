import io
import tarfile
from pathlib import Path

import pytest

from local_test.engine.archive import ArchiveError, pack, unpack


def test_what_is_packed_is_unpacked_without_the_folders_own_name(tmp_path: Path) -> None:
    model = tmp_path / "model"
    (model / "code").mkdir(parents=True)
    (model / "model.bin").write_bytes(b"\0\1")
    (model / "code" / "inference.py").write_text("x = 1\n")
    pack([model], tmp_path / "model.tar.gz")
    unpack(tmp_path / "model.tar.gz", tmp_path / "into")
    found = {
        str(p.relative_to(tmp_path / "into")): p.read_bytes() for p in (tmp_path / "into").rglob("*") if p.is_file()
    }
    assert found == {"model.bin": b"\0\1", "code/inference.py": b"x = 1\n"}


def test_T30_the_models_of_several_hosts_are_merged(tmp_path: Path) -> None:
    for host, text in (("algo-1", "one"), ("algo-2", "two")):
        (tmp_path / host).mkdir()
        (tmp_path / host / f"{host}.bin").write_text(text)
    pack([tmp_path / "algo-1", tmp_path / "algo-2"], tmp_path / "model.tar.gz")
    unpack(tmp_path / "model.tar.gz", tmp_path / "into")
    assert sorted(path.name for path in (tmp_path / "into").iterdir()) == ["algo-1.bin", "algo-2.bin"]


def test_a_pack_that_fails_leaves_nothing_half_written(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        pack([tmp_path / "nowhere"], tmp_path / "model.tar.gz")
    assert list(tmp_path.iterdir()) == []


def hostile(file: Path, kind: bytes, name: str, target: str = "") -> Path:
    with tarfile.open(file, "w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, target
        tar.addfile(member, io.BytesIO())
    return file


@pytest.mark.parametrize(
    ("kind", "name", "target", "sentence"),
    [
        (tarfile.SYMTYPE, "model", "/etc", "m.tar.gz: model is a link to /etc, which SageMaker refuses"),
        (tarfile.LNKTYPE, "model", "other", "m.tar.gz: model is a link to other"),
        (tarfile.CHRTYPE, "null", "", "m.tar.gz: null is neither a file nor a folder"),
        (tarfile.REGTYPE, "../outside", "", "m.tar.gz: .*outside the destination"),
    ],
)
def test_H19_links_devices_and_ways_out_are_refused(
    tmp_path: Path, kind: bytes, name: str, target: str, sentence: str
) -> None:
    archive = hostile(tmp_path / "m.tar.gz", kind, name, target)
    with pytest.raises(ArchiveError, match=sentence):
        unpack(archive, tmp_path / "into")
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("content", [b"", b"no tar", b"\x1f\x8b\x08\0\0\0\0\0"])
def test_what_is_no_archive_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.tar.gz").write_bytes(content)
    with pytest.raises(ArchiveError, match=r"m\.tar\.gz is no whole \.tar\.gz: "):
        unpack(tmp_path / "m.tar.gz", tmp_path / "into")


def test_a_cut_archive_is_said(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "big").write_bytes(bytes(range(256)) * 4096)
    pack([tmp_path / "model"], tmp_path / "m.tar.gz")
    whole = (tmp_path / "m.tar.gz").read_bytes()
    (tmp_path / "m.tar.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArchiveError, match="is no whole"):
        unpack(tmp_path / "m.tar.gz", tmp_path / "into")


def test_a_changed_byte_is_told_by_the_checksum_at_the_end(tmp_path: Path) -> None:
    archive = tmp_path / "0a1b"
    with tarfile.open(archive, "w:gz", compresslevel=0) as tar:
        member = tarfile.TarInfo("weights")
        member.size = 1000
        tar.addfile(member, io.BytesIO(b"w" * 1000))
    archive.write_bytes(archive.read_bytes().replace(b"www", b"wxw", 1))
    with pytest.raises(ArchiveError, match=r"^model\.tar\.gz is no whole \.tar\.gz: CRC check failed"):
        unpack(archive, tmp_path / "into", "model.tar.gz")
