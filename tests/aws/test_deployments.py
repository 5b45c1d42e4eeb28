"""Updates in steps (DeploymentConfig): traffic goes over share by share, and back when an alarm says so."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.awshosting import Hosting, name
from tests.localaws import up

OWN_ERROR = "the new model's own error"


@pytest.fixture(scope="module")
def hosting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosting]:
    """Of an API whose alarms and deployments wait for seconds."""
    folder = tmp_path_factory.mktemp("deployments") / "state"
    with up(folder, "--no-docker", TIFFIN_LOCAL_ALARM_PERIOD="0.5", TIFFIN_LOCAL_DEPLOYMENT_WAIT="30") as api:
        yield Hosting(api)


@contextmanager
def asked(hosting: Hosting, endpoint: str, callers: int = 2) -> Iterator[Counter[str]]:
    """What each request was answered, while there are always some."""
    answers: Counter[str] = Counter()
    ended = threading.Event()

    def answer(runtime: Any) -> str:
        try:
            return str(runtime.invoke_endpoint(EndpointName=endpoint, Body=b"who")["Body"].read().decode())
        except ClientError as error:
            found = error.response
            is_own = (found.get("OriginalStatusCode"), found.get("OriginalMessage")) == (500, "broken")
            return OWN_ERROR if is_own else repr(error)
        except Exception as error:  # noqa: BLE001  it is what the test is about
            return repr(error)

    def ask() -> None:
        runtime = hosting.aws.client("sagemaker-runtime")
        while not ended.is_set():
            answers[answer(runtime)] += 1

    threads = [threading.Thread(target=ask) for _ in range(callers)]
    for thread in threads:
        thread.start()
    try:
        hosting.aws.wait(lambda: answers["old"] > 10, "the old model's answers")
        yield answers
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def alarm(hosting: Hosting, endpoint: str, **more: Any) -> str:
    """On the endpoint's own errors."""
    named = name("errors")
    dimensions = {"EndpointName": endpoint, "VariantName": "main"}
    asked = {
        "Namespace": "AWS/SageMaker",
        "MetricName": "Invocation5XXErrors",
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
    }
    hosting.cloudwatch.put_metric_alarm(AlarmName=named, **{**asked, **more})
    return named


def state(hosting: Hosting, alarm: str) -> str:
    (found,) = hosting.cloudwatch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
    return str(found["StateValue"])


def slow(hosting: Hosting, **environment: str) -> str:
    """A model whose answers take long enough for one to be under way whenever a fleet is ended."""
    return hosting.model({"TAKES": "0.05", **environment})


def size(kind: str, value: int) -> dict[str, Any]:
    return {"Type": kind, "Value": value}


def blue_green(kind: str, wait: int, *alarms: str, termination: int = 0, **sizes: Any) -> dict[str, Any]:
    routing = {"Type": kind, "WaitIntervalInSeconds": wait, **sizes}
    policy = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": termination}
    return {"BlueGreenUpdatePolicy": policy, **watched(*alarms)}


def rolling(wait: int, *alarms: str, **more: Any) -> dict[str, Any]:
    batch = size("INSTANCE_COUNT", 1)
    return {
        "RollingUpdatePolicy": {"MaximumBatchSize": batch, "WaitIntervalInSeconds": wait, **more},
        **watched(*alarms),
    }


def watched(*alarms: str) -> dict[str, Any]:
    named = [{"AlarmName": each} for each in alarms]
    return {"AutoRollbackConfiguration": {"Alarms": named}} if named else {}


def served(hosting: Hosting, instances: int = 2) -> tuple[str, str]:
    """An endpoint in service, and its configuration."""
    config = hosting.config(hosting.variant(slow(hosting, SAYS="old"), InitialInstanceCount=instances))
    endpoint = hosting.create(config)
    assert hosting.settled(endpoint)["EndpointStatus"] == "InService"
    return endpoint, config


def update(hosting: Hosting, endpoint: str, config: str, deployment: dict[str, Any] | None = None, **more: Any) -> None:
    config_of = {"DeploymentConfig": deployment} if deployment else {}
    hosting.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config, **config_of, **more)


