"""T-30, T-35: all files of the artifact reach the model directory whole, or none does."""

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tiffin.paths import Paths
from train import artifact


@pytest.fixture
def staged(tmp_path: Path) -> Path:
    folder = tmp_path / "staged"
    (folder / "code").mkdir(parents=True)
    (folder / "model.bin").write_bytes(b"model")
    (folder / "code" / "inference.py").write_text("code")
    return folder


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    return tmp_path / "model"


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below, hidden ones too."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


WHOLE = {"model.bin": b"model", "code/inference.py": b"code"}


def test_every_file_with_its_folder(staged: Path, model_dir: Path) -> None:
    assert artifact.publish(staged, model_dir) == [model_dir / "code" / "inference.py", model_dir / "model.bin"]
    assert tree(model_dir) == WHOLE


def test_a_file_of_the_same_name_is_replaced_and_others_stay(staged: Path, model_dir: Path) -> None:
    model_dir.mkdir()
    (model_dir / "model.bin").write_bytes(b"an older and longer model")
    (model_dir / "mine.txt").write_bytes(b"mine")
    artifact.publish(staged, model_dir)
    assert tree(model_dir) == WHOLE | {"mine.txt": b"mine"}


def test_no_files(tmp_path: Path, model_dir: Path) -> None:
    (tmp_path / "nothing").mkdir()
    assert artifact.publish(tmp_path / "nothing", model_dir) == []
    assert list(model_dir.iterdir()) == []


# C-06, S-05
def test_anybody_may_read_and_what_ran_still_runs(staged: Path, model_dir: Path) -> None:
    (staged / "model.bin").chmod(0o600)
    (staged / "code" / "inference.py").chmod(0o700)
    artifact.publish(staged, model_dir)
    assert oct((model_dir / "model.bin").stat().st_mode & 0o777) == "0o644"
    assert oct((model_dir / "code" / "inference.py").stat().st_mode & 0o777) == "0o744"


@pytest.mark.parametrize("link", ["a-latest", "z-latest"])  # before and after its file in the alphabet
@pytest.mark.parametrize("absolute", [True, False])
def test_a_symbolic_link_becomes_the_file_it_names(link: str, absolute: bool, staged: Path, model_dir: Path) -> None:
    (staged / link).symlink_to(staged / "model.bin" if absolute else "model.bin")
    artifact.publish(staged, model_dir)
    shutil.rmtree(staged)
    assert tree(model_dir) == WHOLE | {link: b"model"}
    assert not (model_dir / link).is_symlink()


def across_file_systems(monkeypatch: pytest.MonkeyPatch, apart: Path) -> None:
    """What leaves `apart` by renaming meets EXDEV, as between two mounts."""
    rename = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if self.is_relative_to(apart) and not Path(target).is_relative_to(apart):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(self), None, str(target))
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", replace)


def test_a_copy_where_the_model_directory_is_another_file_system(
    staged: Path, model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    across_file_systems(monkeypatch, staged)
    artifact.publish(staged, model_dir)
    assert tree(model_dir) == WHOLE


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no second file system here")  # noqa: S108
def test_two_file_systems_in_fact(staged: Path) -> None:
    with artifact.staging(Paths(Path("/dev/shm") / f"tiffin-{os.getpid()}")) as folder:  # noqa: S108
        if folder.stat().st_dev == staged.stat().st_dev:
            pytest.skip("shared memory is the same file system")
        artifact.publish(staged, folder / "model")
        assert tree(folder / "model") == WHOLE
    shutil.rmtree(folder.parent.parent)


@pytest.mark.parametrize("failing_copy", [1, 2])
def test_a_full_disk_leaves_nothing_behind(
    failing_copy: int, staged: Path, model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = 0
    copyfile = shutil.copyfile

    def full(source: Any, target: Any) -> None:
        nonlocal copies
        copies += 1
        if copies == failing_copy:
            Path(target).write_bytes(b"mo")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        copyfile(source, target)

    across_file_systems(monkeypatch, staged)
    monkeypatch.setattr(shutil, "copyfile", full)
    model_dir.mkdir()
    (model_dir / "model.bin").write_bytes(b"older")
    with pytest.raises(OSError, match="No space left"):
        artifact.publish(staged, model_dir)
    assert tree(model_dir) == {"model.bin": b"older"}
    assert [path.name for path in model_dir.iterdir()] == ["model.bin"]  # and no empty folder


@pytest.mark.parametrize("obstacle", ["model.bin", "code"])
def test_a_folder_where_a_file_must_go_and_the_reverse(obstacle: str, staged: Path, model_dir: Path) -> None:
    if obstacle == "code":
        model_dir.mkdir()
        (model_dir / "code").write_bytes(b"a file")
    else:
        (model_dir / "model.bin").mkdir(parents=True)
        (model_dir / "model.bin" / "part").write_bytes(b"a part")
    before = tree(model_dir)
    with pytest.raises(OSError, match=obstacle):
        artifact.publish(staged, model_dir)
    assert tree(model_dir) == before


def test_a_model_directory_that_is_a_file(staged: Path, model_dir: Path) -> None:
    model_dir.write_bytes(b"")
    with pytest.raises(FileExistsError):
        artifact.publish(staged, model_dir)


def test_the_staging_folder_is_gone_whatever_happens(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    with pytest.raises(FileExistsError), artifact.staging(paths) as folder:
        folder.mkdir()
    assert list(paths.output.iterdir()) == []
