"""What an organization asks of everything that is made: its network, its keys, its boundary."""

from collections.abc import Mapping
from typing import Any

from deploy.sections import Account


def dressed(kind: str, parameters: Mapping[str, Any], account: Account) -> dict[str, Any]:
    """The request with VPC, KMS key, isolation and permission boundary, where its operation takes them."""
    request = dict(parameters)
    vpc = {"Subnets": list(account.subnets), "SecurityGroupIds": list(account.security_groups)}
    if account.subnets and kind in ("model", "training job"):
        request["VpcConfig"] = vpc
    if account.network_isolation and kind in ("model", "training job"):
        request["EnableNetworkIsolation"] = True
    if account.subnets and kind == "notebook instance":
        request |= {"SubnetId": account.subnets[0], "SecurityGroupIds": list(account.security_groups)}
    if kind == "tuning job" and "TrainingJobDefinition" in request:
        request["TrainingJobDefinition"] = dressed("training job", request["TrainingJobDefinition"], account)
    if account.permissions_boundary and kind == "role":
        request["PermissionsBoundary"] = account.permissions_boundary
    return _encrypted(kind, request, account.kms_key) if account.kms_key else request


def stored(account: Account) -> dict[str, str]:
    """Of an object that is put into S3."""
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": account.kms_key} if account.kms_key else {}


def _encrypted(kind: str, request: dict[str, Any], key: str) -> dict[str, Any]:
    """Which members of which request take the key."""
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    members: dict[str, dict[str, Any]] = {
        "endpoint configuration": {"KmsKeyId": key, "DataCaptureConfig": {"KmsKeyId": key}},
        "notebook instance": {"KmsKeyId": key},
        "training job": {"OutputDataConfig": {"KmsKeyId": key}, "ResourceConfig": {"VolumeKmsKeyId": key}},
        "transform job": {"TransformOutput": {"KmsKeyId": key}, "TransformResources": {"VolumeKmsKeyId": key}},
        "repository": {"encryptionConfiguration": {"encryptionType": "KMS", "kmsKey": key}},
        "bucket": {"Encryption": {"Rules": [rule]}},
    }
    for name, value in members.get(kind, {}).items():
        if name == "DataCaptureConfig" and name not in request:
            continue
        request[name] = {**request.get(name, {}), **value} if isinstance(value, dict) else value
    return request