def test_a_canary_is_rolled_back_by_an_alarm_on_the_endpoints_own_errors(hosting: Hosting) -> None:
    endpoint, old = served(hosting)
    errors = alarm(hosting, endpoint)
    broken = hosting.config(hosting.variant(slow(hosting, DOES="fail", SAYS="broken"), InitialInstanceCount=2))
    hosting.aws.wait(lambda: state(hosting, errors) == "OK", "an alarm that is OK")
    with asked(hosting, endpoint) as answers:
        canary = blue_green("CANARY", 300, errors, CanarySize=size("CAPACITY_PERCENT", 30), termination=300)
        update(hosting, endpoint, broken, canary)
        found = hosting.settled(endpoint)
        until = Counter(answers)
        hosting.aws.wait(lambda: answers["old"] > until["old"] + 50, "the old model's answers")
        after = answers - until
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", old)
    assert f"rolled back: {errors} of AutoRollbackConfiguration went into ALARM" in found["FailureReason"]
    assert "canary capacity of 1 instance(s)" in found["FailureReason"]
    assert found["LastDeploymentConfig"] == canary
    assert "PendingDeploymentSummary" not in found
    assert found["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert set(answers) == {"old", OWN_ERROR}  # who failed was answered by the canary: the move lost none
    assert 0 < until[OWN_ERROR] < until["old"]
    assert set(after) <= {"old", OWN_ERROR}
    assert after[OWN_ERROR] <= 2  # under way when it was counted
    items = hosting.cloudwatch.describe_alarm_history(AlarmName=errors)["AlarmHistoryItems"]
    assert "Alarm updated from OK to ALARM" in [item["HistorySummary"] for item in items]


def test_a_good_update_goes_over_step_by_step_and_finishes(hosting: Hosting) -> None:
    endpoint, old = served(hosting)
    errors = alarm(hosting, endpoint)
    events, sqs = hosting.aws.client("events"), hosting.aws.client("sqs")
    queue = sqs.create_queue(QueueName="deployments")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.sagemaker"], "detail-type": ["SageMaker Endpoint Deployment State Change"]}
    events.put_rule(Name="deployments", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="deployments", Targets=[{"Id": "q", "Arn": arn}])
    new = hosting.config(hosting.variant(slow(hosting, SAYS="new"), InitialInstanceCount=2))
    seen: list[dict[str, Any]] = []
    with asked(hosting, endpoint) as answers:
        linear = blue_green("LINEAR", 1, errors, LinearStepSize=size("INSTANCE_COUNT", 1), termination=1)
        update(hosting, endpoint, new, linear)

        def is_settled() -> bool:
            seen.append(hosting.describe(endpoint))
            return bool(seen[-1]["EndpointStatus"] == "InService")

        hosting.aws.wait(is_settled, "the end of the update")
        hosting.aws.wait(lambda: answers["new"] > 10, "the new model's answers")
    assert seen[-1]["EndpointConfigName"] == new
    assert "FailureReason" not in seen[-1]
    assert set(answers) == {"old", "new"}
    pending = [each for each in seen if "PendingDeploymentSummary" in each]
    assert {(each["EndpointStatus"], each["EndpointConfigName"]) for each in pending} == {("Updating", old)}
    baking = [
        variant
        for each in pending
        for variant in each["PendingDeploymentSummary"]["ProductionVariants"]
        if variant["VariantStatus"][0]["Status"] == "Baking"
    ]
    assert baking[0]["CurrentInstanceCount"] == baking[0]["DesiredInstanceCount"] == 2
    assert baking[0]["InstanceType"] == "ml.m5.large"
    messages: list[str] = []

    def all_heard() -> bool:
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            detail = json.loads(message["Body"])["detail"]
            (variant,) = detail["PendingDeploymentSummary"]["ProductionVariants"]
            messages.append(variant["VariantStatus"][0]["StatusMessage"])
        return len(messages) == 7

    hosting.aws.wait(all_heard, "seven stages")
    assert sorted(messages) == [
        "Activating traffic on canary capacity of 1 instance(s).",
        "Activating traffic on full capacity of 2 instance(s).",
        "Baking for 1 seconds (TerminationWaitInSeconds) with traffic enabled on full capacity of 2 instance(s).",
        "Baking for 1 seconds (WaitIntervalInSeconds) with traffic enabled on canary capacity of 1 instance(s).",
        "Baking for 1 seconds (WaitIntervalInSeconds) with traffic enabled on full capacity of 2 instance(s).",
        "Launching 2 instance(s).",
        "Terminating 2 instance(s).",
    ]


def test_a_deployment_config_is_retained_when_that_is_asked_for(hosting: Hosting) -> None:
    config = hosting.config(hosting.variant(slow(hosting, SAYS="old"), InitialInstanceCount=2))
    endpoint = name("endpoint")
    errors = alarm(hosting, endpoint)
    canary = blue_green("CANARY", 1, errors, CanarySize=size("INSTANCE_COUNT", 1))
    hosting.sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName=config, DeploymentConfig=canary)
    assert hosting.settled(endpoint)["LastDeploymentConfig"] == canary
    broken = hosting.config(hosting.variant(slow(hosting, DOES="fail", SAYS="broken"), InitialInstanceCount=2))
    with asked(hosting, endpoint):
        update(hosting, endpoint, broken, RetainDeploymentConfig=True)
        found = hosting.settled(endpoint)
    assert (found["EndpointConfigName"], found["LastDeploymentConfig"]) == (config, canary)
    assert errors in found["FailureReason"]
    new = hosting.config(hosting.variant(slow(hosting, SAYS="new")))
    update(hosting, endpoint, new)
    found = hosting.settled(endpoint)
    assert (found["EndpointConfigName"], "LastDeploymentConfig" in found) == (new, False)


