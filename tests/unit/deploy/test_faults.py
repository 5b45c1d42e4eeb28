"""AWS's errors as sentences that name the fix."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError

from deploy.faults import is_absent, is_passing, is_taken, sentence


def fault(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "CreateEndpoint")


@pytest.mark.parametrize(
    ("code", "message", "fix"),
    [
        ("ExpiredTokenException", "The security token included in the request is expired", "sign in again"),
        (
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            "get-caller-identity",
        ),
        (
            "AccessDeniedException",
            "User: arn:aws:iam::1:user/me is not authorized to perform: sagemaker:CreateEndpoint on resource: arn:x",
            "lacks sagemaker:CreateEndpoint on arn:x",
        ),
        ("AccessDenied", "User: me is not authorized to perform: iam:PassRole on resource: r", "needs iam:PassRole"),
        (
            "ResourceLimitExceeded",
            "The account-level service limit 'ml.m5.large for endpoint usage' is 0 Instances",
            "quota 'ml.m5.large for endpoint usage' is used up",
        ),
        ("ValidationException", "Could not assume role arn:aws:iam::1:role/r. Please ensure", "trust policy"),
        (
            "ValidationException",
            "Unsupported manifest media type application/vnd.oci.image.index.v1+json for image 1.dkr",
            "`deploy push`",
        ),
        ("InvalidSignatureException", "Credential should be scoped to a valid region, not 'x'.", "with --region"),
        ("ThrottlingException", "Rate exceeded", "wait a minute"),
        ("OptInRequired", "", "not enabled in this account"),
        (
            "ValidationError",
            "Endpoint shop of account 123456789012 not found.",
            "no such endpoint in this region: `deploy up`",
        ),
    ],
)
def test_an_error_names_its_fix(code: str, message: str, fix: str) -> None:
    said = sentence(fault(code, message), None)
    assert said.startswith(f"CreateEndpoint: {code}")
    assert fix in said


def test_what_is_not_known_is_said_as_aws_says_it() -> None:
    assert sentence(fault("Teapot", "short and stout"), None) == "CreateEndpoint: Teapot: short and stout"


def of_many(value: str) -> ClientError:
    types = ", ".join(["ml.m5.large", "ml.m5.xlarge", "ml.t3.medium", *(f"ml.p{n}.24xlarge" for n in range(300))])
    return fault(
        "ValidationException",
        f"1 validation error detected: Value '{value}' at 'resourceConfig.instanceType' failed to satisfy constraint: "
        f"Member must satisfy enum value set: [{types}]",
    )


@pytest.mark.parametrize("value", ["ml.m5.lrge", "m5.large"])
def test_a_misspelt_instance_type_is_answered_by_the_nearest_and_not_by_all(value: str) -> None:
    said = sentence(of_many(value), None)
    assert f"'{value}' at 'resourceConfig.instanceType' is none of the 303 that AWS takes; is it ml.m5.large" in said
    assert len(said) < 250


def test_nothing_is_near_what_is_no_instance_type() -> None:
    assert sentence(of_many("???"), None).endswith("is none of the 303 that AWS takes")


def test_few_choices_are_all_said() -> None:
    few = "Value 'x' at 'a' failed to satisfy constraint: Member must satisfy enum value set: [File, Pipe]"
    assert sentence(fault("ValidationException", few), None).endswith(few)


def test_missing_credentials_are_a_sentence_too() -> None:
    assert "aws configure" in sentence(NoCredentialsError(), None)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ValidationException", 'Could not find endpoint "arn:aws:sagemaker:…".'),
        ("NoSuchEntity", "The role with name x cannot be found."),
        ("RepositoryNotFoundException", "The repository with name 'x' does not exist"),
        ("ValidationException", "No scalable target found for service namespace: sagemaker, resource ID: x"),
        ("404", "Not Found"),
        ("NoSuchBucket", "The specified bucket does not exist"),
        ("ResourceNotFoundException", "The specified log group does not exist."),
    ],
)
def test_absence_is_told_in_many_ways(code: str, message: str) -> None:
    assert is_absent(fault(code, message))
    assert not is_taken(fault(code, message))


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ValidationException", 'Cannot create already existing model "arn:aws:sagemaker:…".'),
        ("EntityAlreadyExists", "Role with name x already exists."),
        ("RepositoryAlreadyExistsException", "The repository with name 'x' already exists"),
        ("BucketAlreadyOwnedByYou", ""),
        ("ResourceInUse", "Training job names must be unique within an AWS account and region"),
    ],
)
def test_a_taken_name_is_told_in_many_ways(code: str, message: str) -> None:
    assert is_taken(fault(code, message))
    assert not is_absent(fault(code, message))


def test_a_refusal_is_neither() -> None:
    refused = fault("AccessDeniedException", "User is not authorized to perform: sagemaker:DescribeEndpoint")
    assert not is_absent(refused)
    assert not is_taken(refused)


@pytest.mark.parametrize(
    ("code", "status", "passes"),
    [
        ("ThrottlingException", 400, True),
        ("TooManyRequestsException", 429, True),
        ("InternalFailure", 500, True),
        ("", 503, True),
        ("NotImplemented", 501, False),
        ("ExpiredTokenException", 400, False),
        ("ValidationException", 400, False),
    ],
)
def test_what_passes_is_told_from_what_stays(code: str, status: int, passes: bool) -> None:
    error = fault(code)
    error.response["ResponseMetadata"] = {"HTTPStatusCode": status}
    assert is_passing(error) is passes


def test_a_way_that_is_broken_passes_and_missing_credentials_do_not() -> None:
    assert is_passing(EndpointConnectionError(endpoint_url="http://x"))
    assert is_passing(ReadTimeoutError(endpoint_url="http://x"))
    assert not is_passing(NoCredentialsError())


@pytest.mark.parametrize(
    ("region", "said"),
    [("us-est-1", "is it us-west-1 or us-east-1?"), ("eu-west-1", "no network"), ("xx-nowhere-77", "no network")],
)
def test_a_misspelt_region_is_told_from_a_broken_network(region: str, said: str) -> None:
    error = EndpointConnectionError(endpoint_url=f"https://api.sagemaker.{region}.amazonaws.com/")
    assert said in sentence(error, None)
