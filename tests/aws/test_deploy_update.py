"""`deploy update` moves traffic in parts, and goes back when an alarm rings."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.awshosting import Hosting
from tests.deployhosting import Hosted, hosted
from tests.localaws import LocalAws, up

TWO = ("--instance-count", "2")


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosting]:
    """Of an API whose alarms look every half second."""
    folder = tmp_path_factory.mktemp("update") / "state"
    with up(folder, "--no-docker", TIFFIN_LOCAL_ALARM_PERIOD="0.5", TIFFIN_LOCAL_DEPLOYMENT_WAIT="60") as api:
        yield Hosting(api)


@pytest.fixture
def project(quick: Hosting, tmp_path: Path) -> Iterator[Hosted]:
    with hosted(quick, tmp_path) as found:
        found.settings(environment={"SAYS": "old"})
        yield found


@contextmanager
def callers(aws: LocalAws, endpoint: str) -> Iterator[Counter[str]]:
    """What two callers are answered, who ask all the time."""
    answers: Counter[str] = Counter()
    ended = threading.Event()

    def ask() -> None:
        runtime = aws.client("sagemaker-runtime")
        while not ended.is_set():
            try:
                said = runtime.invoke_endpoint(EndpointName=endpoint, Body=b"who")["Body"].read().decode()
            except ClientError as error:
                said = str(error.response.get("OriginalMessage", error))
            answers[said] += 1

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for each in threads:
        each.start()
    try:
        aws.wait(lambda: answers["old"] > 10, "the old model's answers")
        yield answers
    finally:
        ended.set()
        for each in threads:
            each.join()


def alarm(project: Hosted) -> str:
    return f"{project.project}-5xx-{project.project}-main"


def test_an_alarm_that_rings_takes_a_canary_back(quick: Hosting, project: Hosted) -> None:
    project.run("up", *TWO)
    before = quick.describe(project.project)["EndpointConfigName"]
    broken = ("--environment", "DOES=fail", "--environment", "SAYS=broken")
    with callers(quick.aws, project.project) as answers:
        failed = project.run("update", *TWO, *broken, "--bake-seconds", "300", code=1)
    assert "was taken back, and what served before serves" in failed.said
    assert f"the alarm {alarm(project)}" in failed.said
    assert set(answers) == {"old", "broken"}
    assert 0 < answers["broken"] < answers["old"]  # who was asked by the canary, and nobody else
    described = quick.describe(project.project)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", before)
    asked = described["LastDeploymentConfig"]
    assert asked["AutoRollbackConfiguration"] == {"Alarms": [{"AlarmName": alarm(project)}]}
    routing = asked["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert (routing["Type"], routing["CanarySize"]) == ("CANARY", {"Type": "INSTANCE_COUNT", "Value": 1})
    assert len(quick.sagemaker.list_models(NameContains=project.project)["Models"]) == 1


def test_a_canary_that_does_well_takes_all(quick: Hosting, project: Hosted) -> None:
    project.run("up", *TWO)
    with callers(quick.aws, project.project) as answers:
        done = project.run("update", *TWO, "--environment", "SAYS=new", "--bake-seconds", "1")
        quick.aws.wait(lambda: answers["new"] > 10, "the new model's answers")
    assert "serves it, after" in done.said
    assert set(answers) == {"old", "new"}
    assert project.run("invoke", "who").stdout == "new"
    assert len(quick.sagemaker.list_models(NameContains=project.project)["Models"]) == 1


def test_no_update_begins_while_an_alarm_rings(quick: Hosting, project: Hosted) -> None:
    project.run("up")
    quick.cloudwatch.put_metric_alarm(
        AlarmName=f"{project.project}-own",
        Namespace="own",
        MetricName="never",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="LessThanThreshold",
        TreatMissingData="breaching",
    )

    def rings() -> bool:
        (found,) = quick.cloudwatch.describe_alarms(AlarmNames=[f"{project.project}-own"])["MetricAlarms"]
        return bool(found["StateValue"] == "ALARM")

    quick.aws.wait(rings, "the alarm")
    watched = ("--alarms", f"{project.project}-own", "--environment", "SAYS=new")
    refused = project.run("update", *watched, code=1)
    assert "an alarm rings already, and would take any update back; --no-alarm-on-errors" in refused.said
    assert f"{project.project}-own" in refused.said
    assert project.run("invoke", "who").stdout == "old"
    quick.cloudwatch.delete_alarms(AlarmNames=[f"{project.project}-own"])
