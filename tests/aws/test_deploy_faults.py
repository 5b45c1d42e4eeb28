"""Whatever call to AWS goes wrong, and however: the next destroy ends with nothing left."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.__main__ import main
from tests.faulty import WAYS, Faulty, faulty
from tests.localaws import LocalAws
from tests.server import PATIENCE, ROOT

COMMANDS = (("role",), ("notebook", "up"))


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
    """In this process, which spares an interpreter for each of hundreds of runs; nobody waits between attempts."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**aws.variables, "AWS_ENDPOINT_URL": between.url, "AWS_MAX_ATTEMPTS": "3"}.items():
            patch.setenv(name, value)
        patch.setattr("botocore.endpoint.time.sleep", lambda _: None)
        return main([*arguments, "--ledger", str(ledger)])


def changes(aws: LocalAws, between: Faulty, ledger: Path) -> int:
    for command in COMMANDS:
        assert here(aws, between, ledger, *command, "--project", "counted") == 0
    done = len(between.changes)
    assert here(aws, between, ledger, "destroy", "--yes", "--project", "counted") == 0
    return done


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


@pytest.mark.timeout(600)
@pytest.mark.parametrize("way", [*WAYS, "kill"])
def test_after_any_fault_destroy_leaves_nothing(aws: LocalAws, between: Faulty, tmp_path: Path, way: str) -> None:
    ledger = tmp_path / "ledger"
    for at in range(changes(aws, between, ledger)):
        project = f"fault-{WAYS.index(way) if way in WAYS else 9}-{at}"
        between.way, between.at, between.changes = way, at, []
        codes = []
        for command in COMMANDS:
            if way == "kill":
                codes.append(_killed(aws, between, ledger, *command, "--project", project))
            else:
                codes.append(here(aws, between, ledger, *command, "--project", project))
        assert len(between.changes) > at, f"call {at} was never made: {codes}"
        if way in ("denied", "dead"):
            assert 1 in codes
        if way in ("throttled", "cut before", "cut after"):
            assert codes == [0] * len(codes), f"one {way} call is what retries are for"
        what, between.way = f"{way} at {at}, {between.changes[at]}", ""
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
    aws.client("iam").create_role(RoleName="theirs-execution", AssumeRolePolicyDocument=json.dumps(trust))
    aws.client("iam").create_role(
        RoleName="theirs-aurora", Path="/tiffin/theirs/", AssumeRolePolicyDocument=json.dumps(trust)
    )
    refused = deploy(aws, ledger, "role", "aurora", "--project", "theirs")
    assert refused.returncode == 1
    assert "there is a role theirs-aurora" in refused.stderr
    done = deploy(aws, ledger, "destroy", "--yes", "--project", "theirs")
    assert done.returncode == 0, done.stderr
    assert sorted(left(aws, "theirs")) == ["theirs-aurora", "theirs-execution"]


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
    assert (done.returncode, sorted(left(aws, "expiry"))) == (0, ["expiry-aurora", "expiry-redshift"]), done.stderr


def test_nobody_is_asked_where_nobody_sits(aws: LocalAws, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    assert deploy(aws, ledger, "role", "--project", "asked").returncode == 0
    done = deploy(aws, ledger, "destroy", "--project", "asked")
    assert (done.returncode, left(aws, "asked")) == (1, ["asked-execution"])
    assert "--yes" in done.stderr


def test_a_dry_run_prints_the_calls_and_makes_none(aws: LocalAws, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    done = deploy(
        aws, ledger, "role", "--project", "dry", "--dry-run", "--permissions-boundary", "arn:aws:iam::1:policy/b"
    )
    calls = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [(each["service"], each["operation"]) for each in calls] == [("iam", "CreateRole"), ("iam", "PutRolePolicy")]
    assert calls[0]["parameters"]["PermissionsBoundary"] == "arn:aws:iam::1:policy/b"
    assert (left(aws, "dry"), ledger.exists()) == ([], False)
