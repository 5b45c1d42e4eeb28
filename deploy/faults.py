"""AWS's errors, and botocore's, as sentences that name the fix."""

import difflib
import re
from dataclasses import dataclass

import botocore.session
from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError

from deploy.aws import Aws

NOT_THERE = re.compile(
    r"Could not find|does not exist|NotFound|NoSuch|not found|cannot be found|No scalable target found|RecordNotFound",
    re.IGNORECASE,
)
TAKEN = re.compile(
    r"already exist|AlreadyExists|duplicate|AlreadyOwned|Cannot create already existing|BucketAlready|ResourceInUse",
    re.IGNORECASE,
)


PASSING = re.compile(
    r"Throttl|TooManyRequests|RequestLimitExceeded|SlowDown|ServiceUnavailable|InternalFailure|InternalError"
)
CHOICE = re.compile(
    r"Value '(?P<value>[^']*)' at '(?P<where>[^']*)' failed to satisfy constraint: "
    r"Member must satisfy enum value set: \[(?P<all>[^\]]*)\]"
)
FEW = 12  # of these all are said
FAULT, NOT_HERE = 500, 501  # AWS's own from the first; the second is what the API on this machine lacks


@dataclass(frozen=True)
class Fix:
    """`code` and `message` are patterns; the sentence may use the message's groups, and {region}."""

    code: str
    message: str
    sentence: str


FIXES = (
    Fix(
        "ExpiredToken|ExpiredTokenException|RequestExpired",
        "",
        "the credentials have expired: sign in again (aws sso login, or new temporary keys)",
    ),
    Fix(
        "InvalidClientTokenId|UnrecognizedClientException|InvalidAccessKeyId|AuthFailure",
        "",
        "AWS does not know these credentials, or not in {region}: look at `aws sts get-caller-identity`, and "
        "at AWS_PROFILE",
    ),
    Fix(
        "InvalidSignatureException",
        "valid region",
        "{region} is not a region's name, or none of this account's: choose another with --region",
    ),
    Fix(
        "SignatureDoesNotMatch",
        "",
        "the secret key is wrong, or this machine's clock is: compare `date -u` with the time",
    ),
    Fix(
        "OptInRequired|SubscriptionRequiredException",
        "",
        "{region} is not enabled in this account: enable it in the account's settings, or choose another with --region",
    ),
    Fix(
        "AccessDenied|AccessDeniedException|UnauthorizedOperation|Client.UnauthorizedOperation",
        r"not authorized to perform: (iam:PassRole)",
        "you may not hand the execution role on: your own user or role needs iam:PassRole on it (`deploy role "
        "deployer` prints the policy)",
    ),
    Fix(
        "AccessDenied|AccessDeniedException|UnauthorizedOperation",
        r"not authorized to perform: ([\w-]+:\w+)(?: on resource: (\S+))?",
        "your user or role lacks {1} on {2}: add it (`deploy role deployer` prints the whole policy), or take another "
        "name where that is another project's; an organization's policy or a permission boundary may forbid it too",
    ),
    Fix(
        "AccessDenied|AccessDeniedException|403",  # a HEAD's answer has no more to say than its number
        "",
        "your user or role may not do that: add what the message names (`deploy role deployer` prints the "
        "whole policy)",
    ),
    Fix(
        "ResourceLimitExceeded|LimitExceeded|LimitExceededException|ServiceQuotaExceededException",
        r"limit '?([^']+?)'? is",
        "the account's quota {1!r} is used up in {region}: ask for more in Service Quotas, choose another "
        "instance type, or see `deploy idle`",
    ),
    Fix(
        "ResourceLimitExceeded|LimitExceeded|LimitExceededException|ServiceQuotaExceededException",
        "",
        "a quota of the account is used up in {region}: ask for more in Service Quotas, or delete what "
        "`deploy idle` lists",
    ),
    Fix(
        "ValidationException|AccessDeniedException",
        r"[Cc]ould not assume role ?(\S*)|[Cc]annot assume|assume the role",
        "SageMaker cannot take on the role {1}: its trust policy must name sagemaker.amazonaws.com, and a new "
        "role takes some seconds to be known; `deploy role` makes one",
    ),
    Fix(
        "ValidationException",
        r"Unsupported manifest media type ([\w./+-]+)",
        "the image's manifest is {1}: push it with `deploy push`, which sends Docker's version 2 (C-12)",
    ),
    Fix(
        "ValidationException",
        r"(?:image|repository)\W.*does not exist|RepositoryNotFound",
        "the image is not in ECR in {region}: `deploy push` first, and in the region of the endpoint (C-14)",
    ),
    Fix(
        "ValidationException",
        r"(?:region|Region) .*(?:different|must match|mismatch)",
        "image, artifact and endpoint must be in one region, {region} here: push and upload there (C-14)",
    ),
    Fix(
        "ValidationError|ValidationException",
        r"Endpoint \S+ of account \d+ not found|Could not find endpoint ",
        "there is no such endpoint in {region}: `deploy up` makes it, and --endpoint names another",
    ),
    Fix(
        "ValidationException",
        r"Could not find model data at (\S+?)\.?(?:\s|$)",
        "there is no artifact at {1}, or the execution role may not read it; --model-data names another",
    ),
    Fix(
        "ImageNotFoundException|RepositoryNotFoundException",
        "",
        "the image is not in ECR in {region}: `deploy push` first",
    ),
    Fix(
        "InvalidSubnet|InvalidSubnetID.NotFound|InvalidGroup.NotFound|InvalidSecurityGroup.*",
        "",
        "a subnet or security group is not in {region}: look at [account] subnets and security_groups",
    ),
    Fix(
        "ThrottlingException|Throttling|TooManyRequestsException|RequestLimitExceeded|SlowDown",
        "",
        "AWS throttles these calls, five attempts long: wait a minute and run the same command again",
    ),
    Fix(
        "NotImplemented",
        "",
        "the API on this machine does not have that; AWS's does",
    ),
    Fix(
        "PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraintException",
        "",
        "the bucket is in another region than {region}: name one of this region with --bucket",
    ),
    Fix(
        "InsufficientCapacity|InsufficientInstanceCapacity|CapacityError",
        "",
        "AWS has no such instance free in {region} now: another instance type, or later",
    ),
)
LOCAL = (
    (exceptions.NoCredentialsError, "there are no credentials: aws configure, aws sso login, or --profile NAME"),
    (exceptions.PartialCredentialsError, "half of the credentials are missing: access key and secret key go together"),
    (exceptions.ProfileNotFound, "there is no such profile; `aws configure list-profiles` lists them"),
    (exceptions.TokenRetrievalError, "the sign-in has expired: aws sso login"),
    (exceptions.SSOTokenLoadError, "you are not signed in: aws sso login"),
    (exceptions.UnauthorizedSSOTokenError, "the sign-in has expired: aws sso login"),
    (
        exceptions.EndpointConnectionError,
        "nothing answers there: no network, a wrong region, or `local_test up` is not up",
    ),
    (exceptions.ConnectTimeoutError, "nothing answers there: a proxy or a VPC without a way to AWS (HTTPS_PROXY)"),
    (exceptions.ReadTimeoutError, "AWS took the call and did not answer; the same command again goes on from there"),
    (exceptions.ParamValidationError, "a setting is not what AWS takes"),
)


