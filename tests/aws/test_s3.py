"""S3 where moto loses bytes, keeps what is over, or trips: through boto3 and as a browser or curl asks."""

import time
import urllib.request
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError

import pytest
from botocore.exceptions import ClientError

from tests.localaws import LocalAws


@pytest.fixture(scope="module")
def s3(aws: LocalAws) -> Any:
    return aws.client("s3")


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"b-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name)
    return name


def asked(url: str, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None) -> bytes:
    request = urllib.request.Request(url, body, dict(headers or {}), method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return bytes(answer.read())


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/csv"])
def test_a_presigned_put_keeps_every_byte_of_any_type(s3: Any, bucket: str, kind: str) -> None:
    body = b"key=1&file=2\r\n\xff"
    put, get = (
        s3.generate_presigned_url(f"{how}_object", Params={"Bucket": bucket, "Key": "a b/\u00fc"}, ExpiresIn=60)
        for how in ("put", "get")
    )
    asked(put, "PUT", body, {"Content-Type": kind})  # the first is curl's and urllib's own
    assert asked(get) == body
    assert s3.head_object(Bucket=bucket, Key="a b/\u00fc")["ContentType"] == kind


@pytest.mark.parametrize("signature", ["s3", "s3v4"])
def test_a_presigned_url_ends(aws: LocalAws, s3: Any, bucket: str, signature: str) -> None:
    from botocore.config import Config

    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    client = aws._session.client(
        "s3", endpoint_url=aws.variables["AWS_ENDPOINT_URL"], config=Config(signature_version=signature)
    )
    url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=60)
    assert asked(url) == b"1"
    url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=1)
    time.sleep(2.1)  # of the signature's whole seconds
    with pytest.raises(HTTPError) as raised:
        asked(url)
    assert (raised.value.code, b"<Code>AccessDenied</Code>" in raised.value.read()) == (403, True)


def test_suspended_versioning_keeps_the_older_versions(s3: Any, bucket: str) -> None:
    def bodies() -> list[bytes]:
        versions = s3.list_object_versions(Bucket=bucket).get("Versions", [])
        return sorted(
            s3.get_object(Bucket=bucket, Key="k", VersionId=each["VersionId"])["Body"].read() for each in versions
        )

    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"2")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    s3.put_object(Bucket=bucket, Key="k", Body=b"3")
    s3.put_object(Bucket=bucket, Key="k", Body=b"4")  # over what has no id
    assert bodies() == [b"1", b"2", b"4"]
    s3.delete_object(Bucket=bucket, Key="k")
    assert bodies() == [b"1", b"2"]
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=bucket, Key="k")
    s3.delete_object(Bucket=bucket, Key="k", VersionId=first)
    s3.delete_object(Bucket=bucket, Key="k", VersionId="null")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"2"


def test_a_marker_of_a_version_that_is_gone_is_listed(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    s3.delete_object(Bucket=bucket, Key="k", VersionId=put)
    found = s3.list_object_versions(Bucket=bucket)
    assert ([each["VersionId"] for each in found["DeleteMarkers"]], "Versions" in found) == ([marker], False)


REFUSED = [
    ("create_bucket", {"Bucket": "Not_A_Name"}, "InvalidBucketName"),
    ("list_objects_v2", {"ContinuationToken": "none"}, "InvalidArgument"),
    ("upload_part", {"Key": "k", "UploadId": "none", "PartNumber": 1, "Body": b""}, "NoSuchUpload"),
    (
        "complete_multipart_upload",
        {"Key": "k", "UploadId": "none", "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": "e"}]}},
        "NoSuchUpload",
    ),
]


@pytest.mark.parametrize(("operation", "arguments", "code"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_is_not_there_has_S3s_code(
    s3: Any, bucket: str, operation: str, arguments: dict[str, Any], code: str
) -> None:
    with pytest.raises(ClientError) as raised:
        getattr(s3, operation)(**{"Bucket": bucket, **arguments})
    assert raised.value.response["Error"]["Code"] == code
