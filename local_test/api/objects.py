"""S3's objects as files: moto keeps the buckets and the names, the bytes lie in the state folder.

Each version of an object is a blob, and beside them a description of all versions and delete markers of that key, the
oldest first; both are put in place by a rename, the description last, and a blob that no description names is swept at
start. What one call changed is written when the call is over (`flush`), by the thread that served it: moto sets an
object's metadata only after it has put the object.
"""

import datetime
import hashlib
import json
import os
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moto.s3.models import FakeDeleteMarker, FakeKey, s3_backends

CHUNK = 1 << 20
KEPT = (  # what a key carries besides its bytes, by moto's names
    "_version_id",
    "_is_versioned",
    "_storage_class",
    "checksum_algorithm",
    "checksum_value",
    "checksum_type",
    "encryption",
    "kms_key_id",
    "website_redirect_location",
    "lock_mode",
    "lock_legal_status",
    "lock_until",
)


class NoObject(Exception):
    """Its text is for the caller."""


@dataclass(frozen=True)
class Location:
    """`s3://bucket/key`, the key perhaps empty or a prefix."""

    bucket: str
    key: str

    @classmethod
    def of(cls, uri: str) -> "Location":
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        if not uri.startswith("s3://") or not bucket:
            raise NoObject(f"{uri!r} is not an S3 URI (s3://bucket/key)")
        return cls(bucket, key)

    def under(self, *parts: str) -> "Location":
        return Location(self.bucket, "/".join([self.key.rstrip("/"), *parts]).lstrip("/"))

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


class Objects:
    """What our parts read and write in S3, in this process; HTTP callers come through moto to the same store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._changed = threading.local()
        self._lock = threading.Lock()

    # what moto's backend tells

    def touch(self, account: str, bucket: str, key: str) -> None:
        if not hasattr(self._changed, "keys"):
            self._changed.keys = {}
        self._changed.keys[account, bucket, key] = None

    def flush(self) -> None:
        """Put on disk what this thread changed."""
        keys = getattr(self._changed, "keys", {})
        self._changed.keys = {}
        for account, bucket, name in keys:
            owner = s3_backends.bucket_accounts.get(bucket, (None, account))[1]
            self._settle(owner, bucket, name)

    # what our parts use

    def backend(self, account: str, bucket: str) -> Any:
        backend = s3_backends[s3_backends.bucket_accounts.get(bucket, (None, account))[1]]["aws"]
        if bucket not in backend.buckets:
            raise NoObject(f"there is no bucket {bucket!r}")
        return backend

    def names(self, account: str, location: Location) -> list[str]:
        """The keys that begin with the location's, in S3's order (by bytes)."""
        bucket = self.backend(account, location.bucket).buckets[location.bucket]
        found = [
            name
            for name, key in list(bucket.keys.items())
            if name.startswith(location.key) and isinstance(key, FakeKey)
        ]
        return sorted(found, key=str.encode)

    def get(self, account: str, location: Location) -> Any:
        key = self.backend(account, location.bucket).buckets[location.bucket].keys.get(location.key)
        if not isinstance(key, FakeKey):
            raise NoObject(f"there is no object {location}")
        return key

    def read(self, account: str, location: Location) -> bytes:
        return bytes(self.get(account, location).value)

    def file(self, account: str, location: Location) -> Path:
        """Where the object's bytes lie; only to be read."""
        buffer = self.get(account, location)._value_buffer
        if not isinstance(buffer, Blob):
            raise NoObject(f"{location} is just being written")
        return buffer.path

    def write(
        self, account: str, location: Location, value: bytes | Path, metadata: dict[str, str] | None = None
    ) -> None:
        """Bytes, or a file's (which is copied)."""
        from moto.s3 import notifications

        backend = self.backend(account, location.bucket)
        if isinstance(value, bytes):
            key = backend.put_object(location.bucket, location.key, value)
        else:
            blob, etag = self._copy(account, location.bucket, location.key, value)  # first: nobody sees half of it
            key = backend.put_object(location.bucket, location.key, b"", disable_notification=True)
            key._etag = etag
            key.contentsize = blob.path.stat().st_size
            key._value_buffer.close()
            key._value_buffer = blob
        if metadata:
            key.set_metadata(dict(metadata))
        self.flush()
        if isinstance(value, Path):
            event = notifications.S3NotificationEvent.OBJECT_CREATED_PUT_EVENT
            notifications.send_event(account, event, backend.get_bucket(location.bucket), key)

    def remove(self, account: str, location: Location) -> None:
        self.backend(account, location.bucket).delete_object(location.bucket, location.key)
        self.flush()

    # files

    def load(self) -> tuple[int, int]:
        """At start, after the buckets: give moto what lies here. How many objects; how many had to be left out."""
        loaded = lost = 0
        blobs = set()
        for description in sorted(self.folder.glob("*/*/*.json")):
            try:
                record = _read(description)
                backend = self.backend(record["account"], record["bucket"])
            except (ValueError, KeyError, NoObject):
                lost += 1
                continue
            versions: list[FakeKey | FakeDeleteMarker] = []
            for version in record["versions"]:
                try:
                    versions.append(_version_of(version, record, description.parent, backend))
                except (KeyError, OSError, NoObject):
                    lost += 1
            if versions:
                backend.buckets[record["bucket"]].keys.setlist(record["key"], versions)
            found = [version for version in versions if isinstance(version, FakeKey)]
            blobs |= {version._value_buffer.path for version in found}  # type: ignore[attr-defined]
            loaded += len(found)
        for path in self.folder.glob("*/*/*.blob"):
            if path not in blobs:
                path.unlink()
        return loaded, lost

    def _settle(self, account: str, bucket: str, name: str) -> None:
        folder = self._place(account, bucket)
        description = folder / f"{_stem(name)}.json"
        buckets = s3_backends[account]["aws"].buckets
        with self._lock:
            versions = list(buckets[bucket].keys.getlist(name, [])) if bucket in buckets else []
            before = _blobs(_read(description)) if description.is_file() else set()
            kept = [self._kept(account, bucket, version) for version in versions]
            record = {"account": account, "bucket": bucket, "key": name, "versions": kept}
            if versions:
                partial = description.with_suffix(".part")
                partial.write_text(json.dumps(record), encoding="utf-8")
                partial.replace(description)
            else:
                description.unlink(missing_ok=True)
            for blob in before - _blobs(record):
                (folder / blob).unlink(missing_ok=True)

    def _kept(self, account: str, bucket: str, key: Any) -> dict[str, Any]:
        """What the description says of a version; its bytes are on disk then."""
        if not isinstance(key, FakeKey):
            return {"marker": key.version_id, "modified": key.last_modified.isoformat()}
        etag = key.etag.strip('"')
        if not isinstance(key._value_buffer, Blob):
            blob = Blob(self._new(account, bucket, key.name))
            partial = blob.path.with_suffix(".part")
            partial.write_bytes(key.value)
            partial.replace(blob.path)
            key._value_buffer.close()
            key._value_buffer = blob  # type: ignore[assignment]
            if key.multipart:  # its parts are the same bytes once more, each an open file
                key.multipart.dispose()
                key.multipart = None
        return {
            "blob": key._value_buffer.path.name,  # type: ignore[attr-defined]
            "size": key.contentsize,
            "etag": etag,
            "modified": key.last_modified.isoformat(),
            "metadata": dict(key.metadata),
            "tags": s3_backends[account]["aws"].tagger.get_tag_dict_for_resource(key.arn),
            **{name: getattr(key, name) for name in KEPT},
        }

    def _copy(self, account: str, bucket: str, name: str, source: Path) -> tuple["Blob", str]:
        blob = Blob(self._new(account, bucket, name))
        digest = hashlib.md5(usedforsecurity=False)  # S3's ETag
        partial = blob.path.with_suffix(".part")
        with source.open("rb") as file, partial.open("wb") as target:
            while block := file.read(CHUNK):
                digest.update(block)
                target.write(block)
        partial.replace(blob.path)
        return blob, digest.hexdigest()

    def _new(self, account: str, bucket: str, name: str) -> Path:
        return self._place(account, bucket) / f"{_stem(name)}-{uuid.uuid4().hex[:12]}.blob"

    def _place(self, account: str, bucket: str) -> Path:
        folder = self.folder / account / bucket.replace(os.sep, "_")
        folder.mkdir(parents=True, exist_ok=True)
        return folder


