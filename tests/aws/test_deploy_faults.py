"""Whatever call to AWS goes wrong, and however: the next destroy ends with nothing left."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import create_loader

from deploy.__main__ import main
from tests.faulty import WAYS, Faulty, faulty
from tests.localaws import LocalAws, up
from tests.runs import PROGRAM
from tests.server import PATIENCE, ROOT

IMAGE = ("--image-uri", str(PROGRAM))  # somebody else's, which is done in a moment
ROLE = ("role",)
UP = ("up", *IMAGE, "--model-data", "ARTIFACT", "--min-instances", "1", "--max-instances", "2", "--capture", "1")


@dataclass(frozen=True)
class Step:
    """A command, with ARTIFACT in the place of one that is there, and those that come before it."""

    command: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = (ROLE,)

    def of(self, artifact: str) -> "Step":
        def ready(command: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(artifact if each == "ARTIFACT" else each for each in command)

        return Step(ready(self.command), tuple(map(ready, self.before)))


TRAIN = ("train", *IMAGE, "--channels", "train=train.csv", "--hyperparameters", "do=report")
METRIC = ("--metrics", "loss=loss=([0-9.]+)", "--objective", "loss")
STEPS = (
    Step(ROLE, ()),
    Step(TRAIN),
    Step(("tune", *TRAIN[1:], *METRIC, "--ranges", "seed=1,2", "--max-jobs", "1", "--max-parallel-jobs", "1")),
    Step(UP),
    Step(
        ("update", *UP[1:5], "--environment", "SERVE_WORKERS=1", "--bake-seconds", "0"),
        (ROLE, UP),
    ),
    Step(("transform", *IMAGE, "--artifact", "ARTIFACT", "--input", "rows.csv")),
    Step(("notebook", "up")),
    Step(("destroy", "--yes"), (ROLE, ("notebook", "up"))),  # and the next one does the rest
)
ALL = (*WAYS, "kill")


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """An account for these alone: what is left is looked for in all of it."""
    with up(tmp_path_factory.mktemp("aws") / "state", "--no-docker") as api:
        yield api


@pytest.fixture
def between(aws: LocalAws) -> Iterator[Faulty]:
    with faulty(aws.port) as proxy:
        yield proxy


def deploy(aws: LocalAws, ledger: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "deploy", *arguments, "--ledger", str(ledger)],
        env={**os.environ, **aws.variables, "PYTHONPATH": str(ROOT)},
        cwd=ledger.parent,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def here(aws: LocalAws, between: Faulty, ledger: Path, *arguments: str) -> int:
    """In this process, which spares an interpreter for each of hundreds of runs, and all but the first what botocore
    reads of each service; nobody waits between attempts."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**aws.variables, "AWS_ENDPOINT_URL": between.url, "AWS_MAX_ATTEMPTS": "3"}.items():
            patch.setenv(name, value)
        sleep = time.sleep
        patch.setattr("time.sleep", lambda seconds: sleep(min(seconds, 0.05)))
        patch.setattr("botocore.session.create_loader", _loader)
        return main([*arguments, "--ledger", str(ledger)])


@cache
def _loader(_path: str | None = None) -> Any:
    return create_loader()


def material(folder: Path) -> None:
    """What the commands take from the current folder."""
    (folder / "train.csv").write_text("1,2\n")
    (folder / "rows.csv").write_text("73,84,116\n" * 9)


def artifact(aws: LocalAws, between: Faulty, ledger: Path) -> str:
    """S3 address of what a training job of another project leaves."""
    for command in (ROLE, TRAIN):
        assert here(aws, between, ledger, *command, "--project", "prepared") == 0
    jobs = aws.client("sagemaker").list_training_jobs(NameContains="prepared")["TrainingJobSummaries"]
    job = aws.client("sagemaker").describe_training_job(TrainingJobName=jobs[0]["TrainingJobName"])
    return str(job["ModelArtifacts"]["S3ModelArtifacts"])


