"""Model data, from S3 into the folders that a container sees read-only (H-19, H-20)."""

import shutil
from pathlib import Path, PurePosixPath
from typing import Any

from local_test.api.objects import Location, NoObject, Objects
from local_test.engine.archive import ArchiveError, unpack
from local_test.engine.containers import Part

MORE = "additional-model-data-sources"


class DataError(Exception):
    """Model data that cannot be had; its text is for a FailureReason."""


def place(objects: Objects, account: str, container: dict[str, Any], tree: Path) -> tuple[Part, ...]:
    """What the container sees below /opt/ml, filled; raises DataError."""
    model = tree / "model"
    model.mkdir(parents=True)
    parts = [Part("model", read_only=True)]
    if container.get("ModelDataUrl"):
        unpacked(objects, account, Location.of(container["ModelDataUrl"]), model)
    elif container.get("ModelDataSource"):
        _of_source(objects, account, container["ModelDataSource"]["S3DataSource"], model)
    for source in container.get("AdditionalModelDataSources") or ():
        part = f"{MORE}/{source['ChannelName']}"
        _of_source(objects, account, source["S3DataSource"], tree / part)
        parts.append(Part(part, read_only=True))
    return tuple(parts)


def unpacked(objects: Objects, account: str, location: Location, folder: Path) -> None:
    """A .tar.gz; raises DataError with AWS's sentence and the cause."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        unpack(objects.file(account, location), folder, PurePosixPath(location.key).name)
    except NoObject:
        raise DataError(
            f"Failed to download model data(bucket: {location.bucket}, key: {location.key}). Please ensure that "
            "there is an object located at the URL and that the role passed to CreateModel has permissions to download "
            "the model."
        ) from None
    except (ArchiveError, OSError) as error:
        raise DataError(
            f'Failed to extract model data archive from URL "{location}". Please ensure that the object located at the '
            f"URL is a valid tar.gz archive: {error}"
        ) from None


def _of_source(objects: Objects, account: str, source: dict[str, Any], folder: Path) -> None:
    """As it lies in S3, or an archive."""
    location = Location.of(source["S3Uri"])
    if source["CompressionType"] == "Gzip":
        unpacked(objects, account, location, folder)
        return
    folder.mkdir(parents=True, exist_ok=True)
    is_one = source["S3DataType"] == "S3Object"
    try:
        names = [location.key] if is_one else objects.names(account, location)
        files = {name: name.rpartition("/")[2] if is_one else name[len(location.key) :].lstrip("/") for name in names}
        for name, path in files.items():
            if not path or path.endswith("/"):
                continue
            if ".." in PurePosixPath(path).parts:
                raise DataError(f"the key {name!r} is no path below the model's folder")
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(objects.file(account, Location(location.bucket, name)), folder / path)
    except (NoObject, OSError) as error:
        raise DataError(f"Failed to download model data from {location}: {error}") from None