def test_all_at_once_goes_back_while_the_old_fleet_waits_for_its_end(hosting: Hosting) -> None:
    endpoint, old = served(hosting, 1)
    new = hosting.config(hosting.variant(slow(hosting, SAYS="new")))
    by_config = {"EndpointName": endpoint, "VariantName": "main", "EndpointConfigName": new}
    dimensions = [{"Name": key, "Value": value} for key, value in by_config.items()]
    many = alarm(hosting, endpoint, MetricName="Invocations", Dimensions=dimensions)
    with asked(hosting, endpoint) as answers:
        update(hosting, endpoint, new, blue_green("ALL_AT_ONCE", 0, many, termination=300))
        found = hosting.settled(endpoint)
    assert (found["EndpointConfigName"], many in found["FailureReason"]) == (old, True)
    assert "full capacity of 1 instance(s)" in found["FailureReason"]
    assert set(answers) == {"old", "new"}
    assert hosting.said(endpoint) == "old"


def test_rolling_replaces_batch_by_batch(hosting: Hosting) -> None:
    endpoint, _ = served(hosting, 3)
    new = hosting.config(hosting.variant(slow(hosting, SAYS="new"), InitialInstanceCount=3))
    counts: set[tuple[int, int]] = set()
    with asked(hosting, endpoint) as answers:
        update(hosting, endpoint, new, rolling(1))

        def is_settled() -> bool:
            found = hosting.describe(endpoint)
            if "PendingDeploymentSummary" in found:
                (after,) = found["PendingDeploymentSummary"]["ProductionVariants"]
                before = found["ProductionVariants"][0]["CurrentInstanceCount"]
                counts.add((before, after["CurrentInstanceCount"]))
            return bool(found["EndpointStatus"] == "InService")

        hosting.aws.wait(is_settled, "the end of the update")
        hosting.aws.wait(lambda: answers["new"] > 10, "the new model's answers")
    assert set(answers) == {"old", "new"}
    assert {(3, 1), (2, 2), (1, 3)} <= counts
    assert all(before + after <= 4 for before, after in counts)
    found = hosting.describe(endpoint)
    assert (found["EndpointConfigName"], found["ProductionVariants"][0]["CurrentInstanceCount"]) == (new, 3)


def test_rolling_goes_back_batch_by_batch(hosting: Hosting) -> None:
    endpoint, old = served(hosting, 3)
    by_hand = alarm(hosting, endpoint, TreatMissingData="ignore", MetricName="Nothing")
    new = hosting.config(hosting.variant(slow(hosting, SAYS="new"), InitialInstanceCount=3))
    with asked(hosting, endpoint) as answers:
        back = size("INSTANCE_COUNT", 1)
        update(hosting, endpoint, new, rolling(2, by_hand, RollbackMaximumBatchSize=back))

        def is_half_way() -> bool:
            return bool(hosting.describe(endpoint)["ProductionVariants"][0]["CurrentInstanceCount"] == 2)

        hosting.aws.wait(is_half_way, "the end of an old instance")
        hosting.cloudwatch.set_alarm_state(AlarmName=by_hand, StateValue="ALARM", StateReason="by hand")
        found = hosting.settled(endpoint)
    assert (found["EndpointConfigName"], by_hand in found["FailureReason"]) == (old, True)
    assert found["ProductionVariants"][0]["CurrentInstanceCount"] == 3
    assert set(answers) == {"old", "new"}
    assert {hosting.said(endpoint) for _ in range(10)} == {"old"}


def test_a_new_fleet_that_does_not_start_is_no_update(hosting: Hosting) -> None:
    endpoint, old = served(hosting, 2)
    broken = hosting.config(hosting.variant(hosting.model({"DOES": "end"}), InitialInstanceCount=2))
    with asked(hosting, endpoint) as answers:
        update(hosting, endpoint, broken, blue_green("CANARY", 1, CanarySize=size("INSTANCE_COUNT", 1)))
        found = hosting.settled(endpoint)
        assert (found["EndpointConfigName"], "no model here" in found["FailureReason"]) == (old, True)
        update(hosting, endpoint, broken, rolling(1, MaximumBatchSize=size("CAPACITY_PERCENT", 50)))
        found = hosting.settled(endpoint)
    assert (found["EndpointConfigName"], "no model here" in found["FailureReason"]) == (old, True)
    assert set(answers) == {"old"}


