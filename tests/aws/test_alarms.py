"""CloudWatch's alarms: evaluated by the metrics that are here, and each change of state told."""

import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.localaws import LocalAws, up

PERIOD = "0.4"  # seconds, the longest of an alarm
NAMESPACE = "alarms"


class Alarms:
    def __init__(self, aws: LocalAws) -> None:
        self.aws, self.cloudwatch = aws, aws.client("cloudwatch")

    def put(self, **more: Any) -> str:
        """Of a metric of its own, which has the alarm's name."""
        name = f"alarm-{uuid4().hex[:8]}"
        asked = {
            "Namespace": NAMESPACE,
            "MetricName": name,
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 1.0,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        }
        own = {} if "Metrics" in more else asked
        self.cloudwatch.put_metric_alarm(AlarmName=name, **{**own, **more})
        return name

    def measure(self, name: str, value: float) -> None:
        self.cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=[{"MetricName": name, "Value": value}])

    def found(self, name: str) -> dict[str, Any]:
        (found,) = self.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return found  # type: ignore[no-any-return]

    def becomes(self, name: str, state: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found = self.found(name)
            return found if found["StateValue"] == state else None

        return self.aws.wait(look, f"{name} in {state}")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    with up(tmp_path_factory.mktemp("alarms") / "state", "--no-docker", TIFFIN_LOCAL_ALARM_PERIOD=PERIOD) as api:
        yield api


@pytest.fixture
def alarms(api: LocalAws) -> Alarms:
    return Alarms(api)


def queue(api: LocalAws, name: str) -> tuple[str, str]:
    """Its URL and ARN."""
    sqs = api.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def heard(api: LocalAws, url: str, count: int) -> list[dict[str, Any]]:
    bodies: list[dict[str, Any]] = []

    def look() -> bool:
        found = api.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        bodies.extend(json.loads(message["Body"]) for message in found)
        return len(bodies) >= count

    api.wait(look, f"{count} messages")
    return bodies


def test_an_alarm_follows_its_metric(alarms: Alarms) -> None:
    name = alarms.put(TreatMissingData="notBreaching")
    assert alarms.becomes(name, "OK")["StateReason"].endswith("1 missing datapoint was treated as [NonBreaching].")
    alarms.measure(name, 3.0)
    found = alarms.becomes(name, "ALARM")
    assert "1 out of the last 1 datapoints [3.0 (" in found["StateReason"]
    assert json.loads(found["StateReasonData"])["recentDatapoints"] == [3.0]
    alarms.becomes(name, "OK")


def test_without_data_there_is_no_state(alarms: Alarms) -> None:
    name, other = alarms.put(), alarms.put(Statistic="Maximum", ComparisonOperator="LessThanThreshold")
    assert alarms.found(name)["StateValue"] == "INSUFFICIENT_DATA"
    alarms.measure(other, 0.5)
    alarms.becomes(other, "ALARM")
    assert alarms.becomes(other, "INSUFFICIENT_DATA")["StateReason"] == "Insufficient Data: 1 datapoint was unknown."
    assert alarms.found(name)["StateValue"] == "INSUFFICIENT_DATA"


def test_a_changed_alarm_keeps_its_state(alarms: Alarms) -> None:
    name = alarms.put(TreatMissingData="breaching")
    alarms.becomes(name, "ALARM")
    config = {key: alarms.found(name)[key] for key in ("MetricName", "Namespace", "Statistic", "Period", "Threshold")}
    alarms.cloudwatch.put_metric_alarm(
        AlarmName=name,
        EvaluationPeriods=1,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="ignore",
        AlarmDescription="another",
        **config,
    )
    found = alarms.found(name)
    assert (found["StateValue"], found["AlarmDescription"]) == ("ALARM", "another")


def test_eventbridge_sns_and_the_history_hear_of_each_change(api: LocalAws, alarms: Alarms) -> None:
    events, sns = api.client("events"), api.client("sns")
    events_url, events_arn = queue(api, "alarm-events")
    topic_url, topic_arn = queue(api, "alarm-topic")
    topic = sns.create_topic(Name="alarms")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=topic_arn)
    name = alarms.put(TreatMissingData="notBreaching", AlarmActions=[topic], AlarmDescription="too many")
    pattern = {"detail-type": ["CloudWatch Alarm State Change"], "detail": {"alarmName": [name]}}
    events.put_rule(Name="alarms", EventPattern=json.dumps({"source": ["aws.cloudwatch"], **pattern}))
    events.put_targets(Rule="alarms", Targets=[{"Id": "q", "Arn": events_arn}])
    alarms.becomes(name, "OK")
    alarms.measure(name, 1.0)
    alarms.becomes(name, "ALARM")
    alarms.becomes(name, "OK")
    last = {event["detail"]["state"]["value"]: event for event in heard(api, events_url, 2)}
    assert last["ALARM"]["source"] == "aws.cloudwatch"
    assert last["ALARM"]["resources"] == [alarms.found(name)["AlarmArn"]]
    assert last["ALARM"]["detail"]["previousState"]["value"] == "OK"
    (metric,) = last["ALARM"]["detail"]["configuration"]["metrics"]
    assert metric["metricStat"] == {
        "metric": {"namespace": NAMESPACE, "name": name, "dimensions": {}},
        "period": 60,
        "stat": "Sum",
    }
    assert last["ALARM"]["detail"]["configuration"]["description"] == "too many"
    (notice,) = heard(api, topic_url, 1)
    told = json.loads(notice["Message"])
    assert (told["AlarmName"], told["NewStateValue"], told["OldStateValue"]) == (name, "ALARM", "OK")
    items = alarms.cloudwatch.describe_alarm_history(AlarmName=name)["AlarmHistoryItems"]
    assert [item["HistorySummary"] for item in items] == [
        "Alarm updated from ALARM to OK",
        "Alarm updated from OK to ALARM",
        "Alarm updated from INSUFFICIENT_DATA to OK",
    ]
    assert {item["HistoryItemType"] for item in items} == {"StateUpdate"}
    oldest = alarms.cloudwatch.describe_alarm_history(AlarmName=name, ScanBy="TimestampAscending", MaxRecords=1)
    assert oldest["AlarmHistoryItems"] == items[-1:]
    later = items[0]["Timestamp"] + datetime.timedelta(hours=1)
    for bounds, count in (({"EndDate": later}, 3), ({"StartDate": later}, 0)):
        found = alarms.cloudwatch.describe_alarm_history(AlarmName=name, **bounds)["AlarmHistoryItems"]
        assert len(found) == count


