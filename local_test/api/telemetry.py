"""What running containers and jobs leave in Logs, CloudWatch and EventBridge, by moto's backends."""

import datetime
import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends
from moto.events.models import events_backends
from moto.logs.models import logs_backends

log = logging.getLogger(__name__)
_lock = threading.Lock()  # moto's lists of events are not made for several threads


def stream(account: str, region: str, group: str, name: str) -> Callable[[str], None]:
    """A sink for lines, each an event of the stream."""
    backend = logs_backends[account][region]
    with _lock:
        backend.ensure_log_group(group)
        backend.ensure_log_stream(group, name)

    def sink(line: str) -> None:
        event = {"timestamp": int(time.time() * 1000), "message": line or " "}
        with _lock:
            backend.put_log_events(group, name, [event])

    return sink


def metric(
    account: str, region: str, namespace: str, values: Iterable[tuple[str, float, float]], dimensions: Mapping[str, str]
) -> None:
    """`values`: name, value, and seconds since 1970."""
    data = [
        {
            "MetricName": name,
            "Value": value,
            "Timestamp": datetime.datetime.fromtimestamp(at, datetime.UTC).replace(tzinfo=None),  # as moto compares it
            "Dimensions": [{"Name": key, "Value": text} for key, text in dimensions.items()],
        }
        for name, value, at in values
    ]
    if data:
        with _lock:
            cloudwatch_backends[account][region].put_metric_data(namespace, data)


def event(account: str, region: str, kind: str, arn: str, detail: Mapping[str, Any]) -> None:
    """Of the service that the ARN is of, on the default bus: rules that match it send it to their targets."""
    entry = {"Source": f"aws.{arn.split(':')[2]}", "DetailType": kind, "Resources": [arn], "Detail": json.dumps(detail)}
    try:
        events_backends[account][region].put_events([entry])
    except Exception:  # a rule's target is the user's, and what it tells of does not depend on it
        log.exception("a target of an EventBridge rule failed")
