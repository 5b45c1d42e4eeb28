"""The job's own folder, and how its files reach the model directory: all of them whole, or none (T-30, T-35).

The folder lies under /opt/ml/output, which is writable and, but for its `data` and `failure`, not uploaded. Where
that is another file system than the model directory, a file is copied under a hidden name first and then renamed,
so that no reader and no upload ever meets half of one.
"""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tiffin.paths import Paths


@contextmanager
def staging(paths: Paths) -> Iterator[Path]:
    """A folder that is gone afterwards, whatever happens."""
    paths.output.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".model-", dir=paths.output))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(staged: Path, model_dir: Path) -> list[Path]:
    """Move every file of `staged` into `model_dir`; on a failure take back what was moved and raise OSError.

    A file of the same name is replaced; others are left alone. Call it with signals held back.
    """
    files = sorted(path for path in staged.rglob("*") if path.is_file())
    files.sort(key=lambda file: not file.is_symlink())  # a link's file is copied, so before it is moved
    targets = {file: model_dir / file.relative_to(staged) for file in files}
    near: dict[Path, Path] = {}
    made: list[Path] = []
    try:
        _make_folders([model_dir, *(target.parent for target in targets.values())], made)
        for file, target in targets.items():
            if target.is_dir():
                raise IsADirectoryError(
                    errno.EISDIR, "is a folder, and train_fn wrote a file of that name", str(target)
                )
            near[target] = _bring_near(file, model_dir)
    except OSError:
        for copy in near.values():
            copy.unlink()
        for folder in reversed(made):
            folder.rmdir()
        raise
    for target, copy in near.items():
        copy.replace(target)
    return sorted(near)


def _make_folders(folders: Iterable[Path], made: list[Path]) -> None:
    """Those that are not there, parents first; each is in `made` as soon as it is."""
    for folder in folders:
        for missing in reversed([path for path in (folder, *folder.parents) if not path.is_dir()]):
            missing.mkdir()
            made.append(missing)


def _bring_near(file: Path, model_dir: Path) -> Path:
    """`file` under a hidden name in `model_dir`, from where one rename finishes; nothing is left on a failure."""
    mode = 0o644 | (file.stat().st_mode & 0o777)  # C-06, S-05: whoever serves it may be another user
    handle, name = tempfile.mkstemp(prefix=".partial-", dir=model_dir)
    os.close(handle)
    near = Path(name)
    try:
        if file.is_symlink():
            shutil.copyfile(file, near)
        else:
            _move(file, near)
        near.chmod(mode)
    except BaseException:
        near.unlink(missing_ok=True)
        raise
    return near


def _move(file: Path, target: Path) -> None:
    try:
        file.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.copyfile(file, target)
