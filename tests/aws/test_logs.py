"""CloudWatch Logs where moto finds every event, or says that a filter makes a metric: through boto3."""

import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.localaws import LocalAws

LINES = ["ERROR 400 bad", "WARN 500 slow", "INFO it is well", "ERROR exiting"]
PATTERNS = [
    ("", [0, 1, 2, 3]),
    ("ERROR", [0, 3]),
    ("ERROR bad", [0]),
    ('"ERROR 400"', [0]),
    ("?ERROR ?WARN", [0, 1, 3]),
    ("ERROR -exiting", [0]),
    ("%[45]00%", [0, 1]),
]


@pytest.fixture(scope="module")
def logs(aws: LocalAws) -> Any:
    return aws.client("logs")


@pytest.fixture(scope="module")
def group(logs: Any) -> str:
    name = f"/filtered/{uuid.uuid4().hex}"
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    now = int(time.time() * 1000)
    events = [{"timestamp": now + number, "message": line} for number, line in enumerate(LINES)]
    logs.put_log_events(logGroupName=name, logStreamName="s", logEvents=events)
    return name


@pytest.mark.parametrize(("pattern", "wanted"), PATTERNS, ids=[row[0] or "none" for row in PATTERNS])
def test_a_pattern_finds_what_it_says(logs: Any, group: str, pattern: str, wanted: list[int]) -> None:
    asked = {"filterPattern": pattern} if pattern else {}
    found = logs.filter_log_events(logGroupName=group, **asked)["events"]
    assert [event["message"] for event in found] == [LINES[number] for number in wanted]


def test_what_is_not_understood_is_501_and_finds_nothing(logs: Any, group: str) -> None:
    query = {"startTime": 0, "endTime": int(time.time()) + 60, "logGroupName": group}
    metric = {"metricName": "m", "metricNamespace": "n", "metricValue": "1"}
    calls: list[Callable[[], Any]] = [
        lambda: logs.filter_log_events(logGroupName=group, filterPattern="{ $.a = 1 }"),
        lambda: logs.start_query(queryString="fields @message | filter @message like /ERROR/", **query),
        lambda: logs.put_metric_filter(
            logGroupName=group, filterName="f", filterPattern="ERROR", metricTransformations=[metric]
        ),
    ]
    for call in calls:
        with pytest.raises(ClientError) as raised:
            call()
        assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert logs.start_query(queryString="fields @message | sort @timestamp desc | limit 2", **query)["queryId"]
