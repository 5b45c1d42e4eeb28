"""moto's S3, telling of what it changes, and right where moto loses or takes what S3 does not."""

import datetime
import io
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from moto.s3 import urls
from moto.s3.exceptions import InvalidBucketName, InvalidContinuationToken, NoSuchUpload
from moto.s3.models import FakeBucket, FakeDeleteMarker, FakeKey, S3Backend
from moto.s3.responses import S3Response

from local_test.api import chance
from local_test.api.control import refuse
from local_test.api.front import Answer, Request
from local_test.api.objects import Objects
from local_test.api.platform import Platform

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def expired(_: Platform, request: Request) -> Answer | None:
    """For server.ROUTES: a presigned URL whose time is over."""
    if "Signature=" not in request.target:
        return None
    query = {name: values[0] for name, values in parse_qs(urlsplit(request.target).query).items()}
    try:
        if "X-Amz-Expires" in query:
            signed = datetime.datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
            ends = signed + datetime.timedelta(seconds=int(query["X-Amz-Expires"]))
        else:
            ends = datetime.datetime.fromtimestamp(int(query["Expires"]), datetime.UTC)
    except (KeyError, ValueError, OverflowError):
        return refuse(request, 403, "AccessDenied", "The query-string authentication is not whole")
    is_over = datetime.datetime.now(datetime.UTC) > ends
    return refuse(request, 403, "AccessDenied", "Request has expired") if is_over else None


class LocalS3Response(S3Response):
    def setup_class(self, request: Any, *args: Any, **kwargs: Any) -> None:
        if request.method == "PUT":  # an object's bytes, of whatever type: moto would read a form, and keep nothing
            request.get_data()
            empty = request.parameter_storage_class()
            request.__dict__.update(form=empty, files=empty)
        super().setup_class(request, *args, **kwargs)


def listed(key: FakeKey, _: Any) -> FakeKey:
    """For copy.deepcopy, by which moto lists versions: without the bytes, which may be many, or gone by now."""
    made = object.__new__(FakeKey)
    etag = "" if key.disposed else key.etag.strip('"')  # of a marker's key nothing is left
    made.__dict__.update(key.__dict__, _etag=etag, _value_buffer=io.BytesIO(), multipart=None)
    made.disposed = True
    return made


class DiskBackend(S3Backend):
    """Tells `objects` what it changes."""

    objects: Objects
    _url_module = urls  # moto would look beside the class

    def create_bucket(self, bucket_name: str, *args: Any, **kwargs: Any) -> FakeBucket:
        if not _NAME.fullmatch(bucket_name):
            raise InvalidBucketName
        bucket = super().create_bucket(bucket_name, *args, **kwargs)
        bucket.creation_date = chance.clock().replace(tzinfo=datetime.UTC)  # the one that does not ask utcnow
        return bucket

    def put_object(self, bucket_name: str, key_name: str, *args: Any, **kwargs: Any) -> FakeKey:
        self.objects.touch(self.account_id, bucket_name, key_name)
        keys, others = self.get_bucket(bucket_name).keys, self._kept(bucket_name, key_name)
        key = super().put_object(bucket_name, key_name, *args, **kwargs)
        if others:
            keys.setlist(key_name, [*others, key])
        return key

    def delete_object(
        self, bucket_name: str, key_name: str, version_id: str | None = None, bypass: bool = False
    ) -> tuple[bool, dict[str, Any]]:
        self.objects.touch(self.account_id, bucket_name, key_name)
        keys, others = self.get_bucket(bucket_name).keys, self._kept(bucket_name, key_name)
        if not others:
            return super().delete_object(bucket_name, key_name, version_id, bypass)
        if version_id is None:
            marker = FakeDeleteMarker(keys[key_name])
            marker._version_id = "null"
            keys.setlist(key_name, [*others, marker])
            return True, {"version-id": "null", "delete-marker": "true"}
        left = [key for key in keys.getlist(key_name) if key.version_id != version_id]
        keys.setlist(key_name, left) if left else keys.pop(key_name)
        return True, {"version-id": version_id}

    def _kept(self, bucket_name: str, key_name: str) -> list[Any]:
        """Of a bucket whose versioning is suspended, the versions that no call without an id takes away."""
        bucket = self.get_bucket(bucket_name)
        if bucket.versioning_status != "Suspended":
            return []
        return [key for key in bucket.keys.getlist(key_name, []) if key.version_id != "null"]

    def put_object_tagging(self, key: FakeKey, tags: dict[str, str] | None) -> FakeKey:
        self.objects.touch(self.account_id, str(key.bucket_name), key.name)
        return super().put_object_tagging(key, tags)

    def delete_object_tagging(self, bucket_name: str, key_name: str, *args: Any, **kwargs: Any) -> None:
        self.objects.touch(self.account_id, bucket_name, key_name)
        super().delete_object_tagging(bucket_name, key_name, *args, **kwargs)

    def put_object_legal_hold(self, bucket_name: str, key_name: str, *args: Any, **kwargs: Any) -> None:
        self.objects.touch(self.account_id, bucket_name, key_name)
        super().put_object_legal_hold(bucket_name, key_name, *args, **kwargs)

    def put_object_retention(self, bucket_name: str, key_name: str, *args: Any, **kwargs: Any) -> None:
        self.objects.touch(self.account_id, bucket_name, key_name)
        super().put_object_retention(bucket_name, key_name, *args, **kwargs)

    def _get_results_from_token(self, result_keys: Any, token: str | None) -> Any:
        if token is None:  # one that no answer gave, since the start
            raise InvalidContinuationToken
        return super()._get_results_from_token(result_keys, token)

    def upload_part(self, bucket_name: str, multipart_id: str, *args: Any, **kwargs: Any) -> FakeKey:
        self._check_upload(bucket_name, multipart_id)
        return super().upload_part(bucket_name, multipart_id, *args, **kwargs)

    def upload_part_copy(self, dest_bucket_name: str, multipart_id: str, *args: Any, **kwargs: Any) -> FakeKey:
        self._check_upload(dest_bucket_name, multipart_id)
        return super().upload_part_copy(dest_bucket_name, multipart_id, *args, **kwargs)

    def complete_multipart_upload(self, bucket_name: str, multipart_id: str, body: Any) -> FakeKey | None:
        self._check_upload(bucket_name, multipart_id)
        return super().complete_multipart_upload(bucket_name, multipart_id, body)

    def _check_upload(self, bucket_name: str, multipart_id: str) -> None:
        if multipart_id not in self.get_bucket(bucket_name).multiparts:
            raise NoSuchUpload(multipart_id)