def test_a_state_that_was_set_holds_until_the_next_look(alarms: Alarms) -> None:
    name = alarms.put(TreatMissingData="notBreaching")
    alarms.becomes(name, "OK")
    alarms.cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="by hand")
    alarms.becomes(name, "OK")
    items = alarms.cloudwatch.describe_alarm_history(AlarmName=name)["AlarmHistoryItems"]
    assert [item["HistorySummary"] for item in items][:2] == [
        "Alarm updated from ALARM to OK",
        "Alarm updated from OK to ALARM",
    ]
    assert "by hand" in items[1]["HistoryData"]
    kept = alarms.put(TreatMissingData="ignore")
    alarms.cloudwatch.set_alarm_state(AlarmName=kept, StateValue="ALARM", StateReason="by hand")
    alarms.measure(name, 1.0)
    alarms.becomes(name, "ALARM")  # others have been looked at meanwhile
    assert alarms.found(kept)["StateReason"] == "by hand"


def test_metric_math_is_not_evaluated_and_says_so(api: LocalAws, alarms: Alarms) -> None:
    single = {
        "Id": "a",
        "MetricStat": {
            "Metric": {"Namespace": NAMESPACE, "MetricName": "one"},
            "Period": 60,
            "Stat": "Maximum",
        },
        "ReturnData": True,
    }
    only = {"EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold"}
    math = alarms.put(Metrics=[single | {"ReturnData": False}, {"Id": "b", "Expression": "a * 2"}], **only)
    plain = alarms.put(Metrics=[single], TreatMissingData="notBreaching", **only)
    alarms.becomes(plain, "OK")
    alarms.measure("one", 2.0)
    alarms.becomes(plain, "ALARM")
    found = alarms.found(math)
    assert (found["StateValue"], "metric math" in found["StateReason"]) == ("INSUFFICIENT_DATA", True)
    assert f"the alarm {math} is not evaluated here: metric math" in api.log


def test_alarms_and_their_states_outlast_a_kill(state: Path) -> None:
    with up(state, "--no-docker", TIFFIN_LOCAL_ALARM_PERIOD=PERIOD) as api:
        alarms = Alarms(api)
        name = alarms.put(TreatMissingData="ignore")
        gone = alarms.put(TreatMissingData="breaching")
        alarms.measure(name, 5.0)
        before = alarms.becomes(name, "ALARM")
        alarms.becomes(gone, "ALARM")
        alarms.cloudwatch.delete_alarms(AlarmNames=[gone])
        api.process.kill()
        api.process.wait()
    with up(state, "--no-docker", TIFFIN_LOCAL_ALARM_PERIOD=PERIOD) as api:
        alarms = Alarms(api)
        after = alarms.found(name)
        for part in ("StateValue", "StateReason", "StateReasonData", "AlarmArn", "Threshold"):
            assert after[part] == before[part]
        assert alarms.cloudwatch.describe_alarms(AlarmNames=[gone])["MetricAlarms"] == []
        assert "warning" not in api.log