@pytest.mark.parametrize(
    ("deployment", "message"),
    [
        (blue_green("CANARY", 0), "needs a CanarySize"),
        (blue_green("LINEAR", 0), "needs a LinearStepSize"),
        (blue_green("CANARY", 0, CanarySize=size("CAPACITY_PERCENT", 51)), "at most 50% of the variant's 2 instance"),
        (blue_green("CANARY", 0, CanarySize=size("INSTANCE_COUNT", 2)), "CanarySize is 2"),
        (blue_green("LINEAR", 0, LinearStepSize=size("CAPACITY_PERCENT", 9)), "between 10% and 50%"),
        (blue_green("SLOWLY", 0), "Member must satisfy enum value set"),
        (blue_green("ALL_AT_ONCE", 3601), "Member must have value less than or equal to 3600"),
        (blue_green("ALL_AT_ONCE", 0, termination=3601), "Member must have value less than or equal to 3600"),
        (blue_green("ALL_AT_ONCE", 0, "nobody's"), "alarms that do not exist: nobody's"),
        (blue_green("ALL_AT_ONCE", 0, *"abcdefghijk"), "Member must have length less than or equal to 10"),
        (rolling(0, MaximumBatchSize=size("CAPACITY_PERCENT", 4)), "between 5% and 50%"),
        (rolling(0, MaximumExecutionTimeoutInSeconds=28801), "Member must have value less than or equal to 28800"),
        (
            rolling(300, MaximumExecutionTimeoutInSeconds=600),
            "it must be greater than all of the deployment's waits, 600",
        ),
        (rolling(0) | blue_green("ALL_AT_ONCE", 0), "Only one of BlueGreenUpdatePolicy and RollingUpdatePolicy"),
    ],
)
def test_what_cannot_be_done_is_refused(hosting: Hosting, deployment: dict[str, Any], message: str) -> None:
    config = hosting.config(hosting.variant(hosting.model(), InitialInstanceCount=2))
    with pytest.raises(ClientError, match=message) as raised:
        hosting.sagemaker.create_endpoint(
            EndpointName=name("endpoint"), EndpointConfigName=config, DeploymentConfig=deployment
        )
    assert raised.value.response["Error"]["Code"] == "ValidationException"


def test_an_update_under_way_goes_on_after_a_kill_and_a_delete_ends_it(state: Path) -> None:
    with up(state, "--no-docker") as api:
        hosting = Hosting(api)
        endpoint, _ = served(hosting)
        leaving, _ = served(hosting)
        new = hosting.config(hosting.variant(slow(hosting, SAYS="new"), InitialInstanceCount=2))
        canary = blue_green("CANARY", 3000, CanarySize=size("INSTANCE_COUNT", 1))
        for each in (endpoint, leaving):
            update(hosting, each, new, canary)
            hosting.aws.wait(lambda each=each: hosting.said(each) == "new", "the canary")  # type: ignore[misc]
        hosting.sagemaker.delete_endpoint(EndpointName=leaving)
        hosting.aws.wait(
            lambda: not hosting.sagemaker.list_endpoints(NameContains=leaving)["Endpoints"], "the end of it"
        )
        api.process.kill()
        api.process.wait()
    with up(state, "--no-docker", TIFFIN_LOCAL_DEPLOYMENT_WAIT="0.2") as api:
        hosting = Hosting(api)
        hosting.aws.wait(lambda: hosting.describe(endpoint)["EndpointConfigName"] == new, "the new configuration")
        assert {hosting.said(endpoint) for _ in range(10)} == {"new"}
        assert "warning" not in api.log
        assert api.stop() == 0


def test_an_update_that_takes_too_long_goes_back(state: Path) -> None:
    with up(state, "--no-docker", TIFFIN_LOCAL_DEPLOYMENT_TIMEOUT="0.5") as api:
        hosting = Hosting(api)
        endpoint, old = served(hosting)
        new = hosting.config(hosting.variant(slow(hosting, SAYS="new")))
        update(hosting, endpoint, new, blue_green("ALL_AT_ONCE", 3000))
        found = hosting.settled(endpoint)
        assert found["EndpointConfigName"] == old
        assert "longer than its MaximumExecutionTimeoutInSeconds" in found["FailureReason"]
        assert hosting.said(endpoint) == "old"