def every(aws: LocalAws, between: Faulty, ledger: Path, steps: Iterable[Step]) -> list[tuple[Step, int]]:
    """The changing calls of steps in which nothing goes wrong, by their numbers."""
    found = []
    for step in steps:
        for command in step.before:
            assert here(aws, between, ledger, *command, "--project", "counted") == 0, command
        between.changes = []
        assert here(aws, between, ledger, *step.command, "--project", "counted") == 0, step
        found += [(step, at) for at in range(len(between.changes))]
        assert here(aws, between, ledger, "destroy", "--yes", "--project", "counted") == 0
    return found


def left(aws: LocalAws, project: str) -> list[str]:
    """Asked of AWS by other means than deploy's."""
    sagemaker, iam = aws.client("sagemaker"), aws.client("iam")
    return [
        *(each["EndpointName"] for each in sagemaker.list_endpoints(NameContains=project)["Endpoints"]),
        *(
            each["EndpointConfigName"]
            for each in sagemaker.list_endpoint_configs(NameContains=project)["EndpointConfigs"]
        ),
        *(each["ModelName"] for each in sagemaker.list_models(NameContains=project)["Models"]),
        *(
            each["NotebookInstanceName"]
            for each in sagemaker.list_notebook_instances()["NotebookInstances"]
            if project in each["NotebookInstanceName"]
        ),
        *(
            each["repositoryName"]
            for each in aws.client("ecr").describe_repositories()["repositories"]
            if project in each["repositoryName"]
        ),
        *(each["RoleName"] for each in iam.list_roles()["Roles"] if project in each["RoleName"]),
        *(each["Name"] for each in aws.client("s3").list_buckets()["Buckets"] if project in each["Name"]),
        *(
            each["AlarmName"]
            for each in aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
            if project in each["AlarmName"]
        ),
        *(
            each["logGroupName"]
            for each in aws.client("logs").describe_log_groups()["logGroups"]
            if project in each["logGroupName"]
        ),
    ]


