"""The whole round by its one command: build, push, train, deploy, invoke, transform, SQL, and nothing is left."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from deploy.deployer import LOOKING, deployer
from deploy.policies import Scope
from tests.asked import ACCOUNT, action, requests
from tests.policies import PROJECT, Request, allows
from tests.server import ROOT

pytestmark = [pytest.mark.container, pytest.mark.registry]
FOLDER = ROOT / "examples" / "round"
AT_MOST = 5 * 60.0  # seconds, with the image's layers in the cache
# Commands that are not in the round, without containers; their calls belong to whoever runs deploy, too.
OTHERS = """
set -eu
deploy() { "$PYTHON" -m deploy "$@" --project others --calls calls.jsonl; }
image="--image-uri tiffin:0.1.0-colour"
deploy role
deploy upload train/
job=$(deploy train $image --channels train=train/ --no-wait)
deploy logs
deploy stop "$job"
deploy train $image --channels train=train/
deploy tune $image --channels train=train/ --metrics 'accuracy=test_accuracy=([0-9.]+)' --objective accuracy \\
    --ranges algorithm=tree,forest --max-jobs 1 --max-parallel-jobs 1
deploy up $image --min-instances 1 --max-instances 2
deploy info
deploy update $image --environment SERVE_WORKERS=1 --bake-seconds 0
deploy up $image --endpoint others-async --kind async
deploy invoke --endpoint others-async --async 255,0,0
deploy sql --engine aurora-mysql >/dev/null
deploy notebook up
deploy notebook down
deploy idle
deploy destroy --yes
"""
FREE = frozenset({"sts:GetCallerIdentity"})  # nobody needs leave for it
# Asked for by what is not a call of deploy's own, or only by what cannot be had here; each with who asks.
UNSEEN = {
    "iam:PassRole": "AWS, when a role is handed on",
    "iam:CreateServiceLinkedRole": "AWS, when an account's first endpoint is scaled",
    "iam:TagRole": "AWS, when a role is made with tags",
    "sagemaker:AddTags": "AWS, when a thing is made with tags",
    "ecr:TagResource": "AWS, when a repository is made with tags",
    "cloudwatch:TagResource": "AWS, when an alarm is made with tags",
    "application-autoscaling:TagResource": "AWS, when a target is made with tags",
    "ecr:BatchCheckLayerAvailability": "the engine's push",
    "ecr:InitiateLayerUpload": "the engine's push",
    "ecr:UploadLayerPart": "the engine's push",
    "ecr:CompleteLayerUpload": "the engine's push",
    "s3:DeleteObjectVersion": "AWS, when DeleteObjects names versions",
    "s3:PutEncryptionConfiguration": "a bucket with a KMS key",
    "s3:AbortMultipartUpload": "uploads that were cut off",
    "iam:DetachRolePolicy": "a role to which somebody attached a policy",
    "sagemaker:StopTransformJob": "a transform job that runs at the end",
    "sagemaker:StopHyperParameterTuningJob": "a tuning job that runs at the end",
}
# What is allowed by name alone, so that of colours-two it is allowed to colours as well: docs/16-deploy.md says so.
BY_NAME = {
    "logs:DescribeLogStreams": "of all of SageMaker's groups",
    "logs:GetLogEvents": "streams have no tags",
    "logs:DeleteLogStream": "streams have no tags",
    "logs:DeleteLogGroup": "SageMaker makes the groups, without tags",
    "iam:GetRole": "to see that a role of that name is somebody else's, below no path of the project's",
}


def recorded(*files: Path) -> set[str]:
    lines = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return {action(line["service"], line["operation"]) for line in lines} - FREE


def allowed(statements: Iterable[dict[str, list[str]]]) -> set[str]:
    return {each for statement in statements for each in statement["Action"]}


def asked(file: Path, project: str) -> list[Request]:
    calls = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return [
        each
        for call in calls
        if f"{call['service']}:{call['operation']}" not in FREE
        for each in requests(call, project)
    ]


def holds(project: str, wanted: list[Request]) -> None:
    """All that was asked for is allowed, whether it was there or not; and of a project whose name goes on, nothing."""
    region = "us-east-1"
    bucket = f"tiffin-{project}-{ACCOUNT}-{region}"
    policy = deployer(Scope(project, ACCOUNT, region, bucket, project, project))
    refused = [each for each in wanted if not (allows(policy, each) and allows(policy, each.of(project)))]
    assert refused == [], "called, and not allowed there or in that way"
    passes = {each.action for each in wanted if allows(policy, another(each, project, f"{project}-two"))}
    assert passes - set(LOOKING) == set(BY_NAME)


def another(request: Request, project: str, longer: str) -> Request:
    """The same of the project `longer`, whose things are there."""
    resource = re.sub(rf"\b{project}\b", longer, request.resource)
    context = {name: longer if name.endswith(PROJECT) else value for name, value in request.context.items()}
    return Request(request.action, resource, context).of(longer)


def run(folder: Path, spied: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "local_test", "run", *arguments],
        env={
            **os.environ,
            "PYTHON": sys.executable,
            "PYTHONPATH": f"{ROOT / 'tests' / 'spy'}:{ROOT}",
            "PYTHONSAFEPATH": "1",
            "PUSH": "--force",
            "SPY_CALLS": str(spied),
        },
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.mark.timeout(900)
def test_the_round_and_the_policy_of_who_runs_it(tmp_path: Path) -> None:
    calls = FOLDER / ".tiffin" / "calls.jsonl"
    calls.unlink(missing_ok=True)
    started = time.monotonic()
    done = run(ROOT, tmp_path / "round.jsonl", "--docker", "--sql", "--", "examples/round/round.sh")
    took = time.monotonic() - started
    print(f"\nthe round: {took:.0f} s")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "\nblue\n" in done.stdout  # of invoke
    assert "|  200 |   16 |   46 | red    |" in done.stdout  # of SQL
    assert "999 " in done.stdout  # of the transform job
    assert "left out" not in done.stdout
    assert "nothing of colours is left in" in done.stderr.splitlines()[-1]
    assert took < AT_MOST

    (tmp_path / "train").mkdir()
    shutil.copy(ROOT / "model" / "data" / "colours.csv", tmp_path / "train")
    others = run(tmp_path, tmp_path / "others.jsonl", "--no-docker", "--", "sh", "-c", OTHERS)
    assert others.returncode == 0, f"{others.stdout}\n{others.stderr}"

    made = recorded(calls, tmp_path / "calls.jsonl")
    policy = allowed(deployer(Scope("p", "1", "eu-west-1", "b", "r", "e"))["Statement"])
    assert made - policy == set(), "called, and not allowed"
    assert policy - made - set(UNSEEN) == set(), "allowed, and never called"
    assert set(UNSEEN) - policy == set(), "listed, and not even allowed"
    assert set(UNSEEN) & made == set(), "listed as unseen, and seen"
    holds("colours", asked(tmp_path / "round.jsonl", "colours"))
    holds("others", asked(tmp_path / "others.jsonl", "others"))
