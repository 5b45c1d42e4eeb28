"""What is counted of invocations: for CloudWatch, as SageMaker names it, and for target tracking.

CloudWatch has each metric twice: of the variant, and of the variant under its configuration, by which an alarm can
watch the new fleet of an update alone.
"""

import datetime
import threading
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

from moto.cloudwatch.models import cloudwatch_backends

if TYPE_CHECKING:
    from local_test.api.hosting import Served

NAMESPACE = "AWS/SageMaker"
SAMPLES = ("ModelLatency", "OverheadLatency", "ModelLoadingTime")  # microseconds

Counts = dict[tuple[str, str], dict[str, list[float]]]  # by variant and configuration


class Traffic:
    """Of one endpoint. Counted on the way of each invocation, written now and then by `flush`."""

    def __init__(self, account: str, region: str, endpoint: str) -> None:
        self._account, self._region, self._endpoint = account, region, endpoint
        self._lock = threading.Lock()
        self._counts: Counts = _none()
        self._since: dict[str, int] = defaultdict(int)

    def invoked(self, served: "Served", status: int, model_seconds: float | None, seconds: float) -> None:
        """`status` is what the container answered; 0 when it did not in time."""
        variant = served.variant.name
        with self._lock:
            self._since[variant] += 1
            values = self._counts[variant, served.config]
            values["Invocations"].append(1)
            values["Invocation4XXErrors"].append(400 <= status < 500)  # noqa: PLR2004
            values["Invocation5XXErrors"].append(status >= 500 or not status)  # noqa: PLR2004
            values["InvocationModelErrors"].append(not 200 <= status < 300)  # noqa: PLR2004
            if model_seconds is not None:
                values["ModelLatency"].append(model_seconds * 1e6)
                values["OverheadLatency"].append((seconds - model_seconds) * 1e6)

    def measured(self, variant: str, name: str, value: float) -> None:
        """Of the variant alone."""
        with self._lock:
            self._counts[variant, ""][name].append(value)

    def taken(self, variant: str) -> int:
        """How many there were since the last time this was asked."""
        with self._lock:
            return self._since.pop(variant, 0)

    def flush(self, instances: dict[str, int]) -> None:
        """Each metric as one set of statistics of the time since the last."""
        with self._lock:
            counts, self._counts = self._counts, _none()
        at = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)  # as moto compares them
        both: Counts = _none()
        for (variant, config), counted in counts.items():
            for where in {(variant, ""), (variant, config)}:
                for name, found in counted.items():
                    both[where][name] += found
        for (variant, config), values in both.items():
            if values.get("Invocations"):
                values["InvocationsPerInstance"] = [len(values["Invocations"]) / max(instances.get(variant, 1), 1)]
            self._put({"VariantName": variant} | ({"EndpointConfigName": config} if config else {}), values, at)

    def _put(self, dimensions: Mapping[str, str], values: Mapping[str, list[float]], at: datetime.datetime) -> None:
        named = [{"Name": key, "Value": text} for key, text in {"EndpointName": self._endpoint, **dimensions}.items()]
        data = [
            {
                "MetricName": name,
                "Timestamp": at,
                "Unit": "Microseconds" if name in SAMPLES else "None",
                "Dimensions": named,
                "StatisticValues": {
                    "Sum": sum(found),
                    "Minimum": min(found),
                    "Maximum": max(found),
                    "SampleCount": len(found),
                },
            }
            for name, found in values.items()
        ]
        cloudwatch_backends[self._account][self._region].put_metric_data(NAMESPACE, data)


def _none() -> Counts:
    return defaultdict(lambda: defaultdict(list))
