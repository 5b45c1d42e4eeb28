"""`deploy up`, `invoke`, `info`, `update`, `destroy`: as processes, on endpoints of every kind."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.awshosting import BUCKET, HOSTED, Hosting, name, packed
from tests.deployhosting import AT_ONCE, Hosted, configs, hosted, left, models, targets
from tests.faulty import faulty
from tests.runs import PROGRAM
from tests.server import ROOT

KINDS: dict[str, dict[str, Any]] = {
    "real-time": {},
    "serverless": {"memory_mb": 1024, "max_concurrency": 2},
    "async": {"max_concurrency": 2},
    "multi-model": {},
}


@pytest.fixture
def project(hosting: Hosting, tmp_path: Path) -> Iterator[Hosted]:
    with hosted(hosting, tmp_path) as found:
        yield found


def many(hosting: Hosting) -> str:
    prefix = name("many")
    hosting.s3.put_object(Bucket=BUCKET, Key=f"{prefix}/a.tar.gz", Body=packed({"text": "two"}))
    return f"s3://{BUCKET}/{prefix}/"


@pytest.mark.parametrize("kind", KINDS)
def test_up_invoke_info_update_destroy(hosting: Hosting, project: Hosted, kind: str) -> None:
    data = many(hosting) if kind == "multi-model" else project.artifact
    project.settings(kind=kind, model_data=data, **KINDS[kind])
    made = project.run("up")
    assert "is in service" in made.said
    assert "serving" in made.said  # the container's own line
    assert f"deploy invoke{' --async' * (kind == 'async')}" in made.said
    answer = project.run("invoke", "env", *(("--model", "a.tar.gz") if kind == "multi-model" else ()))
    assert "env" in answer.stdout or "SAGEMAKER" in answer.stdout.upper()

    found = project.run("info", "--json").json
    assert (found["status"], found["kind"], found["endpoint"]) == ("InService", kind, project.project)
    (variant,) = found["variants"]
    assert (variant["image"], variant["artifact"]) == (str(HOSTED), data)
    assert list(found["alarms"]) == [f"{project.project}-5xx-{project.project}-main"]

    again = project.run("up")
    assert "is there with these settings: InService" in again.said
    assert len(models(project.aws, project.project)) == 1
    other = project.run("up", "--environment", "SAYS=two", code=1)
    assert "`deploy update` changes it" in other.said
    assert "Environment is nothing; asked: {'SAYS': 'two'}" in other.said

    before = models(project.aws, project.project)
    updated = project.run("update", "--environment", "SAYS=two", *AT_ONCE)
    assert "serves it, after" in updated.said
    after = models(project.aws, project.project)
    assert (len(after), len(configs(project.aws, project.project))) == (1, 1)
    assert after != before
    said = project.run("invoke", "who", *(("--model", "a.tar.gz") if kind == "multi-model" else ()))
    assert said.stdout == ("two:who" if kind == "multi-model" else "two")
    assert "serves this already" in project.run("update", "--environment", "SAYS=two", *AT_ONCE).said


def test_H05_a_time_for_the_download_and_what_else_real_time_has(hosting: Hosting, project: Hosted) -> None:
    variants = {"a": f"{project.artifact},3", "b": f"{project.artifact},1"}
    project.settings(
        {"expires": "8h"},
        endpoint=f"{project.project}-web",
        variants=variants,
        environment={"SAYS": "it"},
        min_instances=1,
        max_instances=3,
        capture=100,
        start_timeout=120,
        download_timeout=60,
    )
    assert f"deploy invoke --endpoint {project.project}-web FILE" in project.run("up").said
    found = project.run("info", "--json").json
    assert {each["name"]: each["weight"] for each in found["variants"]} == {"a": 3.0, "b": 1.0}
    scaling = {"MinCapacity": 1, "MaxCapacity": 3, "TargetValue": 100.0}
    assert [each["autoscaling"] for each in found["variants"]] == [scaling, scaling]
    assert found["capture"]["percent"] == 100
    assert sorted(found["alarms"]) == [f"{project.project}-5xx-{project.project}-web-{each}" for each in "ab"]
    expires = datetime.strptime(found["expires"], "%Y-%m-%dT%H:%M:%S%z")
    assert 7 * 3600 < (expires - datetime.now(UTC)).total_seconds() <= 8 * 3600
    described = hosting.describe(f"{project.project}-web")
    config = hosting.sagemaker.describe_endpoint_config(EndpointConfigName=described["EndpointConfigName"])
    variant = config["ProductionVariants"][0]
    assert variant["ContainerStartupHealthCheckTimeoutInSeconds"] == 120
    assert variant["ModelDataDownloadTimeoutInSeconds"] == 60
    assert project.run("invoke", "who", "--variant", "b").stdout == "it"
    text = project.run("info").stdout
    assert "scaling    1 to 3, target 100" in text
    # other limits are given to what scales, and none take it away; the instances are those that there are
    project.run("update", "--max-instances", "4", "--environment", "SAYS=more", *AT_ONCE)
    assert {each["MaxCapacity"] for each in targets(project.aws) if project.project in each["ResourceId"]} == {4}
    project.run("update", "--max-instances", "0", "--min-instances", "0", "--environment", "SAYS=x", *AT_ONCE)
    assert [each for each in targets(project.aws) if project.project in each["ResourceId"]] == []
    assert (project.project, "objects") in [(each["project"], each["kind"]) for each in project.ledger]


def test_without_model_data_the_last_training_jobs_artifact_serves(project: Hosted) -> None:
    (project.folder / "data").mkdir()
    (project.folder / "data" / "a.csv").write_text("1,2\n")
    project.settings(model_data="")
    assert "`deploy train` first" in project.run("up", code=1).said
    train = (
        "train",
        "--image-uri",
        str(PROGRAM),
        "--channels",
        "train=data",
        "--hyperparameters",
        "do=report",
        "--json",
    )
    first = project.run(*train).json["artifact"]
    project.run("up")
    assert project.run("info", "--json").json["variants"][0]["artifact"] == first
    second = project.run(*train).json["artifact"]
    assert f"ModelDataUrl is {first}; asked: {second}" in project.run("up", code=1).said
    project.run("update", *AT_ONCE)
    assert project.run("info", "--json").json["variants"][0]["artifact"] == second


def test_every_payload_reaches_the_container_as_it_is(hosting: Hosting, project: Hosted) -> None:
    project.run("up")
    photo = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
    (project.folder / "rows.csv").write_bytes(b"1,2\r\n\xff\n")
    (project.folder / "photo").write_bytes(photo)

    def asked(*arguments: str, stdin: bytes = b"") -> bytes:
        done = subprocess.run(
            [sys.executable, "-m", "deploy", "invoke", *arguments],
            cwd=project.folder,
            env={**os.environ, **project.aws.variables, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"},
            input=stdin,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert asked("rows.csv") == b"1,2\r\n\xff\n"
    assert asked("photo") == photo
    assert asked("-", stdin=photo) == photo
    (project.folder / "seen.json").write_text("headers ")
    seen = json.loads(asked("seen.json", "--accept", "text/csv", "--attributes", "trace=1"))
    assert seen["content-type"] == "application/json"
    assert seen["accept"] == "text/csv"
    assert seen["x-amzn-sagemaker-custom-attributes"] == "trace=1"
    assert json.loads(asked("headers x", "--content-type", "text/own"))["content-type"] == "text/own"
    refused = project.run("invoke", "status 418", code=1)
    assert "the container answered 418: it says no" in refused.said
    assert f"/aws/sagemaker/Endpoints/{project.project}: `deploy logs {project.project}` shows it" in refused.said
    assert "there is no file ghost.csv" in project.run("invoke", "ghost.csv", code=1).said
    assert "--async asks an asynchronous endpoint" in project.run("invoke", "x", "--async", code=1).said


def test_an_asynchronous_answer_is_waited_for(project: Hosted) -> None:
    project.settings(kind="async")
    project.run("up")
    (project.folder / "large.csv").write_bytes(b"0123456789\n" * 20_000)  # too much for a request: by S3
    assert project.run("invoke", "large.csv").stdout == "0123456789\n" * 20_000
    failed = project.run("invoke", "status 500", code=1)
    assert "the invocation failed" in failed.said
    assert "it says no" in failed.said
    assert "--no-async" in project.run("invoke", "x", "--no-async", code=1).said


def test_a_container_that_does_not_come_up_says_why_itself(hosting: Hosting, project: Hosted) -> None:
    failed = project.run("up", "--environment", "DOES=end", code=1)
    assert "| no model here" in failed.said  # as it came
    assert "likely H-03: it ended before it answered /ping" in failed.said
    assert failed.said.index("last lines") < failed.said.rindex("no model here") < failed.said.index("AWS says")
    assert f"`local_test verify {HOSTED}`" in failed.said
    assert {kind for kind, _ in project.made} >= {"endpoint", "endpoint configuration", "model", "log group"}
    assert "takes no update: `deploy up`" in project.run("update", code=1).said
    assert "made anew" in project.run("up").said
    assert project.run("invoke", "who").stdout == ""
    assert len(models(project.aws, project.project)) == 1


def test_an_update_that_does_not_come_up_leaves_what_served(project: Hosted) -> None:
    project.run("up", "--environment", "SAYS=old")
    before = models(project.aws, project.project), configs(project.aws, project.project)
    failed = project.run("update", "--environment", "DOES=end", *AT_ONCE, code=1)
    assert "was taken back, and what served before serves" in failed.said
    assert "no model here" in failed.said
    assert project.run("invoke", "who").stdout == "old"
    assert (models(project.aws, project.project), configs(project.aws, project.project)) == before


def test_an_endpoint_of_another_name_is_found_by_its_tag(project: Hosted) -> None:
    name = f"shop-{uuid.uuid4().hex[:8]}"
    project.run("up", "--endpoint", name, "--min-instances", "1", "--max-instances", "2")
    target = f"endpoint/{name}/variant/main"
    assert target in [each["ResourceId"] for each in targets(project.aws)]
    for file in (project.folder / ".tiffin" / "ledger").iterdir():
        file.unlink()
    said = project.run("destroy", "--yes").said
    assert f"gone     endpoint {name}" in said
    assert f"gone     scalable target {target}" in said
    assert target not in [each["ResourceId"] for each in targets(project.aws)]
    assert project.client("sagemaker").list_endpoints(NameContains=name)["Endpoints"] == []


@pytest.mark.parametrize("is_known", [True, False])
def test_what_scales_an_endpoint_expires_with_it(project: Hosted, is_known: bool) -> None:
    project.run("up", "--min-instances", "1", "--max-instances", "2", "--expires", "0m")
    target = f"endpoint/{project.project}/variant/main"
    for file in () if is_known else (project.folder / ".tiffin" / "ledger").iterdir():
        file.unlink()
    said = project.run("destroy", "--expired", "--yes").said
    assert f"gone     scalable target {target}" in said
    assert target not in [each["ResourceId"] for each in targets(project.aws)]


def test_an_alarm_gets_another_threshold_and_keeps_whom_it_tells(project: Hosted) -> None:
    cloudwatch, topic = project.client("cloudwatch"), "arn:aws:sns:us-east-1:123456789012:pager"
    name = f"{project.project}-5xx-{project.project}-main"

    def alarm() -> dict[str, Any]:
        (found,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return dict(found)

    project.run("up")
    asked = ("Namespace", "MetricName", "Dimensions", "Statistic", "Period", "EvaluationPeriods", "ComparisonOperator")
    before = alarm()
    cloudwatch.put_metric_alarm(
        AlarmName=name, AlarmActions=[topic], Threshold=before["Threshold"], **{each: before[each] for each in asked}
    )
    project.run("up", "--alarm-percent", "5")
    after = alarm()
    assert (before["Threshold"], after["Threshold"], after["AlarmActions"]) == (0.01, 0.05, [topic])


def test_without_waiting(project: Hosted) -> None:
    limits = ("--min-instances", "1", "--max-instances", "2")
    said = project.run("up", "--no-wait", *limits).said
    assert "is being made: `deploy info` shows it, and `deploy up` again for its autoscaling" in said
    again = project.run("up", *limits).said  # goes on where that one left it
    assert "is there with these settings" in again
    assert "is being made" not in project.run("up", "--no-wait", *limits).said
    assert project.run("info", "--json").json["variants"][0]["autoscaling"]
    project.run("update", "--no-wait", "--environment", "SAYS=new", *limits, *AT_ONCE)
    project.wait(lambda: project.run("info", "--json").json["status"] == "InService", "the update")
    assert project.run("invoke", "who").stdout == "new"


def test_a_dry_run_prints_the_calls_and_makes_none(project: Hosted) -> None:
    project.settings(capture=10, min_instances=1, max_instances=2)
    up = project.run("up", "--dry-run")
    assert [each["operation"] for each in up.calls] == [
        *("CreateBucket", "PutBucketTagging", "PutPublicAccessBlock"),
        *("CreateModel", "CreateEndpointConfig", "CreateEndpoint", "PutMetricAlarm"),
        *("RegisterScalableTarget", "PutScalingPolicy"),
    ]
    assert (left(project.aws, project.project), project.ledger) == ([], [])
    project.run("up")
    update = project.run("update", "--environment", "SAYS=two", "--dry-run")
    assert [each["operation"] for each in update.calls] == ["CreateModel", "CreateEndpointConfig", "UpdateEndpoint"]
    policy = update.calls[-1]["parameters"]["DeploymentConfig"]["BlueGreenUpdatePolicy"]
    assert policy["TrafficRoutingConfiguration"] == {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    assert "one instance is not split" in update.said
    assert update.calls[-1]["parameters"]["RetainAllVariantProperties"] is True
    assert project.run("invoke", "x", "--dry-run").calls[0]["operation"] == "InvokeEndpoint"
    assert len(models(project.aws, project.project)) == 1


def test_names_and_things_that_are_not_there(hosting: Hosting, project: Hosted) -> None:
    theirs = hosting.serve(hosting.variant(hosting.model()))
    taken = project.run("up", "--endpoint", theirs, code=1)
    assert f"there is an endpoint {theirs} in us-east-1, not made by tiffin" in taken.said
    assert f"there is an endpoint {theirs}" in project.run("update", "--endpoint", theirs, code=1).said
    assert "`deploy up` makes it" in project.run("info", code=1).said
    gone = project.run("up", "--model-data", f"s3://{BUCKET}/ghost.tar.gz", code=1).said
    assert f"there is no artifact at s3://{BUCKET}/ghost.tar.gz, or" in gone
    assert "there is no role ghost" in project.run("up", "--role", "ghost", code=1).said
    assert "`deploy push` first" in project.run("up", "--image-uri", "", code=1).said
    wrong = project.run("up", "--instance-type", "m5.large", "--capture", "101", "--start-timeout", "10", code=1).said
    assert "'m5.large' is no instance type" in wrong
    assert "capture 101" in wrong
    assert "(H-04, H-05)" in wrong
    assert project.made == []


def test_calls_that_are_refused_or_cut_off(project: Hosted) -> None:
    """The first call is the model's, the third the endpoint's; a retry finds what AWS has made."""
    with faulty(project.aws.port) as between:
        project.endpoint = between.url
        between.way, between.at = "denied", 2
        denied = project.run("up", code=1)
        assert "not authorized to perform" in denied.said
        assert "what was, before, is in the ledger" in denied.said
        assert [kind for kind, _ in project.made] == ["model", "endpoint configuration"]
        between.way, between.at, between.changes = "cut after", 2, []
        assert "is in service" in project.run("up").said
        project.endpoint = ""
