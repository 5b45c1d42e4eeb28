"""Files and folders into S3, in parts and several at a time; what is there unchanged is left alone.

What is unchanged is told by size and by the SHA-256 that we keep with each object: an ETag is no checksum of what came
in parts or is encrypted with a key of KMS.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from boto3.s3.transfer import ProgressCallbackInvoker, TransferConfig, create_transfer_manager

from deploy import buckets, enterprise
from deploy.aws import pages
from deploy.context import Context
from deploy.errors import DeployError
from deploy.kinds.kind import or_none
from deploy.kinds.storage import SCHEME, address
from deploy.progress import Transfer, size
from deploy.sections import Account

DIGEST = "sha256"  # of the object's metadata
SHORT = 12  # characters of a digest that are enough to tell one folder's content from another's
MEGABYTE = 1024 * 1024
AT_A_TIME = 10  # calls, as many as S3's own transfers make
NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)*", re.ASCII)


@dataclass(frozen=True)
class File:
    key: str  # below the prefix
    path: Path
    size: int

    @cached_property
    def digest(self) -> str:
        try:
            with self.path.open("rb") as file:
                return hashlib.file_digest(file, DIGEST).hexdigest()
        except OSError as error:
            raise DeployError(f"{self.path} cannot be read: {error.strerror}") from None


def send(context: Context, source: Path, *parts: str) -> str:
    """Below `data/parts/` of the project; the file's own URI, or the folder's."""
    return _send(context, source, found(source), parts)


def _send(
    context: Context, source: Path, files: Sequence[File], parts: Iterable[str], *, is_by_content: bool = False
) -> str:
    for part in parts:
        if not NAME.fullmatch(part):
            raise DeployError(f"{part!r} is no name for data: letters, digits, `_`, `-` and `.`, and `/` between")
    prefix = buckets.prefix(context, "data", *parts)
    there = _there(context, prefix)
    alike = [each for each in files if there.get(each.key) == each.size]
    changed = [each for each in files if there.get(each.key) != each.size]
    if not is_by_content:  # where the place says the content, what is there is the same
        changed += _changed(context, prefix, alike)
    _transfer(context, prefix, changed)
    others = sorted(there.keys() - {each.key for each in files})
    done = "to upload" if context.aws.dry_run else "uploaded"
    context.say(f"{len(changed)} {done}, {len(files) - len(changed)} there already: {prefix}")
    if others:
        context.say(f"also there, and not in {source}: {', '.join(others[:5])}{' …' if len(others) > 5 else ''}")  # noqa: PLR2004
    return prefix + files[0].key if source.is_file() else prefix


def given(context: Context, name: str, where: str) -> str:
    """A channel's or an input's URI: s3:// as it is, what is local uploaded.

    It goes below a digest of all its content, so that what was uploaded for an earlier job is neither changed under it
    nor found by this one.
    """
    if where.startswith(SCHEME):
        return where
    source, content = Path(where), hashlib.sha256()
    files = found(source)
    for each in files:
        content.update(f"{each.key}\0{each.digest}\n".encode())
    return _send(context, source, files, [f"{name}-{content.hexdigest()[:SHORT]}"], is_by_content=True)


def found(source: Path) -> list[File]:
    """All files of a folder, or the one; raises DeployError where there is nothing to send."""
    if source.is_file():
        return [File(source.name, source, source.stat().st_size)]
    if not source.is_dir():
        raise DeployError(f"there is no file or folder {source}")
    paths = sorted(_walked(source))
    for path in paths:
        if not path.is_file():
            raise DeployError(f"{path} is neither a file nor a link to one")
    if not paths:
        raise DeployError(f"{source} has no file in it")
    return [File(each.relative_to(source).as_posix(), each, each.stat().st_size) for each in paths]


def _walked(source: Path) -> Iterable[Path]:
    """Links to folders are followed, each folder once: what would be left out silently is refused."""
    seen: dict[Path, str] = {}
    for folder, _, names in os.walk(source, followlinks=True, onerror=_refuse):
        real = Path(folder).resolve()
        if real in seen:
            raise DeployError(f"{folder} is a link to {seen[real]}, which is there already")
        seen[real] = folder
        yield from (Path(folder, name) for name in names)


def _refuse(error: OSError) -> None:
    raise DeployError(f"{error.filename} cannot be read: {error.strerror}")


def fetch(context: Context, prefix: str, folder: Path) -> list[Path]:
    """All below the prefix, into the folder, as it lies there."""
    s3 = context.aws.client("s3")
    bucket, start = address(prefix)
    wanted = {}
    for key, many in _there(context, prefix).items():
        target = folder / key
        if not key.endswith("/"):
            if not target.resolve().is_relative_to(folder.resolve()):
                raise DeployError(f"s3://{bucket}/{start}{key} would be written outside of {folder}")
            wanted[key] = (target, many)
    bar = Transfer(sum(many for _, many in wanted.values()))
    with create_transfer_manager(s3, TransferConfig()) as manager:
        asked = []
        for key, (target, _) in wanted.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            asked.append(manager.download(bucket, start + key, str(target), subscribers=_seen(bar)))
        _all(asked)
    bar.close()
    return sorted(target for target, _ in wanted.values())


def _there(context: Context, prefix: str) -> dict[str, int]:
    """What lies below the prefix, and how large it is."""
    bucket, start = address(prefix)
    s3 = context.aws.client("s3")
    listed = or_none(lambda: {"all": list(pages(s3, "list_objects_v2", "Contents", Bucket=bucket, Prefix=start))})
    return {each["Key"][len(start) :]: each["Size"] for each in (listed["all"] if listed else [])}


def _changed(context: Context, prefix: str, files: Sequence[File]) -> list[File]:
    """Of those that are there in their size."""
    s3, (bucket, start) = context.aws.client("s3"), address(prefix)

    def is_changed(file: File) -> bool:
        known = or_none(s3.head_object, Bucket=bucket, Key=start + file.key)
        return known is None or known.get("Metadata", {}).get(DIGEST) != file.digest

    with ThreadPoolExecutor(AT_A_TIME) as pool:  # a call for each file, of which there may be thousands
        return [file for file, changed in zip(files, pool.map(is_changed, files), strict=True) if changed]


def _transfer(context: Context, prefix: str, files: Sequence[File]) -> None:
    s3, (bucket, start) = context.aws.client("s3"), address(prefix)
    more = enterprise.stored(context.read(Account))
    if context.aws.dry_run:
        for each in files:
            s3.put_object(Bucket=bucket, Key=start + each.key, ContentLength=each.size, **more)
        return
    total = sum(each.size for each in files)
    if files:
        context.say(f"uploading {len(files)} file{'s' * (len(files) > 1)}, {size(total)}")
    bar = Transfer(total)
    config = TransferConfig(multipart_threshold=16 * MEGABYTE, multipart_chunksize=16 * MEGABYTE)
    with create_transfer_manager(s3, config) as manager:  # left by an error or Ctrl-C it aborts what came in parts
        _all(
            [
                manager.upload(
                    str(each.path), bucket, start + each.key, {"Metadata": {DIGEST: each.digest}, **more}, _seen(bar)
                )
                for each in files
            ]
        )
    bar.close()


def _seen(bar: Transfer) -> list[Any]:
    return [ProgressCallbackInvoker(bar.add)]


def _all(asked: Iterable[Any]) -> None:
    for each in asked:
        each.result()
