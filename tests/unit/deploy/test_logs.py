"""Lines of several streams, once each and in order, whatever AWS refuses meanwhile."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from deploy.kinds.watching import place, streams
from deploy.logs import follow


class Logs:
    """CloudWatch Logs as it behaves: a page at a time, empty pages between, the same token at the end."""

    def __init__(self) -> None:
        self.streams: dict[str, list[tuple[int, str]]] = {}
        self.refuses = ""
        self.asked: list[dict[str, Any]] = []

    def client(self, _service: str) -> "Logs":
        return self

    def get_paginator(self, _operation: str) -> "Logs":
        return self

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        if not self.streams:
            error = {
                "Error": {"Code": "ResourceNotFoundException", "Message": "The specified log group does not exist."}
            }
            raise ClientError(error, "DescribeLogStreams")
        prefix = asked.get("logStreamNamePrefix", "")
        return [{"logStreams": [{"logStreamName": each} for each in self.streams if each.startswith(prefix)]}]

    def get_log_events(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        name = asked["logStreamName"]
        if name == self.refuses:
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, "GetLogEvents")
        step = int(asked.get("nextToken", "f/0").removeprefix("f/"))  # even: an empty page comes, odd: an event
        events = self.streams[name]
        if step // 2 >= len(events):
            return {"events": [], "nextForwardToken": f"f/{step}"}
        at, text = events[step // 2]
        page = [{"timestamp": at, "message": text}] if step % 2 else []
        return {"events": page, "nextForwardToken": f"f/{step + 1}"}


@pytest.fixture
def logs() -> Logs:
    return Logs()


def test_lines_of_all_hosts_come_by_their_time_and_once(logs: Logs) -> None:
    tail = follow(logs, "/aws/sagemaker/TrainingJobs:job/")  # type: ignore[arg-type]
    assert tail.new() == []  # there is no group before the first line
    logs.streams = {
        "job/algo-1-1732635000": [(1, "a"), (3, "c")],
        "job/algo-2-1732635000": [(2, "b")],
        "job-2/algo-1-1732635000": [(1, "another's")],
    }
    assert [str(line) for line in tail.new()] == ["algo-1 | a", "algo-2 | b", "algo-1 | c"]
    assert tail.new() == []
    logs.streams["job/algo-2-1732635000"].append((4, "d"))
    assert [str(line) for line in tail.new()] == ["algo-2 | d"]


def test_what_is_refused_in_between_loses_no_line(logs: Logs) -> None:
    logs.streams = {"job/algo-1-1732635000": [(2, "a")], "job/algo-2-1732635000": [(1, "b")]}
    tail = follow(logs, "group:job/")  # type: ignore[arg-type]
    logs.refuses = "job/algo-2-1732635000"
    with pytest.raises(ClientError):
        tail.new()
    logs.refuses = ""
    assert [str(line) for line in tail.new()] == ["algo-2 | b", "algo-1 | a"]


@pytest.mark.parametrize(
    ("prefix", "stream", "host"),
    [
        ("job/", "job/algo-1-1732635000", "algo-1"),
        ("job/", "job/i-0abc-1732635000/data-log", "i-0abc/data-log"),
        ("job-", "job-001-0a1b2c3d/algo-1-1732635000", "001-0a1b2c3d/algo-1"),
        ("", "main/i-0abc", "main/i-0abc"),
    ],
)
def test_a_host_is_named_without_the_time(logs: Logs, prefix: str, stream: str, host: str) -> None:
    logs.streams = {stream: [(1, "x")]}
    assert [line.host for line in follow(logs, f"group:{prefix}").new()] == [host]  # type: ignore[arg-type]


def test_since_is_asked_of_aws(logs: Logs) -> None:
    logs.streams = {"s": [(1, "x")]}
    follow(logs, "group", since=5).new()  # type: ignore[arg-type]
    assert {asked["startTime"] for asked in logs.asked} == {5}


def test_the_group_of_an_endpoint_has_no_prefix() -> None:
    assert place("/aws/sagemaker/TrainingJobs:job/") == ("/aws/sagemaker/TrainingJobs", "job/")
    assert place("/aws/sagemaker/Endpoints/e") == ("/aws/sagemaker/Endpoints/e", "")


def test_a_tuning_jobs_streams_are_those_of_its_trials() -> None:
    every = ["c-001-1a2b3c4d/algo-1-1", "c-002-5e6f7a8b/algo-1-1", "c-two-train-1/algo-1-1", "c-20261126-1/algo-1-1"]

    class Logs:
        def client(self, _: str) -> "Logs":
            return self

        def get_paginator(self, _: str) -> "Logs":
            return self

        def paginate(self, logStreamNamePrefix: str, **_: str) -> list[dict[str, list[dict[str, str]]]]:  # noqa: N803
            found = [{"logStreamName": each} for each in every if each.startswith(logStreamNamePrefix)]
            return [{"logStreams": found}]

    assert streams(Logs(), "group", "c-") == every[:2]  # type: ignore[arg-type]
    assert streams(Logs(), "group", "c-two-train-1/") == every[2:3]  # type: ignore[arg-type]