def sentence(error: BotoCoreError | ClientError, aws: Aws | None) -> str:
    """What was asked, what AWS said, and what to do about it."""
    if not isinstance(error, ClientError):
        text = str(error).strip()
        hint = _region(text) or next((hint for kind, hint in LOCAL if isinstance(error, kind)), "")
        return f"{text}: {hint}" if hint else str(error)
    code, message = error.response["Error"].get("Code", "?"), error.response["Error"].get("Message", "")
    said = f"{error.operation_name}: {code}: {CHOICE.sub(_nearest, message.strip())}"
    for fix in FIXES:
        found = re.search(fix.message, message)
        if re.fullmatch(fix.code, code) and found:
            groups = [group or "what it names" for group in found.groups()]
            return f"{said}\n  {fix.sentence.format('', *groups, region=aws.region if aws else 'this region')}"
    return said


def _region(address: str) -> str:
    """Of an address that did not answer: what is wrong with the name of its region; empty for one that is known."""
    found = re.search(r"\.([a-z]+(?:-[a-z]+)+-\d+)\.amazonaws", address)
    if not found:
        return ""
    session = botocore.session.get_session()
    try:
        known = session.get_available_regions("sagemaker", session.get_partition_for_region(found[1]))
    except exceptions.UnknownRegionError:
        known = []
    near = difflib.get_close_matches(found[1], known, 2)
    if found[1] in known or not near:
        return ""
    return f"{found[1]} is no region that is known here; is it {' or '.join(near)}?"


def _nearest(choice: re.Match[str]) -> str:
    """AWS lists all its instance types, three screens of them, for one that is misspelt."""
    allowed = choice["all"].split(", ")
    if len(allowed) <= FEW:
        return choice[0]
    near = difflib.get_close_matches(choice["value"], allowed, 3)
    return f"{choice['value']!r} at {choice['where']!r} is none of the {len(allowed)} that AWS takes" + (
        f"; is it {' or '.join(near)}?" if near else ""
    )


def is_passing(error: BotoCoreError | ClientError) -> bool:
    """Whether the same call may be answered later: throttled, AWS's own fault, or the way there is broken."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        is_fault = status >= FAULT and status != NOT_HERE
        return is_fault or bool(PASSING.search(error.response["Error"].get("Code", "")))
    return isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError)


def is_expired(error: ClientError) -> bool:
    """Whether no other call would be answered either."""
    return bool(re.fullmatch(FIXES[0].code, error.response["Error"].get("Code", "")))


def is_denied(error: ClientError) -> bool:
    return "AccessDenied" in error.response["Error"].get("Code", "")


def is_absent(error: ClientError) -> bool:
    """Whether AWS says, in one of its many ways, that there is no such thing."""
    return bool(
        NOT_THERE.search(f"{error.response['Error'].get('Code')} {error.response['Error'].get('Message')}")
    ) or (error.response["Error"].get("Code") == "404")


def is_taken(error: ClientError) -> bool:
    return bool(TAKEN.search(f"{error.response['Error'].get('Code')} {error.response['Error'].get('Message')}"))