@pytest.mark.timeout(900)
def test_after_any_fault_destroy_leaves_nothing(
    aws: LocalAws, between: Faulty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each changing call goes wrong in one of six ways, in turn; `make campaign` has all of each."""
    monkeypatch.chdir(tmp_path)
    material(tmp_path)
    ledger = tmp_path / "ledger"
    there = artifact(aws, between, ledger)
    calls = every(aws, between, ledger, [step.of(there) for step in STEPS])
    assert {step.command[0] for step, _ in calls} == {step.command[0] for step in STEPS}
    for number, call in enumerate(calls):
        goes_wrong(aws, between, ledger, call, ALL[number % len(ALL)])


@pytest.mark.parametrize(
    "begun", [(STEPS[4], "UpdateEndpoint"), (Step(("destroy", "--yes"), (ROLE, UP)), "DeregisterScalableTarget")]
)
def test_what_a_lost_answer_has_begun_is_known_by_who_asks_again(
    aws: LocalAws, between: Faulty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: tuple[Step, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    material(tmp_path)
    ledger = tmp_path / "ledger"
    ready = begun[0].of(artifact(aws, between, ledger))
    for command in ready.before:
        assert here(aws, between, ledger, *command, "--project", "counted") == 0
    between.changes = []
    assert here(aws, between, ledger, *ready.command, "--project", "counted") == 0
    at = between.changes.index(begun[1])
    assert here(aws, between, ledger, "destroy", "--yes", "--project", "counted") == 0
    goes_wrong(aws, between, ledger, (ready, at), "cut after")


def goes_wrong(aws: LocalAws, between: Faulty, ledger: Path, call: tuple[Step, int], way: str) -> None:
    """One of `every`; then destroy, with AWS well again."""
    step, at = call
    project = f"fault-{ALL.index(way)}-{step.command[0]}-{at}"
    between.way = ""
    for command in step.before:
        assert here(aws, between, ledger, *command, "--project", project) == 0
    between.way, between.at, between.changes = way, at, []
    run = _killed if way == "kill" else here
    code = run(aws, between, ledger, *step.command, "--project", project)
    assert len(between.changes) > at, "that call was never made"
    what, between.way = f"{way} at {at} of {step.command[0]}, {between.changes[at]}", ""
    if way == "kill":
        assert code == -signal.SIGKILL, what
    elif way == "denied" and step.command[0] == "update" and between.changes[at] in between.changes[at + 1 :]:
        assert code == 0, what  # what it has replaced it takes away at its end once more
    else:  # one call that was throttled or cut is what retries are for
        assert code == (1 if way in ("denied", "dead") else 0), what
    assert here(aws, between, ledger, "destroy", "--yes", "--project", project) == 0, what
    assert left(aws, project) == [], what


def _killed(aws: LocalAws, between: Faulty, ledger: Path, *arguments: str) -> int:
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy", *arguments, "--ledger", str(ledger)],
        env={**os.environ, **aws.variables, "AWS_ENDPOINT_URL": between.url, "PYTHONPATH": str(ROOT)},
        cwd=ledger.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    between.on_fault = lambda: process.send_signal(signal.SIGKILL)
    return process.wait(PATIENCE)


def test_what_is_somebody_elses_is_left_alone(aws: LocalAws, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    trust = {"Version": "2012-10-17", "Statement": []}
    aws.client("iam").create_role(RoleName="theirs-execution-us-east-1", AssumeRolePolicyDocument=json.dumps(trust))
    aws.client("iam").create_role(
        RoleName="theirs-aurora-us-east-1", Path="/tiffin/theirs/", AssumeRolePolicyDocument=json.dumps(trust)
    )
    refused = deploy(aws, ledger, "role", "aurora", "--project", "theirs")
    assert refused.returncode == 1
    assert "theirs-aurora-us-east-1 of account 123456789012 is somebody else's" in refused.stderr
    done = deploy(aws, ledger, "destroy", "--yes", "--project", "theirs")
    assert done.returncode == 0, done.stderr
    assert sorted(left(aws, "theirs")) == ["theirs-aurora-us-east-1", "theirs-execution-us-east-1"]


def test_what_the_ledger_lost_is_found_by_its_tag(aws: LocalAws, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    assert deploy(aws, ledger, "role", "--project", "lost").returncode == 0
    (file,) = ledger.iterdir()
    file.unlink()
    done = deploy(aws, ledger, "destroy", "--yes", "--project", "lost")
    assert (done.returncode, left(aws, "lost")) == (0, []), done.stderr


def test_only_what_has_expired_goes(aws: LocalAws, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    assert deploy(aws, ledger, "role", "--project", "expiry", "--expires", "0m").returncode == 0
    assert deploy(aws, ledger, "role", "aurora", "--project", "expiry", "--expires", "8h").returncode == 0
    assert deploy(aws, ledger, "role", "redshift", "--project", "expiry").returncode == 0
    done = deploy(aws, ledger, "destroy", "--expired", "--yes", "--project", "expiry")
    stays = ["expiry-aurora-us-east-1", "expiry-redshift-us-east-1"]
    assert (done.returncode, sorted(left(aws, "expiry"))) == (0, stays), done.stderr
    assert done.stderr.splitlines()[-1].startswith("nothing of expiry that has expired is left in")
    again = deploy(aws, ledger, "destroy", "--expired", "--dry-run", "--project", "expiry")
    assert (again.returncode, again.stderr) == (0, "nothing of expiry that has expired is there\n")


def test_nobody_is_asked_where_nobody_sits(aws: LocalAws, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    assert deploy(aws, ledger, "role", "--project", "asked").returncode == 0
    done = deploy(aws, ledger, "destroy", "--project", "asked")
    assert (done.returncode, left(aws, "asked")) == (1, ["asked-execution-us-east-1"])
    assert "--yes" in done.stderr


def test_a_dry_run_prints_the_calls_and_makes_none(aws: LocalAws, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    done = deploy(
        *(aws, ledger, "role", "--project", "dry", "--dry-run", "--permissions-boundary", "arn:aws:iam::1:policy/b"),
        *("--calls", "calls.jsonl"),
    )
    made = [json.loads(line)["operation"] for line in (tmp_path / "calls.jsonl").read_text().splitlines()]
    assert made == ["GetCallerIdentity", "GetRole"]
    calls = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [(each["service"], each["operation"]) for each in calls] == [("iam", "CreateRole"), ("iam", "PutRolePolicy")]
    assert calls[0]["parameters"]["PermissionsBoundary"] == "arn:aws:iam::1:policy/b"
    assert (left(aws, "dry"), ledger.exists()) == ([], False)


def test_what_was_made_though_its_answer_was_lost_is_finished(
    aws: LocalAws, between: Faulty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second attempt hears that the name is taken; policy, tags and encryption come with other calls."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.csv").write_text("1,2\n")
    key = ("--kms-key", "alias/ours", "--region", "eu-west-1")
    for command in (("role",), ("upload", "train.csv", *key)):
        between.way, between.at, between.changes = "cut after", 0, []
        assert here(aws, between, tmp_path / "ledger", *command, "--project", "answerless") == 0
    policies = aws.client("iam").list_role_policies(RoleName="answerless-execution-us-east-1")["PolicyNames"]
    assert policies == ["tiffin"]
    s3, bucket = aws.client("s3"), "tiffin-answerless-123456789012-eu-west-1"
    tags = {each["Key"]: each["Value"] for each in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]}
    assert tags["tiffin:project"] == "answerless"
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]["BlockPublicPolicy"]
    (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == "alias/ours"


@pytest.mark.parametrize("is_lost", [False, True], ids=["by the ledger", "by tags"])
def test_a_region_is_taken_away_and_another_one_stays(aws: LocalAws, tmp_path: Path, is_lost: bool) -> None:
    ledger = tmp_path / "ledger"
    (tmp_path / "a.csv").write_text("1\n")
    material(tmp_path)
    arns, where = {}, ("--project", "regions", "--region")
    for region in ("eu-west-1", "us-east-1"):
        assert deploy(aws, ledger, "upload", "a.csv", *where, region).returncode == 0
        made = deploy(aws, ledger, "role", *where, region)
        assert made.returncode == 0, made.stderr
        arns[region] = made.stdout.strip()
    role = "regions-execution-us-east-1"
    assert arns["us-east-1"] == f"arn:aws:iam::123456789012:role/tiffin/regions/us-east-1/{role}"
    iam = aws.client("iam")
    before = iam.get_role_policy(RoleName=role, PolicyName="tiffin")["PolicyDocument"]
    if is_lost:
        next(ledger.glob("*eu-west-1*")).unlink()

    done = deploy(aws, ledger, "destroy", "--yes", *where, "eu-west-1")
    stays = [role, "tiffin-regions-123456789012-us-east-1"]
    assert (done.returncode, left(aws, "regions")) == (0, stays), done.stderr
    assert iam.get_role_policy(RoleName=role, PolicyName="tiffin")["PolicyDocument"] == before
    assert "tiffin-regions-123456789012-us-east-1" in json.dumps(before)
    trained = deploy(aws, ledger, *TRAIN, "--dry-run", *where, "us-east-1")
    assert trained.returncode == 0, trained.stderr
    assert f'"RoleArn": "{arns["us-east-1"]}"' in trained.stdout
    done = deploy(aws, ledger, "destroy", "--yes", *where, "us-east-1")
    assert (done.returncode, left(aws, "regions")) == (0, []), done.stderr


def test_a_notebook_leaves_a_role_of_its_name_alone(aws: LocalAws, tmp_path: Path) -> None:
    ledger, theirs = tmp_path / "ledger", "books-notebook-us-east-1"
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    assert deploy(aws, ledger, "role", "--project", "books").returncode == 0
    aws.client("iam").create_role(RoleName=theirs, AssumeRolePolicyDocument=trust)
    refused = deploy(aws, ledger, "notebook", "up", "--project", "books")
    assert (refused.returncode, refused.stderr.count(f"the role {theirs} of account")) == (1, 1)

    aws.client("iam").delete_role(RoleName=theirs)
    assert deploy(aws, ledger, "notebook", "up", "--project", "books").returncode == 0
    aws.client("iam").delete_role_policy(RoleName=theirs, PolicyName="tiffin")
    aws.client("iam").delete_role(RoleName=theirs)
    aws.client("iam").create_role(RoleName=theirs, AssumeRolePolicyDocument=trust)
    assert deploy(aws, ledger, "notebook", "down", "--project", "books").returncode == 0
    assert deploy(aws, ledger, "destroy", "--yes", "--project", "books").returncode == 0
    assert left(aws, "books") == [theirs]
