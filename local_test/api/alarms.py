"""CloudWatch's alarms: evaluated in a thread of their own, and each change of state told to whom AWS tells it.

An alarm lies in moto, as it was put. Its state is a fact of the journal, so a restart goes on with it.
"""

import contextlib
import datetime
import json
import logging
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from moto.cloudwatch.models import Alarm, cloudwatch_backends
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult
from moto.sagemaker.models import sagemaker_backends
from moto.sns.models import sns_backends

from local_test.api import chance, enforced, telemetry
from local_test.api.absent import NotHereYet
from local_test.api.evaluation import ALARM, INSUFFICIENT_DATA, NotEvaluatedError, Rule, points, stamp, verdict
from local_test.api.platform import Platform

log = logging.getLogger(__name__)

KIND = "alarm"
EVERY = 10.0  # seconds between two looks at an alarm, or its period where that is shorter
HISTORY = 1000  # changes of state, of one alarm
ACTIONS = {"ALARM": "alarm_actions", "OK": "ok_actions", INSUFFICIENT_DATA: "insufficient_data_actions"}


class AlarmsBackend:
    """Of moto's CloudWatch backend, the part that changes the states of alarms, and refuses metric math."""

    platform: Platform

    def get_metric_data(self, queries: list[dict[str, Any]], *args: Any, **kwargs: Any) -> Any:
        ids = [query["Id"] for query in queries]
        for query in queries:  # moto knows an id alone, and has no points of any other expression
            if (expression := query.get("Expression")) and expression not in ids:
                raise NotHereYet(f"the expression {expression}")
        return super().get_metric_data(queries, *args, **kwargs)  # type: ignore[misc]

    account_id: str
    region_name: str
    alarms: dict[str, Alarm]

    def put_metric_alarm(self, name: str, *args: Any, **kwargs: Any) -> Alarm:
        before: Any = self.alarms.get(name)
        alarm: Any = super().put_metric_alarm(name, *args, **kwargs)  # type: ignore[misc]
        if before:  # its state is left as it was
            for part in ("state_value", "state_reason", "state_reason_data", "state_updated_timestamp", "history"):
                setattr(alarm, part, getattr(before, part))
        else:
            alarm.state_value = INSUFFICIENT_DATA
        alarm.looked_at = -EVERY
        return alarm  # type: ignore[no-any-return]

    def set_alarm_state(self, alarm_name: str, reason: str, reason_data: str, state_value: str) -> None:
        """Holds until the alarm is evaluated the next time."""
        alarm: Any = self.alarms.get(alarm_name)
        before = _state(alarm) if alarm else {}
        super().set_alarm_state(alarm_name, reason, reason_data, state_value)  # type: ignore[misc]
        alarm.looked_at = time.monotonic()
        self._changed(alarm, before)

    def move_alarm(self, alarm: Any, state: str, reason: str, data: str) -> None:
        before = _state(alarm)
        alarm.update_state(reason, data, state)
        self._changed(alarm, before)

    def alarm_history(self, name: str | None) -> list[dict[str, Any]]:
        """The newest first."""
        found = [item for alarm in self.alarms.values() if name in (None, alarm.name) for item in alarm.history]
        return sorted((item for item in found if isinstance(item, dict)), key=_moment, reverse=True)

    def _changed(self, alarm: Any, before: Mapping[str, Any]) -> None:
        del alarm.history[-1:]  # moto's own item, of the state before
        now = _state(alarm)
        if now["value"] == before["value"]:
            return
        alarm.state_transitioned_timestamp = alarm.state_updated_timestamp
        alarm.history[:] = [*alarm.history, _item(alarm, before, now)][-HISTORY:]
        if self.platform.replaying:
            return
        self.platform.know(KIND, f"{self.account_id}/{self.region_name}/{alarm.name}", now)
        if ALARM in (now["value"], before["value"]):
            self.platform.say(f"alarm {alarm.name}: {now['value']}: {now['reason']}")
        detail = {
            "alarmName": alarm.name,
            "state": now,
            "previousState": before,
            "configuration": _configuration(alarm),
        }
        kind, arn = "CloudWatch Alarm State Change", alarm.alarm_arn
        telemetry.event(self.account_id, self.region_name, kind, arn, detail)
        self._act(alarm, before, now)

    def _act(self, alarm: Any, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        """SNS topics; other actions are stored only."""
        topics = [arn for arn in getattr(alarm, ACTIONS[now["value"]]) or () if ":sns:" in arn]
        for topic in topics if alarm.actions_enabled else ():
            message = {
                "AlarmName": alarm.name,
                "AlarmDescription": alarm.description,
                "AWSAccountId": self.account_id,
                "NewStateValue": now["value"],
                "NewStateReason": now["reason"],
                "StateChangeTime": now["timestamp"],
                "Region": self.region_name,
                "AlarmArn": alarm.alarm_arn,
                "OldStateValue": before["value"],
            }
            subject = f'{now["value"]}: "{alarm.name}" in {self.region_name}'
            try:
                topics_here: Any = sns_backends[self.account_id][self.region_name]
                topics_here.publish(json.dumps(message), arn=topic, subject=subject[:100])
            except Exception:  # the topic is the user's, and the alarm does not depend on it
                log.exception("alarm %s could not tell %s", alarm.name, topic)


class AlarmsResponse(CloudWatchResponse):
    def describe_alarm_history(self) -> ActionResult:
        kind, oldest_first = self._get_param("HistoryItemType"), self._get_param("ScanBy") == "TimestampAscending"
        since, until = self._get_param("StartDate"), self._get_param("EndDate")
        backend: Any = self.cloudwatch_backend
        found = [
            item
            for item in backend.alarm_history(self._get_param("AlarmName"))
            if kind in (None, item["HistoryItemType"])
            and (since is None or item["Timestamp"] >= since)
            and (until is None or item["Timestamp"] <= until)
        ]
        most = self._get_int_param("MaxRecords") or 100
        return ActionResult({"AlarmHistoryItems": (found[::-1] if oldest_first else found)[:most]})


class Watch:
    """Of all alarms, in a thread of its own."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._told: set[str] = set()
        self._ended = threading.Event()

    def stop(self) -> None:
        self._ended.set()

    def run(self) -> None:
        while not self._ended.wait(min(1.0, enforced.here().alarm_period / 4)):
            for _, _, backend in cloudwatch_backends.iter_backends():
                for alarm in list(backend.alarms.values()):  # type: ignore[attr-defined]
                    try:
                        self._look(backend, alarm)
                    except NotEvaluatedError as error:
                        self._say_once(alarm, str(error))
                    except Exception:  # the others are looked at all the same
                        log.exception("alarm %s could not be evaluated", alarm.name)

    def _look(self, backend: Any, alarm: Any) -> None:
        rule = Rule.of(alarm, enforced.here().alarm_period)
        if time.monotonic() - alarm.looked_at < min(EVERY, rule.period):
            return
        alarm.looked_at = time.monotonic()
        now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
        found = verdict(rule, points(rule, list(backend.series.get(rule.series, ())), now))
        if found.state not in (None, alarm.state_value) and backend.alarms.get(alarm.name) is alarm:
            backend.move_alarm(alarm, found.state, found.reason, found.data)

    def _say_once(self, alarm: Any, what: str) -> None:
        if alarm.alarm_arn in self._told:
            return
        self._told.add(alarm.alarm_arn)
        sentence = f"not evaluated here: {what}; SetAlarmState sets its state"
        if alarm.state_value == INSUFFICIENT_DATA:
            alarm.state_reason = sentence[0].upper() + sentence[1:]
        self._platform.say(f"warning: the alarm {alarm.name} is {sentence}")


def in_alarm(account: str, region: str, names: Sequence[str]) -> list[str]:
    """Those of them whose state is ALARM."""
    known = cloudwatch_backends[account][region].alarms
    return [name for name in names if name in known and known[name].state_value == ALARM]


def lacking(account: str, region: str, names: Sequence[str]) -> list[str]:
    known = cloudwatch_backends[account][region].alarms
    return [name for name in names if name not in known]


def known_again(key: str, state: Mapping[str, Any]) -> None:
    account, region, name = key.split("/", 2)
    alarm: Any = cloudwatch_backends[account][region].alarms.get(name)
    if alarm:
        alarm.state_value, alarm.state_reason = state["value"], state["reason"]
        alarm.state_reason_data = state.get("reasonData") or "{}"
        with contextlib.suppress(ValueError):
            at = datetime.datetime.strptime(state["timestamp"], "%Y-%m-%dT%H:%M:%S.%f%z")
            alarm.state_updated_timestamp = at.replace(tzinfo=None)


def watched() -> None:
    """For hooks.RECONCILE: from the start on."""
    platform: Platform = sagemaker_backends.backend.platform  # type: ignore[attr-defined]
    watch = Watch(platform)
    platform.works.start("alarms", watch.run, watch.stop)


def _state(alarm: Any) -> dict[str, Any]:
    return {
        "value": alarm.state_value,
        "reason": alarm.state_reason,
        "reasonData": alarm.state_reason_data,
        "timestamp": stamp(alarm.state_updated_timestamp),
    }


def _item(alarm: Any, before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    data = {"version": "1.0", "oldState": _historic(before), "newState": _historic(now)}
    return {
        "AlarmName": alarm.name,
        "AlarmType": "MetricAlarm",
        "Timestamp": chance.clock(),
        "HistoryItemType": "StateUpdate",
        "HistorySummary": f"Alarm updated from {before['value']} to {now['value']}",
        "HistoryData": json.dumps(data),
    }


def _historic(state: Mapping[str, Any]) -> dict[str, Any]:
    return {"stateValue": state["value"], "stateReason": state["reason"]}


def _moment(item: Mapping[str, Any]) -> Any:
    return item["Timestamp"]


def _configuration(alarm: Any) -> dict[str, Any]:
    """Of its metric; of metric math nothing, for nothing of it is evaluated."""
    if alarm.metric_data_queries or not alarm.metric_name:
        return {}
    metric = {
        "namespace": alarm.namespace,
        "name": alarm.metric_name,
        "dimensions": {str(each.name): str(each.value) for each in alarm.dimensions},
    }
    statistic = alarm.extended_statistic or alarm.statistic
    stat = {"metric": metric, "period": alarm.period, "stat": statistic}
    found = {"metrics": [{"id": str(uuid.uuid4()), "metricStat": stat, "returnData": True}]}
    return found | ({"description": alarm.description} if alarm.description else {})
