"""The policy of who runs deploy, as IAM would match it."""

import argparse
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploy import roles
from deploy.commands import role
from deploy.deployer import deployer
from deploy.policies import Scope, caller, database, execution, parts
from tests.policies import PROJECT, Request, allows

ACCOUNT = "eu-west-1:123456789012"
LONG = "a-project-with-a-name-of-32-char"
MANAGED, INLINE = 6144, 10240  # characters of a policy that stands for itself, and of those in a role
KEY = "alias/" + "k" * 250
BOUNDARY = "arn:aws-us-gov:iam::123456789012:policy/" + "p" * 511 + "/" + "b" * 128


def scope(project: str = "colours", endpoint: str = "") -> Scope:
    return Scope(project, "123456789012", "eu-west-1", f"tiffin-{project}", project, endpoint or project)


def may(policy: dict[str, Any], action: str, resource: str, **context: str) -> bool:
    """`context`: `there` and `asked`, the projects in the tags of what is there and of what is asked for."""
    names = {"there": f"aws:ResourceTag/{PROJECT}", "asked": f"aws:RequestTag/{PROJECT}"}
    scaling = {"application-autoscaling:service-namespace": context.pop("scaling", "sagemaker")}
    keys = {names[name]: value for name, value in context.items()} | scaling
    return allows(policy, Request(action, f"arn:aws:{resource}", keys))


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
    assert may(deployer(scope(project, "shop")), action, resource, there=project)


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
        ("iam:DeleteRole", "iam::123456789012:role/tiffin/colours-two/eu-west-1/a"),
        ("iam:DeleteRole", "iam::123456789012:role/tiffin/colours/us-east-1/colours-execution-us-east-1"),
        ("iam:PassRole", "iam::123456789012:role/tiffin/colours/us-east-1/colours-execution-us-east-1"),
        ("iam:DeleteRole", "iam::123456789012:role/colours-execution-eu-west-1"),
        ("s3:DeleteObject", "s3:::tiffin-colours/tiffin/colours-two/a"),
    ],
)
def test_what_only_begins_alike_is_not(action: str, resource: str) -> None:
    assert not may(deployer(scope()), action, resource)


TARGET = f"application-autoscaling:{ACCOUNT}:scalable-target/0ab1"


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("sagemaker:DescribeEndpoint", f"sagemaker:{ACCOUNT}:endpoint/colours-two"),
        ("sagemaker:DeleteEndpoint", f"sagemaker:{ACCOUNT}:endpoint/colours-two"),
        ("sagemaker:UpdateEndpoint", f"sagemaker:{ACCOUNT}:endpoint-config/colours-two-config-1"),
        ("sagemaker:InvokeEndpoint", f"sagemaker:{ACCOUNT}:endpoint/colours-two"),
        ("sagemaker:DeleteModel", f"sagemaker:{ACCOUNT}:model/colours-two-model-1"),
        ("sagemaker:StopTrainingJob", f"sagemaker:{ACCOUNT}:training-job/colours-two-train-1"),
        ("sagemaker:AddTags", f"sagemaker:{ACCOUNT}:training-job/colours-two-train-1"),
        ("sagemaker:DeleteNotebookInstance", f"sagemaker:{ACCOUNT}:notebook-instance/colours-two-notebook"),
        ("cloudwatch:PutMetricAlarm", f"cloudwatch:{ACCOUNT}:alarm:colours-two-5xx-a-main"),
        ("cloudwatch:DeleteAlarms", f"cloudwatch:{ACCOUNT}:alarm:colours-two-5xx-a-main"),
        ("application-autoscaling:DeregisterScalableTarget", TARGET),
        ("application-autoscaling:PutScalingPolicy", TARGET),
    ],
)
def test_what_has_another_projects_tag_is_not(action: str, resource: str) -> None:
    policy = deployer(scope())
    assert not may(policy, action, resource, there="colours-two")
    assert not may(policy, action, resource, there="colours-two", asked="colours")  # by which it would change hands
    assert may(policy, action, resource, there="colours")
    assert may(policy, action, resource)  # it is not there, and AWS is to say that


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("sagemaker:CreateModel", f"sagemaker:{ACCOUNT}:model/colours-two-model-1"),
        ("sagemaker:AddTags", f"sagemaker:{ACCOUNT}:model/colours-two-model-1"),
        ("cloudwatch:PutMetricAlarm", f"cloudwatch:{ACCOUNT}:alarm:colours-two-5xx-a-main"),
        ("application-autoscaling:RegisterScalableTarget", TARGET),
    ],
)
def test_nothing_is_made_in_another_projects_name(action: str, resource: str) -> None:
    assert not may(deployer(scope()), action, resource, asked="colours-two")
    assert may(deployer(scope()), action, resource, asked="colours")