class Blob:
    """Takes the place of a key's temporary file: opened only while it is read, and never removed by being forgotten."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._at = 0

    def seek(self, at: int) -> None:
        self._at = at

    def read(self, size: int = -1) -> bytes:
        with self.path.open("rb") as file:
            file.seek(self._at)
            block = file.read(size)
        self._at += len(block)
        return block

    def close(self) -> None:
        """moto closes what is overwritten or deleted; the file goes when that is settled."""


def _version_of(version: dict[str, Any], record: dict[str, Any], folder: Path, backend: Any) -> Any:
    """Raises KeyError, OSError, NoObject for what is not whole."""
    modified = datetime.datetime.fromisoformat(version["modified"])
    key = FakeKey(record["key"], b"", record["account"], backend.region_name, bucket_name=record["bucket"])
    key.last_modified = modified
    if "marker" in version:
        marker = FakeDeleteMarker(key)
        marker._version_id, marker.last_modified = version["marker"], modified
        key.dispose()
        return marker
    blob = Blob(folder / version["blob"])
    if blob.path.stat().st_size != version["size"]:
        raise NoObject("half a blob")
    key._value_buffer.close()
    key._value_buffer = blob  # type: ignore[assignment]
    key.contentsize = version["size"]
    key._etag = version["etag"]
    key._metadata.update(version["metadata"])
    for name in KEPT:
        setattr(key, name, version.get(name, getattr(key, name)))
    if version["tags"]:
        backend.tagger.tag_resource(key.arn, backend.tagger.convert_dict_to_tags_input(version["tags"]))
    return key


def _read(description: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(description.read_bytes())
    return record if "versions" in record else record | {"versions": [record]}  # of a state without older versions


def _blobs(record: dict[str, Any]) -> set[str]:
    return {version["blob"] for version in record["versions"] if "blob" in version}


def objects_under(folder: Path) -> Iterator[tuple[str, Path]]:
    """A folder's files, named as the keys they become."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path


def _stem(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:32]
