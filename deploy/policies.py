"""Policies that allow what is needed and nothing else: of the role that SageMaker takes on, and of who calls.

Each is a document of IAM as data. What the deployer's holds is compared by a test with the calls that a whole round
makes, both ways.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Statement = dict[str, Any]
Policy = dict[str, Any]
# Characters as IAM counts them, without white space: of a policy that stands for itself, and of all those in a role.
MANAGED, INLINE = 6144, 10240


@dataclass(frozen=True)
class Scope:
    """What the permissions are for, and where."""

    project: str
    account: str
    region: str
    bucket: str
    repository: str
    endpoint: str
    execution_role: str = ""  # ARN
    partition: str = "aws"
    kms_key: str = ""  # id, alias or ARN
    in_vpc: bool = False
    reads: tuple[str, ...] = ()  # s3://bucket/prefix/ of others
    permissions_boundary: str = ""  # ARN

    def arn(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    @property
    def repository_arn(self) -> str:
        another = self.repository.startswith("arn:")  # another account's
        return self.repository if another else self.arn("ecr", f"repository/{self.repository}")

    @property
    def bucket_arn(self) -> str:
        return f"arn:{self.partition}:s3:::{self.bucket}"

    @property
    def endpoint_arns(self) -> list[str]:
        """SageMaker writes a name in its ARNs in small letters, and IAM compares it so: an `A` would never match."""
        return [
            self.arn("sagemaker", f"endpoint/{name}") for name in dict.fromkeys((self.endpoint.lower(), self.endpoint))
        ]

    @property
    def roles_arn(self) -> str:
        return self.role_arn(f"tiffin/{self.project}/{self.region}/*")

    def role_arn(self, path: str) -> str:
        return f"arn:{self.partition}:iam::{self.account}:role/{path}"


def trust(service: str, account: str = "") -> Policy:
    """Who may take the role on; by `account` only for what runs in it (a confused deputy is turned away)."""
    condition = {"Condition": {"StringEquals": {"aws:SourceAccount": account}}} if account else {}
    return policy([{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole", **condition}])


def execution(scope: Scope) -> Policy:
    """Of the role that SageMaker takes on: the project's objects, its image, its logs."""
    own = f"{scope.bucket_arn}/tiffin/{scope.project}/*"
    statements = [
        allow(["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"], own),
        allow(["s3:ListBucket"], scope.bucket_arn, _only_below(scope)),
        allow(["s3:GetBucketLocation"], scope.bucket_arn),
        allow(["ecr:GetAuthorizationToken"], "*"),
        allow(
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            scope.repository_arn,
        ),
        allow(
            ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            scope.arn("logs", "log-group:/aws/sagemaker/*"),
        ),
        allow(
            ["cloudwatch:PutMetricData"],
            "*",
            {"StringLike": {"cloudwatch:namespace": ["/aws/sagemaker/*", "AWS/SageMaker"]}},
        ),
    ]
    # what a job deletes of its checkpoints goes in S3 too (T-38)
    statements.append(allow(["s3:DeleteObject"], f"{scope.bucket_arn}/tiffin/{scope.project}/jobs/*"))
    for place in scope.reads:
        bucket, _, prefix = place.removeprefix("s3://").partition("/")
        arn = f"arn:{scope.partition}:s3:::{bucket}"
        statements.append(allow(["s3:GetObject"], f"{arn}/{prefix}*"))
        statements.append(allow(["s3:ListBucket"], arn, {"StringLike": {"s3:prefix": [f"{prefix}*"]}}))
    statements += key(scope)
    if scope.in_vpc:
        statements.append(allow(VPC, "*"))  # EC2 knows no narrower resource for these
    return policy(statements)


VPC = (
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
)


def caller(scope: Scope) -> Policy:
    """Of an application or a database: this endpoint and no other."""
    return policy([allow(["sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointAsync"], scope.endpoint_arns)])


def database(scope: Scope) -> Policy:
    """Of Aurora and Redshift, which know InvokeEndpoint only (Q-09)."""
    return policy([allow(["sagemaker:InvokeEndpoint"], scope.endpoint_arns)])


def key(scope: Scope) -> list[Statement]:
    """For who writes what is encrypted and reads it; IAM knows a key by its ARN, and an alias in a condition."""
    if not scope.kms_key:
        return []
    *_, name = scope.kms_key.split(":", 5)
    if not name.startswith("alias/"):
        arn = scope.kms_key if scope.kms_key.startswith("arn:") else scope.arn("kms", f"key/{name}")
        return [allow(KMS, arn)]
    condition = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": name}}
    return [allow(KMS, scope.arn("kms", "key/*"), condition)]


KMS = ("kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey")


def _only_below(scope: Scope) -> dict[str, Any]:
    return {"StringLike": {"s3:prefix": [f"tiffin/{scope.project}/*", f"tiffin/{scope.project}"]}}


def allow(actions: Sequence[str], resource: str | list[str], condition: Mapping[str, Any] | None = None) -> Statement:
    statement: Statement = {"Effect": "Allow", "Action": sorted(actions), "Resource": resource}
    return {**statement, "Condition": dict(condition)} if condition else statement


def policy(statements: list[Statement]) -> Policy:
    return {"Version": "2012-10-17", "Statement": statements}


def size(document: Policy) -> int:
    return len(json.dumps(document, separators=(",", ":")))


def parts(document: Policy) -> list[Policy]:
    """Which together allow the same, and of which each fits into a managed policy."""
    found = [policy([])]
    for each in document["Statement"]:
        longer = policy([*found[-1]["Statement"], each])
        if found[-1]["Statement"] and size(longer) > MANAGED:
            found.append(policy([each]))
        else:
            found[-1] = longer
    return found
