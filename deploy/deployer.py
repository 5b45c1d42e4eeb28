"""The policy of who runs deploy: what its commands call, on what is the project's, and nothing else.

Names alone do not say whose a thing is: `colours-*` are those of a project colours-two as well. The tag does, and has
to be the project's wherever there is one. What has none passes by its name: a thing that is not there has none, and AWS
would otherwise say of it that it is forbidden, instead of that it is gone. Log groups and streams have no tags at all.
"""

from typing import Any

from deploy.kinds.kind import PROJECT
from deploy.kinds.sagemaker import short
from deploy.policies import Policy, Scope, Statement, allow, key, policy


def deployer(scope: Scope, *, makes_roles: bool = True) -> Policy:
    """Without roles it is a notebook's: who may make roles and hand them on may give himself anything."""
    project = scope.project
    # of every kind; a tuning job's name has no room for a long project's
    names = dict.fromkeys([f"*/{project}", f"*/{project}-*", f"*/{short(project)}-*"])
    own = [*(scope.arn("sagemaker", name) for name in names), *scope.endpoint_arns]
    logs = [scope.arn("logs", f"log-group:/aws/sagemaker/{each}") for each in _logs(scope)]
    alarms = scope.arn("cloudwatch", f"alarm:{project}-*")
    targets = scope.arn("application-autoscaling", "scalable-target/*")  # AWS gives each a name of its own
    statements = [
        allow(MAKING, own, {"StringEquals": _tag("Request", scope), "StringEqualsIfExists": _tag("Resource", scope)}),
        allow(SAGEMAKER, own, _tagged(scope)),
        allow(ALARMS, alarms, _tagged(scope)),
        allow(SCALING, targets, _tagged(scope, {"application-autoscaling:service-namespace": "sagemaker"})),
        allow(LOOKING, "*"),
        allow(BUCKET, scope.bucket_arn),
        allow(OBJECTS, f"{scope.bucket_arn}/tiffin/{project}/*"),
        allow(REPOSITORY, scope.repository_arn),
        allow(LOGS, logs),
        allow(["logs:DescribeLogStreams"], scope.arn("logs", "log-group:/aws/sagemaker/*")),
        allow(["iam:PassRole"], scope.execution_role or scope.roles_arn, PASSED),
        allow(["iam:CreateServiceLinkedRole"], scope.role_arn(SCALES)),  # AWS, at an account's first scaling
        # without a path: one that is not there, or somebody else's of that name
        allow(["iam:GetRole", "iam:ListRoleTags"], [scope.roles_arn, scope.role_arn(f"{project}-*-{scope.region}")]),
        *key(scope),
    ]
    return policy([*statements, *(_making_roles(scope) if makes_roles else ())])


def _tagged(scope: Scope, more: dict[str, str] | None = None) -> dict[str, Any]:
    """No other project's; nor is anything made to look like one."""
    return {"StringEqualsIfExists": {**_tag("Request", scope), **_tag("Resource", scope), **(more or {})}}


def _tag(whose: str, scope: Scope) -> dict[str, str]:
    return {f"aws:{whose}Tag/{PROJECT}": scope.project}


def _logs(scope: Scope) -> list[str]:
    """An endpoint's own group, which IAM sees with a colon behind it, too; of shared groups the streams.

    By name alone, since nothing of it has tags: what colours-two writes is there for colours, too.
    """
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
SCALES = (  # in the name of who asked for it
    "aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
)
MAKING = tuple(  # with the tag, or not at all
    f"sagemaker:{each}"
    for each in (
        *("CreateEndpoint", "CreateEndpointConfig", "CreateModel", "CreateNotebookInstance"),
        *("CreateTrainingJob", "CreateTransformJob", "CreateHyperParameterTuningJob"),
    )
)
SAGEMAKER = tuple(
    f"sagemaker:{each}"
    for each in (
        *("DescribeEndpoint", "UpdateEndpoint", "DeleteEndpoint", "InvokeEndpoint", "InvokeEndpointAsync"),
        *("DescribeEndpointConfig", "DeleteEndpointConfig", "DescribeModel", "DeleteModel"),
        *("DescribeTrainingJob", "StopTrainingJob", "DescribeTransformJob", "StopTransformJob"),
        *("DescribeHyperParameterTuningJob", "StopHyperParameterTuningJob"),
        "ListTrainingJobsForHyperParameterTuningJob",
        *("DescribeNotebookInstance", "StopNotebookInstance", "DeleteNotebookInstance", "AddTags"),
    )
)
# What there is, and whose it is: names and tags of all, since nothing else finds out what is the project's.
LOOKING = (
    *(
        f"sagemaker:List{each}"
        for each in (
            *("Endpoints", "EndpointConfigs", "Models", "TrainingJobs", "TransformJobs", "ProcessingJobs"),
            *("HyperParameterTuningJobs", "NotebookInstances", "Pipelines", "ModelPackageGroups", "Tags"),
        )
    ),
    *("application-autoscaling:DescribeScalableTargets", "application-autoscaling:DescribeScalingPolicies"),
    *("cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource"),
    *("cloudwatch:GetMetricData", "cloudwatch:GetMetricStatistics"),
    *("ecr:DescribeRepositories", "ecr:GetAuthorizationToken", "ecr:ListTagsForResource"),
    *("cloudformation:DescribeStacks", "iam:ListRoles", "logs:DescribeLogGroups", "pricing:GetProducts"),
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
        *("BatchGetImage", "BatchDeleteImage"),
        # the engine's own, when it pushes
        *("BatchCheckLayerAvailability", "InitiateLayerUpload", "UploadLayerPart", "CompleteLayerUpload", "PutImage"),
    )
)
LOGS = tuple(f"logs:{each}" for each in ("GetLogEvents", "DeleteLogGroup", "DeleteLogStream"))
ALARMS = tuple(f"cloudwatch:{each}" for each in ("PutMetricAlarm", "DeleteAlarms", "TagResource"))
SCALING = tuple(
    f"application-autoscaling:{each}"
    for each in ("RegisterScalableTarget", "DeregisterScalableTarget", "PutScalingPolicy", "TagResource")
)
ROLES = tuple(
    f"iam:{each}"
    for each in (
        *("DeleteRole", "TagRole", "DeleteRolePolicy", "DetachRolePolicy"),
        *("ListRolePolicies", "ListAttachedRolePolicies"),
    )
)
