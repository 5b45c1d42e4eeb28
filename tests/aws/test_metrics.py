"""CloudWatch's metrics: what was put is there after a kill, and a metric is that of all its dimensions."""

import datetime
from pathlib import Path
from typing import Any

from tests.awshosting import Hosting
from tests.localaws import LocalAws, up

DAY = datetime.timedelta(days=1)


def statistics(api: LocalAws, namespace: str, name: str, **dimensions: str) -> dict[str, float]:
    now = datetime.datetime.now(datetime.UTC)
    points: list[dict[str, Any]] = api.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=now - 2 * DAY,
        EndTime=now + DAY,
        Period=86400 * 4,
        Statistics=["Sum", "SampleCount", "Maximum"],
    )["Datapoints"]
    return {key: value for point in points for key, value in point.items() if isinstance(value, float)}


def test_metrics_outlast_a_kill(state: Path) -> None:
    with up(state, "--no-docker") as api:
        hosting = Hosting(api)
        endpoint = hosting.serve(hosting.variant(hosting.model()))
        for _ in range(3):
            hosting.invoke(endpoint)
        dimensions = {"EndpointName": endpoint, "VariantName": "main"}
        put = api.client("cloudwatch").put_metric_data
        yesterday = datetime.datetime.now(datetime.UTC) - DAY
        put(Namespace="own", MetricData=[{"MetricName": "m", "Value": 2.0, "Timestamp": yesterday}])
        put(Namespace="own", MetricData=[{"MetricName": "m", "Values": [1.0, 5.0], "Counts": [3.0, 1.0]}])

        def counted() -> bool:
            return statistics(api, "AWS/SageMaker", "Invocations", **dimensions).get("Sum") == 3

        api.wait(counted, "three invocations")
        api.process.kill()
        api.process.wait()
    with (state / "metrics" / "1.jsonl").open("ab") as file:
        file.write(b'["123456789012","us-east-1","own","m"')
    with up(state, "--no-docker") as api:
        assert statistics(api, "AWS/SageMaker", "Invocations", **dimensions)["Sum"] == 3
        assert statistics(api, "own", "m") == {"Sum": 10.0, "SampleCount": 5.0, "Maximum": 5.0}
        api.client("cloudwatch").put_metric_data(Namespace="own", MetricData=[{"MetricName": "m", "Value": 1.0}])
        assert api.stop() == 0
    with up(state, "--no-docker") as api:
        assert statistics(api, "own", "m") == {"Sum": 11.0, "SampleCount": 6.0, "Maximum": 5.0}
        assert "warning" not in api.log


def test_a_metric_is_that_of_all_its_dimensions(aws: LocalAws) -> None:
    put = aws.client("cloudwatch").put_metric_data
    for value, dimensions in ((1.0, {}), (2.0, {"a": "1"}), (4.0, {"a": "1", "b": "2"})):
        named = [{"Name": key, "Value": text} for key, text in dimensions.items()]
        put(Namespace="dimensions", MetricData=[{"MetricName": "m", "Value": value, "Dimensions": named}])
    assert statistics(aws, "dimensions", "m")["Sum"] == 1
    assert statistics(aws, "dimensions", "m", a="1")["Sum"] == 2
    assert statistics(aws, "dimensions", "m", b="2", a="1")["Sum"] == 4
    assert statistics(aws, "dimensions", "m", b="2") == {}


def test_a_percentile_of_sets_of_statistics_is_no_point(aws: LocalAws) -> None:
    cloudwatch, now = aws.client("cloudwatch"), datetime.datetime.now(datetime.UTC)
    values = {"Sum": 6.0, "Minimum": 1.0, "Maximum": 3.0, "SampleCount": 3.0}
    cloudwatch.put_metric_data(Namespace="sets", MetricData=[{"MetricName": "m", "StatisticValues": values}])
    asked = [
        {
            "Id": stat.lower(),
            "MetricStat": {"Metric": {"Namespace": "sets", "MetricName": "m"}, "Period": 86400 * 4, "Stat": stat},
        }
        for stat in ("Average", "p90")
    ]
    found = cloudwatch.get_metric_data(MetricDataQueries=asked, StartTime=now - DAY, EndTime=now + DAY)
    assert {each["Id"]: each["Values"] for each in found["MetricDataResults"]} == {"average": [2.0], "p90": []}
