"""model.tar.gz and output.tar.gz: packed as a training job leaves them, unpacked as hosting does, links refused."""

import gzip
import tarfile
import zlib
from collections.abc import Iterable
from pathlib import Path


class ArchiveError(Exception):
    """What is no artifact; its text is for the user."""


def pack(folders: Iterable[Path], archive: Path) -> None:
    """The contents of the folders, one over the other (T-30), without the folders' own names."""
    beside = archive.with_name(f".{archive.name}.part")
    try:
        with tarfile.open(beside, "w:gz", format=tarfile.PAX_FORMAT, compresslevel=6) as tar:
            for folder in folders:
                for path in sorted(folder.iterdir()):
                    tar.add(path, path.name)
        beside.replace(archive)
    finally:
        beside.unlink(missing_ok=True)


def unpack(archive: Path, into: Path, name: str = "") -> None:
    """Raises ArchiveError for what is no gzipped tar, and for links (H-19), devices and paths that lead outside.

    `name` is what the user calls it, if not by the file's name.
    """
    name = name or archive.name
    try:
        with gzip.open(archive) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
            for member in tar:
                _check(member, name)
                tar.extract(member, into, filter="data")
            while stream.read(1 << 20):  # to the checksum: the file ends after the tar does
                pass
    except tarfile.FilterError as error:
        raise ArchiveError(f"{name}: {error}") from None
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ArchiveError(f"{name} is no whole .tar.gz: {error or type(error).__name__}") from None


def _check(member: tarfile.TarInfo, archive: str) -> None:
    if member.issym() or member.islnk():
        raise ArchiveError(
            f"{archive}: {member.name} is a link to {member.linkname}, which SageMaker refuses (H-19); "
            "pack with `tar --dereference --hard-dereference`"
        )
    if not (member.isfile() or member.isdir()):
        raise ArchiveError(f"{archive}: {member.name} is neither a file nor a folder")
