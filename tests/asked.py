"""What leave a call to AWS asks for: of which permission, on which ARN, with which tags."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.policies import PROJECT, Request

ACCOUNT = "123456789012"
VERB = re.compile(r"(Create|Describe|Update|Delete|Stop|Invoke)")
# Operations whose permission has another name.
OTHERWISE = {
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListObjects": "s3:ListBucket",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "s3:UploadPart": "s3:PutObject",
    "s3:CompleteMultipartUpload": "s3:PutObject",
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
}
# That AWS asks for by itself, where a thing is made with tags.
TAGGING = {
    "sagemaker": "sagemaker:AddTags",
    "iam": "iam:TagRole",
    "ecr": "ecr:TagResource",
    "cloudwatch": "cloudwatch:TagResource",
    "application-autoscaling": "application-autoscaling:TagResource",
}


def action(service: str, operation: str) -> str:
    """The permission that an operation asks for; `service` is the name that requests are signed for."""
    prefix = {"monitoring": "cloudwatch"}.get(service, service)
    return OTHERWISE.get(f"{prefix}:{operation}", f"{prefix}:{operation}")


def requests(call: Mapping[str, Any], project: str) -> Iterator[Request]:
    """`call`: as tests/spy writes it."""
    wanted = action(call["service"], call["operation"])
    service, parameters = wanted.partition(":")[0], call["parameters"]
    tags = _tags(parameters)
    context = {f"aws:RequestTag/{PROJECT}": tags[PROJECT]} if PROJECT in tags else {}
    if "ServiceNamespace" in parameters:
        context["application-autoscaling:service-namespace"] = parameters["ServiceNamespace"]
    for name in ARNS[service](call["operation"], parameters, project, call["region"]):
        place = {"iam": "", "s3": ""}.get(service, call["region"])
        account = "" if service == "s3" else ACCOUNT
        arn = name if name == "*" or name.startswith("arn:") else f"arn:aws:{service}:{place}:{account}:{name}"
        yield Request(wanted, arn, context)
        if tags and service in TAGGING:
            yield Request(TAGGING[service], arn, context)
    for member in ("RoleArn", "ExecutionRoleArn"):
        if member in parameters:
            yield Request("iam:PassRole", parameters[member], {"iam:PassedToService": "sagemaker.amazonaws.com"})


def _tags(parameters: Mapping[str, Any]) -> dict[str, str]:
    tags = parameters.get("Tags") or parameters.get("tags") or {}
    return dict(tags) if isinstance(tags, Mapping) else {each["Key"]: each["Value"] for each in tags}


Names = Iterator[str]
Parameters = Mapping[str, Any]


def _sagemaker(operation: str, parameters: Parameters, _project: str, _region: str) -> Names:
    if operation == "ListTrainingJobsForHyperParameterTuningJob":
        yield f"hyper-parameter-tuning-job/{parameters['HyperParameterTuningJobName']}"
    elif operation.startswith("List"):
        yield parameters.get("ResourceArn", "*")
    else:
        noun = VERB.sub("", operation, count=1).removesuffix("Async")
        yield f"{re.sub('(?<!^)(?=[A-Z])', '-', noun).lower()}/{parameters[f'{noun}Name']}"
        if noun == "Endpoint" and "EndpointConfigName" in parameters:
            yield f"endpoint-config/{parameters['EndpointConfigName']}"


def _s3(_operation: str, parameters: Parameters, _project: str, _region: str) -> Names:
    keys = [each["Key"] for each in parameters.get("Delete", {}).get("Objects", [])]
    keys += [parameters["Key"]] if "Key" in parameters else []
    yield from (f"{parameters['Bucket']}/{key}" for key in keys)
    if not keys:
        yield str(parameters["Bucket"])


def _ecr(operation: str, parameters: Parameters, _project: str, _region: str) -> Names:
    if "resourceArn" in parameters:
        yield parameters["resourceArn"]
    elif operation == "GetAuthorizationToken":
        yield "*"
    else:
        named = parameters.get("repositoryNames") or [parameters.get("repositoryName", "*")]
        yield from (f"repository/{each}" for each in named)


def _logs(_operation: str, parameters: Parameters, _project: str, _region: str) -> Names:
    if "logGroupName" not in parameters:
        yield "*"
    else:
        group = f"log-group:{parameters['logGroupName']}"
        yield f"{group}:log-stream:{parameters['logStreamName']}" if "logStreamName" in parameters else group


def _cloudwatch(operation: str, parameters: Parameters, _project: str, _region: str) -> Names:
    if "ResourceARN" in parameters:
        yield parameters["ResourceARN"]
    elif operation in ("PutMetricAlarm", "DeleteAlarms"):
        yield from (f"alarm:{each}" for each in parameters.get("AlarmNames") or [parameters["AlarmName"]])
    else:
        yield "*"


def _iam(operation: str, parameters: Parameters, project: str, region: str) -> Names:
    if "RoleName" not in parameters:
        yield "*"
        return
    yield f"role/tiffin/{project}/{region}/{parameters['RoleName']}"
    if operation == "GetRole":  # of one that is not there nobody knows the path
        yield f"role/{parameters['RoleName']}"


def _scaling(operation: str, _parameters: Parameters, _project: str, _region: str) -> Names:
    yield "*" if operation.startswith("Describe") else "scalable-target/0ab1c2d3"


def _unnamed(*_: Any) -> Names:
    yield "*"


ARNS = {
    "sagemaker": _sagemaker,
    "s3": _s3,
    "ecr": _ecr,
    "logs": _logs,
    "cloudwatch": _cloudwatch,
    "iam": _iam,
    "application-autoscaling": _scaling,
    "cloudformation": _unnamed,
    "pricing": _unnamed,
}
