"""S3 inputs of a job: objects by prefix or by manifest, as the platform puts them into a folder."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from local_test.api.objects import Location, NoObject, Objects


class InputError(Exception):
    """Data that cannot be had; its text is for the user."""


@dataclass(frozen=True)
class Object:
    location: Location
    name: str  # below the channel's folder


def of_source(objects: Objects, account: str, source: Mapping[str, Any]) -> list[Object]:
    """The objects of an S3DataSource; raises InputError when there are none."""
    kind, uri = source.get("S3DataType", "S3Prefix"), str(source["S3Uri"])
    try:
        found = _of_manifest(objects, account, uri) if kind == "ManifestFile" else _of_prefix(objects, account, uri)
    except NoObject as error:
        raise InputError(f'No S3 objects found under S3 URL "{uri}" given in input data source: {error}') from None
    if not found:
        raise InputError(f'No S3 objects found under S3 URL "{uri}" given in input data source.')
    return found


def fetch(objects: Objects, account: str, found: list[Object], folder: Path, own: bool = False) -> None:
    """Into `folder`, only to be read unless they are its `own`; raises InputError for a key that is no path."""
    folder.mkdir(parents=True, exist_ok=True)
    for item in found:
        path = PurePosixPath(item.name)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise InputError(f"the key of {item.location} is no path below the channel's folder")
        place(objects, account, item.location, folder / path, own)


def place(objects: Objects, account: str, location: Location, target: Path, own: bool = False) -> None:
    """A file with the object's bytes: the object's own one where both lie on one disk, unless it may be written."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        blob = objects.file(account, location)
        if own or not _linked(blob, target):
            shutil.copyfile(blob, target)
    except (NoObject, OSError) as error:
        raise InputError(f"{location} cannot be fetched: {error}") from None


def _linked(blob: Path, target: Path) -> bool:
    try:
        os.link(blob, target)
    except OSError:
        return False
    return True


def _of_prefix(objects: Objects, account: str, uri: str) -> list[Object]:
    location = Location.of(uri)
    return [
        Object(Location(location.bucket, key), _relative(key, location.key))
        for key in objects.names(account, location)
        if not key.endswith("/")
    ]


def _relative(key: str, prefix: str) -> str:
    """Below the prefix where it names a folder; else by the folder it lies in: `p/tr` finds `p/train.csv`."""
    folder = prefix if prefix.endswith("/") or not prefix else f"{prefix}/"
    if key.startswith(folder):
        return key[len(folder) :]
    return key[prefix.rfind("/") + 1 :]


def _of_manifest(objects: Objects, account: str, uri: str) -> list[Object]:
    try:
        manifest = json.loads(objects.read(account, Location.of(uri)))
        base = str(manifest[0]["prefix"])
        names = [str(name) for name in manifest[1:]]
    except (ValueError, LookupError, TypeError):
        raise InputError(f'{uri} is no manifest: a list, {{"prefix": "s3://..."}} and then names below it') from None
    found = [Object(Location.of(base + name), name) for name in names]
    for item in found:
        objects.get(account, item.location)
    return found
