"""Buckets, and what lies below a prefix of one: data and the outputs of jobs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from deploy.aws import Aws
from deploy.errors import DeployError
from deploy.faults import is_absent
from deploy.kinds.kind import ID, PROJECT, Kind, Tags, listed, mapped, or_none
from deploy.ledger import Resource

SCHEME = "s3://"


@dataclass(frozen=True)
class Bucket(Kind):
    name: str = "bucket"
    tagged: bool = True

    def create(self, aws: Aws, name: str, parameters: Mapping[str, Any], tags: Tags) -> dict[str, Any]:
        elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": aws.region}}
        answer: dict[str, Any] = aws.client("s3").create_bucket(
            Bucket=name, **({} if aws.region == "us-east-1" else elsewhere)
        )
        return answer

    def finish(self, aws: Aws, name: str, parameters: Mapping[str, Any], tags: Tags) -> None:
        s3 = aws.client("s3")
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": listed(tags)})
        s3.put_public_access_block(
            Bucket=name,
            PublicAccessBlockConfiguration=dict.fromkeys(
                ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
            ),
        )
        if encryption := parameters.get("Encryption"):
            s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=encryption)

    def tags(self, aws: Aws, resource: Resource) -> Tags | None:
        """Of another account's, whose name may be guessed, S3 says AccessDenied whatever its policy allows."""
        try:
            found = aws.client("s3").get_bucket_tagging(Bucket=resource.name, ExpectedBucketOwner=aws.account)
            return mapped(found["TagSet"])
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchTagSet":  # a crash between bucket and tags
                return {ID: resource.id} if _is_empty(aws, resource.name) else {}
            if is_absent(error):
                return None
            raise

    def delete(self, aws: Aws, resource: Resource) -> None:
        _empty(aws, resource.name, "")
        aws.client("s3").delete_bucket(Bucket=resource.name)

    def find(self, aws: Aws, project: str) -> Iterable[Resource]:
        """The only one there can be; that of another region is another bucket, which stays."""
        name = own(aws, project)
        tags = self.tags(aws, Resource(self.name, name, project)) or {}
        if tags.get(PROJECT) == project:
            yield Resource(self.name, name, project, tags.get(ID, ""))


@dataclass(frozen=True)
class Objects(Kind):
    """Named `s3://bucket/prefix/`; S3 knows no folder, so there is nothing to make but an entry in the ledger."""

    name: str = "objects"

    def create(self, aws: Aws, name: str, parameters: Mapping[str, Any], tags: Tags) -> dict[str, Any]:
        if len([part for part in address(name)[1].split("/") if part]) < 2:  # noqa: PLR2004  never a whole bucket
            raise DeployError(f"{name} is no prefix of a project's own: s3://bucket/tiffin/PROJECT/ at least")
        return {}

    def tags(self, aws: Aws, resource: Resource) -> Tags | None:
        bucket, prefix = address(resource.name)
        found = or_none(aws.client("s3").list_object_versions, Bucket=bucket, Prefix=prefix, MaxKeys=1)
        return {} if found and (found.get("Versions") or found.get("DeleteMarkers")) else None

    def delete(self, aws: Aws, resource: Resource) -> None:
        _empty(aws, *address(resource.name))


def own(aws: Aws, project: str) -> str:
    """The name of the bucket that is made where the settings name none."""
    return f"tiffin-{project}-{aws.account}-{aws.region}"


def address(uri: str) -> tuple[str, str]:
    """Bucket and key of s3://bucket/key."""
    bucket, _, key = uri.removeprefix(SCHEME).partition("/")
    if not uri.startswith(SCHEME) or not bucket:
        raise DeployError(f"{uri!r} is no s3://bucket/key")
    return bucket, key


def _is_empty(aws: Aws, bucket: str) -> bool:
    found = aws.client("s3").list_object_versions(Bucket=bucket, MaxKeys=1)
    return not (found.get("Versions") or found.get("DeleteMarkers"))


def _empty(aws: Aws, bucket: str, prefix: str) -> None:
    """Every version: in a versioned bucket a plain delete leaves all of them, billed."""
    s3 = aws.client("s3")
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        every = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if every:
            chosen = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in every]
            failed = s3.delete_objects(Bucket=bucket, Delete={"Objects": chosen, "Quiet": True}).get("Errors", [])
            if failed:
                raise DeployError(f"s3://{bucket}/{failed[0]['Key']} was not deleted: {failed[0].get('Message')}")
    for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix):
        for each in page.get("Uploads", []):  # parts of an upload that was cut off are billed too
            s3.abort_multipart_upload(Bucket=bucket, Key=each["Key"], UploadId=each["UploadId"])
