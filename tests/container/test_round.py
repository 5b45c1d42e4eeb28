"""The whole round by its one command: build, push, train, deploy, invoke, transform, SQL, and nothing is left."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from deploy.deployer import deployer
from deploy.policies import Scope
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
# Asked for by what is not a call of deploy's own, or only by what cannot be had here; each with who asks.
UNSEEN = {
    "iam:PassRole": "AWS, when a role is handed on",
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


def action(service: str, operation: str) -> str:
    """The permission that an operation asks for; `service` is the name that requests are signed for."""
    prefix = {"monitoring": "cloudwatch"}.get(service, service)
    return OTHERWISE.get(f"{prefix}:{operation}", f"{prefix}:{operation}")


def recorded(*files: Path) -> set[str]:
    lines = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return {action(line["service"], line["operation"]) for line in lines} - FREE


def allowed(statements: Iterable[dict[str, list[str]]]) -> set[str]:
    return {each for statement in statements for each in statement["Action"]}


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "local_test", "run", *arguments],
        env={**os.environ, "PYTHON": sys.executable, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1", "PUSH": "--force"},
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
    done = run(ROOT, "--docker", "--sql", "--", "examples/round/round.sh")
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
    others = run(tmp_path, "--no-docker", "--", "sh", "-c", OTHERS)
    assert others.returncode == 0, f"{others.stdout}\n{others.stderr}"

    made = recorded(calls, tmp_path / "calls.jsonl")
    policy = allowed(deployer(Scope("p", "1", "eu-west-1", "b", "r", "e"))["Statement"])
    assert made - policy == set(), "called, and not allowed"
    assert policy - made - set(UNSEEN) == set(), "allowed, and never called"
    assert set(UNSEEN) - policy == set(), "listed, and not even allowed"
    assert set(UNSEEN) & made == set(), "listed as unseen, and seen"
