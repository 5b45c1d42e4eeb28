"""The policy of who runs deploy: what its commands call, on what is the project's, and nothing else."""

from typing import Any

from deploy.kinds.sagemaker import short
from deploy.policies import Policy, Scope, Statement, allow, key, policy


def deployer(scope: Scope, *, makes_roles: bool = True) -> Policy:
    """Without roles it is a notebook's: who may make roles and hand them on may give himself anything."""
    project = scope.project
    own = [scope.arn("sagemaker", f"{noun}/{short(project) if noun in SHORT else project}*") for noun in NOUNS]
    repository = scope.repository_arn
    logs = [scope.arn("logs", f"log-group:/aws/sagemaker/{each}") for each in LOG_GROUPS]
    statements = [
        allow(SAGEMAKER, own),
        allow(SAGEMAKER_LISTS, "*"),
        allow(BUCKET, scope.bucket_arn),
        allow(OBJECTS, f"{scope.bucket_arn}/tiffin/{project}/*"),
        allow(REPOSITORY, repository),
        allow(["ecr:DescribeRepositories", "ecr:ListTagsForResource"], scope.arn("ecr", "repository/*")),
        allow(["ecr:GetAuthorizationToken"], "*"),
        allow(LOGS, logs),
        allow(["logs:DescribeLogGroups"], "*"),
        allow(ALARMS, scope.arn("cloudwatch", f"alarm:{project}*")),
        allow(["cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "cloudwatch:GetMetricStatistics"], "*"),
        allow(SCALING, "*"),
        allow(["iam:PassRole"], scope.execution_role or scope.roles_arn, PASSED),
        allow(["iam:GetRole", "iam:ListRoleTags"], scope.roles_arn),
        allow(["iam:ListRoles"], "*"),
        allow(["cloudformation:DescribeStacks"], "*"),
        allow(["pricing:GetProducts"], "*"),
        *key(scope),
    ]
    return policy([*statements, *(_making_roles(scope) if makes_roles else ())])


def _making_roles(scope: Scope) -> list[Statement]:
    """With a boundary, only bounded ones: without that condition the boundary would bound nobody."""
    bounded = {"StringEquals": {"iam:PermissionsBoundary": scope.permissions_boundary}}
    made = allow(
        ["iam:CreateRole", "iam:PutRolePolicy"], scope.roles_arn, bounded if scope.permissions_boundary else None
    )
    return [made, allow(ROLES, scope.roles_arn)]


NOUNS = (
    "endpoint",
    "endpoint-config",
    "model",
    "training-job",
    "transform-job",
    "hyper-parameter-tuning-job",
    "notebook-instance",
)
SHORT = ("training-job", "hyper-parameter-tuning-job")  # a tuning job's name has no room for a long project's
LOG_GROUPS = ("Endpoints/*", "TrainingJobs:*", "TransformJobs:*", "ProcessingJobs:*", "NotebookInstances:*")
PASSED: dict[str, Any] = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
SAGEMAKER = tuple(
    f"sagemaker:{each}"
    for each in (
        *("CreateEndpoint", "DescribeEndpoint", "UpdateEndpoint", "DeleteEndpoint"),
        *("CreateEndpointConfig", "DescribeEndpointConfig", "DeleteEndpointConfig"),
        *("CreateModel", "DescribeModel", "DeleteModel"),
        *("CreateTrainingJob", "DescribeTrainingJob", "StopTrainingJob"),
        *("CreateTransformJob", "DescribeTransformJob", "StopTransformJob"),
        *("CreateHyperParameterTuningJob", "DescribeHyperParameterTuningJob", "StopHyperParameterTuningJob"),
        "ListTrainingJobsForHyperParameterTuningJob",
        *("CreateNotebookInstance", "DescribeNotebookInstance", "StopNotebookInstance", "DeleteNotebookInstance"),
        *("AddTags", "ListTags", "InvokeEndpoint", "InvokeEndpointAsync"),
    )
)
SAGEMAKER_LISTS = tuple(
    f"sagemaker:List{each}"
    for each in (
        *("Endpoints", "EndpointConfigs", "Models", "TrainingJobs", "TransformJobs", "ProcessingJobs"),
        *("HyperParameterTuningJobs", "NotebookInstances", "Pipelines", "ModelPackageGroups"),
    )
)
BUCKET = tuple(
    f"s3:{each}"
    for each in (
        *("CreateBucket", "DeleteBucket", "ListBucket", "ListBucketVersions", "ListBucketMultipartUploads"),
        *("GetBucketTagging", "PutBucketTagging", "PutBucketPublicAccessBlock", "PutEncryptionConfiguration"),
    )
)
OBJECTS = tuple(
    f"s3:{each}" for each in ("GetObject", "PutObject", "DeleteObject", "DeleteObjectVersion", "AbortMultipartUpload")
)
REPOSITORY = tuple(
    f"ecr:{each}"
    for each in (
        *("CreateRepository", "DeleteRepository", "TagResource", "DescribeImages", "DescribeImageScanFindings"),
        *("DescribeRepositories", "BatchGetImage", "BatchDeleteImage"),
        # the engine's own, when it pushes
        *("BatchCheckLayerAvailability", "InitiateLayerUpload", "UploadLayerPart", "CompleteLayerUpload", "PutImage"),
    )
)
LOGS = tuple(f"logs:{each}" for each in ("DescribeLogStreams", "GetLogEvents", "DeleteLogGroup", "DeleteLogStream"))
ALARMS = tuple(
    f"cloudwatch:{each}" for each in ("PutMetricAlarm", "DeleteAlarms", "ListTagsForResource", "TagResource")
)
SCALING = tuple(
    f"application-autoscaling:{each}"
    for each in (
        *("RegisterScalableTarget", "DeregisterScalableTarget", "DescribeScalableTargets", "PutScalingPolicy"),
        *("DescribeScalingPolicies", "TagResource"),
    )
)
ROLES = tuple(
    f"iam:{each}"
    for each in (
        *("DeleteRole", "TagRole", "DeleteRolePolicy", "DetachRolePolicy"),
        *("ListRolePolicies", "ListAttachedRolePolicies"),
    )
)
