"""Where a submitted training script comes from, and how it gets to /opt/ml/code (T-24)."""

import logging
import shutil
import tarfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tiffin.errors import BadJob
from tiffin.paths import Paths

log = logging.getLogger(__name__)

_CHANNEL = "code"
_ARCHIVE = ".tar.gz"


def prepare(paths: Paths, program: str, submitted: str) -> Path:
    """The folder that holds `program`, ready to run in; raises BadJob saying where it was looked for.

    As in AWS's toolkit, files that are in /opt/ml/code already are run as they are, whatever was submitted.
    """
    if Path(program).is_absolute() or ".." in Path(program).parts:
        raise BadJob(f"sagemaker_program is {program!r}, not the name of a file in the submitted folder")
    folder = paths.submitted_code
    if not _has_files(folder):
        source = _source(paths, program, submitted)
        log.info("training script: %s of %s", program, source)
        _copy(source, folder)
    for archive in _archives(folder):  # as the SDK packs it, mounted as it is
        if not _is_there(folder, program):
            _extract(archive, folder)
    if not _is_there(folder, program):
        names = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
        raise BadJob(f"sagemaker_program {program!r} is not in {folder}, which has {names}")
    return folder


def _is_there(folder: Path, program: str) -> bool:
    """A file, or with a setup.py beside it a module or package by name."""
    if (folder / program).is_file():
        return True
    module = folder.joinpath(*program.removesuffix(".py").split("."))
    return (folder / "setup.py").is_file() and (module.is_dir() or module.with_suffix(".py").is_file())


def _source(paths: Paths, program: str, submitted: str) -> Path:
    """What was submitted, where it is on this machine; else the channel `code`."""
    channel = paths.data / _CHANNEL
    url = urlsplit(submitted)
    if submitted and url.scheme in ("", "file"):
        source = Path(unquote(url.path) if url.scheme == "file" else submitted)
        if source.exists() and source != paths.submitted_code:
            return source
        if source != paths.submitted_code or not _has_files(channel):
            raise BadJob(f"sagemaker_submit_directory {submitted!r} is not there, and {program!r} should be in it")
    if _has_files(channel):
        return channel
    if submitted and url.scheme not in ("", "file"):
        raise BadJob(
            f"sagemaker_submit_directory {submitted!r} is not fetched here: this image has no AWS client; "
            f"give the job an input channel named {_CHANNEL!r} with that {_ARCHIVE} or its files"
        )
    raise BadJob(
        f"there is no code for sagemaker_program {program!r}: put it into {paths.submitted_code}, give the job an "
        f"input channel named {_CHANNEL!r} that has it, or name its folder by sagemaker_submit_directory"
    )


def _has_files(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def _archives(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name.endswith(_ARCHIVE))


def _copy(source: Path, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, folder, dirs_exist_ok=True, copy_function=shutil.copy)  # T-09: it may be read-only
        else:
            _extract(source, folder)
    except OSError as error:
        raise BadJob(f"{source} cannot be copied to {folder}: {error}") from None


def _extract(archive: Path, folder: Path) -> None:
    """Nothing in it reaches out of `folder`: no absolute name, no `..`, no such link, no device."""
    try:
        with tarfile.open(archive, "r:*") as tar:
            tar.extractall(folder, filter="data")
    except (tarfile.TarError, EOFError) as error:
        raise BadJob(f"{archive} is no {_ARCHIVE} that can be unpacked: {error}") from None
