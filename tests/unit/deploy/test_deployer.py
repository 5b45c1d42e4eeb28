"""The policy of who runs deploy, as IAM would match it."""

import fnmatch
import json
from typing import Any

import pytest

from deploy.deployer import deployer
from deploy.policies import Scope

ACCOUNT = "eu-west-1:123456789012"
LONG = "a-project-with-a-name-of-32-char"
MANAGED = 6144  # characters of a policy that stands for itself


def scope(project: str = "colours", endpoint: str = "") -> Scope:
    return Scope(project, "123456789012", "eu-west-1", f"tiffin-{project}", project, endpoint or project)


def may(policy: dict[str, Any], action: str, resource: str) -> bool:
    for each in policy["Statement"]:
        resources = each["Resource"] if isinstance(each["Resource"], list) else [each["Resource"]]
        if action in each["Action"] and any(fnmatch.fnmatchcase(f"arn:aws:{resource}", one) for one in resources):
            return True
    return False


@pytest.mark.parametrize(
    ("project", "action", "resource"),
    [
        ("colours", "sagemaker:DeleteEndpoint", f"sagemaker:{ACCOUNT}:endpoint/colours"),
        ("colours", "sagemaker:DeleteEndpoint", f"sagemaker:{ACCOUNT}:endpoint/shop"),  # of the settings
        ("colours", "sagemaker:DeleteModel", f"sagemaker:{ACCOUNT}:model/colours-model-20261126-120000-ab"),
        ("colours", "cloudwatch:DeleteAlarms", f"cloudwatch:{ACCOUNT}:alarm:colours-5xx-shop-main"),
        ("colours", "logs:DeleteLogGroup", f"logs:{ACCOUNT}:log-group:/aws/sagemaker/Endpoints/colours:log-stream:"),
        ("colours", "logs:DeleteLogGroup", f"logs:{ACCOUNT}:log-group:/aws/sagemaker/Endpoints/shop"),
        (
            "colours",
            "logs:DeleteLogStream",
            f"logs:{ACCOUNT}:log-group:/aws/sagemaker/TrainingJobs:log-stream:colours-train-1/algo-1-1",
        ),
        ("colours", "logs:DescribeLogStreams", f"logs:{ACCOUNT}:log-group:/aws/sagemaker/TrainingJobs:log-stream:"),
        (
            LONG,
            "sagemaker:StopHyperParameterTuningJob",
            f"sagemaker:{ACCOUNT}:hyper-parameter-tuning-job/{LONG[:20]}-1",
        ),
        (LONG, "sagemaker:StopTrainingJob", f"sagemaker:{ACCOUNT}:training-job/{LONG}-train-1"),
        (
            LONG,
            "logs:GetLogEvents",
            f"logs:{ACCOUNT}:log-group:/aws/sagemaker/TrainingJobs:log-stream:{LONG[:20]}-1-001-1a2b3c4d/algo-1-1",
        ),
    ],
)
def test_what_is_the_projects_is_allowed(project: str, action: str, resource: str) -> None:
    assert may(deployer(scope(project, "shop")), action, resource)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("sagemaker:DeleteEndpoint", f"sagemaker:{ACCOUNT}:endpoint/colours2"),
        ("sagemaker:DeleteModel", f"sagemaker:{ACCOUNT}:model/coloursque"),
        ("cloudwatch:DeleteAlarms", f"cloudwatch:{ACCOUNT}:alarm:colours2-5xx-a-main"),
        ("logs:DeleteLogGroup", f"logs:{ACCOUNT}:log-group:/aws/sagemaker/Endpoints/colours2"),
        (
            "logs:DeleteLogStream",
            f"logs:{ACCOUNT}:log-group:/aws/sagemaker/TrainingJobs:log-stream:books-train-1/algo-1-1",
        ),
        ("logs:GetLogEvents", f"logs:{ACCOUNT}:log-group:/aws/sagemaker/TrainingJobs:log-stream:colours2-1/algo-1-1"),
        ("iam:DeleteRole", "iam::123456789012:role/tiffin/colours-two/a"),
        ("s3:DeleteObject", "s3:::tiffin-colours/tiffin/colours-two/a"),
    ],
)
def test_what_only_begins_alike_is_not(action: str, resource: str) -> None:
    assert not may(deployer(scope()), action, resource)


@pytest.mark.parametrize("project", ["colours", LONG])
def test_it_fits_into_a_managed_policy(project: str) -> None:
    assert len(json.dumps(deployer(scope(project)), separators=(",", ":"))) <= MANAGED