def test_nothing_is_made_without_the_tag() -> None:
    model = f"sagemaker:{ACCOUNT}:model/colours-model-1"
    assert may(deployer(scope()), "sagemaker:CreateModel", model, asked="colours")
    assert not may(deployer(scope()), "sagemaker:CreateModel", model)


def test_no_endpoint_is_made_of_another_projects_configuration() -> None:
    made = ("sagemaker:CreateEndpoint", f"sagemaker:{ACCOUNT}:endpoint-config/colours-two-config-1")
    assert not may(deployer(scope()), *made, there="colours-two", asked="colours")


def test_an_endpoint_with_capitals_is_allowed_as_its_arn_has_it() -> None:
    wanted = scope(endpoint="Shop")
    for policy in (deployer(wanted), caller(wanted), database(wanted)):
        assert may(policy, "sagemaker:InvokeEndpoint", f"sagemaker:{ACCOUNT}:endpoint/shop")
        assert not may(policy, "sagemaker:InvokeEndpoint", f"sagemaker:{ACCOUNT}:endpoint/SHOP")


def test_the_role_that_scales_may_be_made_and_no_other_services() -> None:
    roles, action = "iam::123456789012:role/aws-service-role", "iam:CreateServiceLinkedRole"
    of = "sagemaker.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
    assert may(deployer(scope()), action, f"{roles}/{of}")
    assert not may(deployer(scope()), action, f"{roles}/{of.replace('sagemaker', 'rds')}")


def test_the_scaling_of_other_services_is_not_touched() -> None:
    action = "application-autoscaling:DeregisterScalableTarget"
    assert may(deployer(scope()), action, TARGET)
    assert not may(deployer(scope()), action, TARGET, scaling="dynamodb")


@pytest.mark.parametrize("endpoint", [LONG, "E" * 63])
@pytest.mark.parametrize("repository", [LONG, "arn:aws-us-gov:ecr:us-gov-west-1:123456789012:repository/" + "r" * 256])
@pytest.mark.parametrize("boundary", ["", BOUNDARY])
@pytest.mark.parametrize("key", ["", KEY])
@pytest.mark.parametrize("in_vpc", [False, True])
def test_it_fits_at_its_longest(in_vpc: bool, key: str, boundary: str, repository: str, endpoint: str) -> None:
    longest = Scope(
        *(LONG, "123456789012", "us-gov-west-1", "b" * 63, repository, endpoint),
        partition="aws-us-gov",
        kms_key=key,
        in_vpc=in_vpc,
        permissions_boundary=boundary,
    )
    for policy in (deployer(longest), deployer(longest, makes_roles=False), execution(longest)):
        assert length(policy) <= INLINE
        assert all(length(each) <= MANAGED for each in parts(policy))
        assert [one for each in parts(policy) for one in each["Statement"]] == policy["Statement"]
        assert len(parts(policy)) == (1 if length(policy) <= MANAGED else 2)


def length(policy: dict[str, Any]) -> int:
    """As IAM counts: without white space."""
    return len("".join(json.dumps(policy).split()))


def test_a_short_projects_is_one_policy() -> None:
    assert len(parts(deployer(scope()))) == 1


@pytest.mark.parametrize(("project", "many"), [("colours", 1), (LONG, 2)])
def test_it_is_printed_whole_or_written_in_parts(
    project: str, many: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(roles, "scope", lambda _: scope(project))
    said: list[str] = []
    context: Any = SimpleNamespace(say=said.append)
    options = argparse.Namespace(which="deployer", print=False, output=None)
    assert role.run(context, options) == 0
    whole = json.loads(capsys.readouterr().out)
    assert whole == deployer(scope(project))
    assert [f"--output FOLDER writes {many} of them" in line for line in said] == ([True] if many > 1 else [])

    options.output = tmp_path / "iam"
    assert role.run(context, options) == 0
    files = [Path(each) for each in capsys.readouterr().out.splitlines()]
    assert files == [tmp_path / "iam" / f"deployer-{number}.json" for number in range(1, many + 1)]
    written = [json.loads(each.read_text(encoding="utf-8")) for each in files]
    assert [one for each in written for one in each["Statement"]] == whole["Statement"]
