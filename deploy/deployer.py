"""The policy of who runs deploy: what its commands call, on what is the project's, and nothing else."""

from typing import Any

from deploy.kinds.sagemaker import short
from deploy.policies import Policy, Scope, Statement, allow, key, policy


def deployer(scope: Scope, *, makes_roles: bool = True) -> Policy:
    """Without roles it is a notebook's: who may make roles and hand them on may give himself anything."""
    project = scope.project
    # of every kind; a tuning job's name has no room for a long project's
    names = dict.fromkeys([f"*/{project}", f"*/{project}-*", f"*/{short(project)}-*", f"endpoint/{scope.endpoint}"])
    own = [scope.arn("sagemaker", name) for name in names]
    repository = scope.repository_arn
    logs = [scope.arn("logs", f"log-group:/aws/sagemaker/{each}") for each in _logs(scope)]
    statements = [
        allow(SAGEMAKER, own),
        allow(SAGEMAKER_LISTS, "*"),
        allow(BUCKET, scope.bucket_arn),
        allow(OBJECTS, f"{scope.bucket_arn}/tiffin/{project}/*"),
        allow(REPOSITORY, repository),
        allow(["ecr:DescribeRepositories", "ecr:ListTagsForResource"], scope.arn("ecr", "repository/*")),
        allow(["ecr:GetAuthorizationToken"], "*"),
        allow(LOGS, logs),
        allow(["logs:DescribeLogStreams"], scope.arn("logs", "log-group:/aws/sagemaker/*")),
        allow(["logs:DescribeLogGroups"], "*"),
        allow(ALARMS, scope.arn("cloudwatch", f"alarm:{project}-*")),
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


def _logs(scope: Scope) -> list[str]:
    """An endpoint's own group, which IAM sees with a colon behind it, too; of shared groups the streams."""
    project, shortened = scope.project, short(scope.project)
    groups = [f"Endpoints/{name}{behind}" for name in {project, scope.endpoint} for behind in ("", ":*")]
    streams = sorted({f"{project}/*", f"{project}-*", f"{shortened}-*"})
    shared = [f"{group}:log-stream:{stream}" for group in SHARED for stream in streams]
    return [*sorted(groups), f"Endpoints/{project}-*", *shared]


def _making_roles(scope: Scope) -> list[Statement]:
    """With a boundary, only bounded ones: without that condition the boundary would bound nobody."""
    bounded = {"StringEquals": {"iam:PermissionsBoundary": scope.permissions_boundary}}
    made = allow(
        ["iam:CreateRole", "iam:PutRolePolicy"], scope.roles_arn, bounded if scope.permissions_boundary else None
    )
    return [made, allow(ROLES, scope.roles_arn)]


SHARED = ("*Jobs", "NotebookInstances")  # log groups of all projects
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
LOGS = tuple(f"logs:{each}" for each in ("GetLogEvents", "DeleteLogGroup", "DeleteLogStream"))
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
