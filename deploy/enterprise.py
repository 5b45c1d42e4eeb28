"""What an organization asks of everything that is made: its network, its keys, its boundary."""

from collections.abc import Mapping
from typing import Any

from deploy.errors import DeployError
from deploy.sections import Account

OPTIONAL = ("DataCaptureConfig", "AsyncInferenceConfig")  # nothing is captured because there is a key


def check(account: Account) -> None:
    """Raises DeployError where half of a VPC is named: nothing would be in it, and nobody would hear of it."""
    if bool(account.subnets) != bool(account.security_groups):
        given, missing = ("subnets", "security_groups") if account.subnets else ("security_groups", "subnets")
        raise DeployError(f"[account] {given} and no {missing}: a VPC is named by both, or by neither")


def dressed(kind: str, parameters: Mapping[str, Any], account: Account) -> dict[str, Any]:
    """The request with VPC, KMS key, isolation and permission boundary, where its operation takes them."""
    request = dict(parameters)
    vpc = {"Subnets": list(account.subnets), "SecurityGroupIds": list(account.security_groups)}
    if account.subnets and kind in ("model", "training job"):
        request["VpcConfig"] = vpc
    if account.network_isolation and kind in ("model", "training job"):
        request["EnableNetworkIsolation"] = True
    if account.subnets and kind == "notebook instance":
        # or it would have a way out of its own beside that of the subnet
        out = {"DirectInternetAccess": "Disabled"}
        request |= {"SubnetId": account.subnets[0], "SecurityGroupIds": list(account.security_groups), **out}
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
        "endpoint configuration": {
            "KmsKeyId": key,
            "DataCaptureConfig": {"KmsKeyId": key},
            "AsyncInferenceConfig": {"OutputConfig": {"KmsKeyId": key}},
        },
        "notebook instance": {"KmsKeyId": key},
        "training job": {"OutputDataConfig": {"KmsKeyId": key}, "ResourceConfig": {"VolumeKmsKeyId": key}},
        "transform job": {"TransformOutput": {"KmsKeyId": key}, "TransformResources": {"VolumeKmsKeyId": key}},
        "repository": {"encryptionConfiguration": {"encryptionType": "KMS", "kmsKey": key}},
        "bucket": {"Encryption": {"Rules": [rule]}},
    }
    for name, value in members.get(kind, {}).items():
        if name in OPTIONAL and name not in request:
            continue
        request[name] = _merged(request.get(name, {}), value) if isinstance(value, dict) else value
    return request


def _merged(there: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    inner = {name: _merged(there.get(name, {}), each) for name, each in more.items() if isinstance(each, dict)}
    return {**there, **more, **inner}
