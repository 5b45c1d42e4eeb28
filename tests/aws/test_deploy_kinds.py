"""Pipelines, model packages and stacks: made through the ledger, and taken away in an order that AWS accepts."""

import json
from pathlib import Path

import pytest

from deploy.aws import Aws
from deploy.destroy import chosen, destroy
from deploy.making import Maker
from deploy.sections import Account, Project
from tests.localaws import ROLE, LocalAws

PIPELINE = {"Version": "2020-12-01", "Parameters": [], "Steps": []}
STACK = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "kinds-topic"}}}}


@pytest.fixture
def maker(aws: LocalAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Maker:
    for name, value in aws.variables.items():
        monkeypatch.setenv(name, value)
    return Maker(Aws(Account()), Project(project="kinds", ledger=tmp_path / "ledger"))


def test_what_pipelines_make_goes_too(aws: LocalAws, maker: Maker) -> None:
    sagemaker, stacks = aws.client("sagemaker"), aws.client("cloudformation")
    maker.make(
        "pipeline", "kinds-train", PipelineDefinition=json.dumps(PIPELINE), RoleArn=ROLE, ClientRequestToken="k" * 32
    )
    maker.make("model package group", "kinds-models")
    containers = {"Containers": [{"Image": "tiffin", "ModelDataUrl": "s3://models/a.tar.gz"}]}
    types = {"SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"]}
    sagemaker.create_model_package(ModelPackageGroupName="kinds-models", InferenceSpecification={**containers, **types})
    maker.make("stack", "kinds-stack", TemplateBody=json.dumps(STACK))
    stacks.create_stack(StackName="kinds-theirs", TemplateBody=json.dumps({"Resources": {}}))

    resources, unlisted = chosen(maker.aws, maker.ledger, "kinds")
    assert unlisted == []
    assert [each.kind for each in resources] == ["pipeline", "stack", "model package group"]
    assert destroy(maker.aws, maker.ledger, resources, lambda _: None) == []
    assert chosen(maker.aws, maker.ledger, "kinds") == ([], [])
    assert sagemaker.list_pipelines(PipelineNamePrefix="kinds")["PipelineSummaries"] == []
    assert sagemaker.list_model_package_groups(NameContains="kinds")["ModelPackageGroupSummaryList"] == []
    assert [each["StackName"] for each in stacks.describe_stacks()["Stacks"] if "kinds" in each["StackName"]] == [
        "kinds-theirs"
    ]
    assert not [each for each in aws.client("sns").list_topics()["Topics"] if "kinds" in each["TopicArn"]]


def test_they_are_found_by_their_tags(maker: Maker) -> None:
    maker.make(
        "pipeline", "kinds-train", PipelineDefinition=json.dumps(PIPELINE), RoleArn=ROLE, ClientRequestToken="l" * 32
    )
    maker.make("model package group", "kinds-models")
    maker.make("stack", "kinds-stack", TemplateBody=json.dumps(STACK))
    maker.ledger.file.unlink()
    resources, _ = chosen(maker.aws, maker.ledger, "kinds")
    assert [each.kind for each in resources] == ["pipeline", "stack", "model package group"]
    assert destroy(maker.aws, maker.ledger, resources, lambda _: None) == []
