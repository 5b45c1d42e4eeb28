"""What is counted of invocations: for CloudWatch, as SageMaker names it, and for target tracking."""

import datetime
import threading
from collections import defaultdict

from moto.cloudwatch.models import cloudwatch_backends

NAMESPACE = "AWS/SageMaker"
SAMPLES = ("ModelLatency", "OverheadLatency", "ModelLoadingTime", "ModelSetupTime")  # microseconds


class Traffic:
    """Of one endpoint. Counted on the way of each invocation, written now and then by `flush`."""

    def __init__(self, account: str, region: str, endpoint: str) -> None:
        self._account, self._region, self._endpoint = account, region, endpoint
        self._lock = threading.Lock()
        self._counts: dict[str, dict[str, list[float]]] = _none()
        self._since: dict[str, int] = defaultdict(int)

    def invoked(self, variant: str, status: int, model_seconds: float | None, seconds: float) -> None:
        """`status` is what the container answered; 0 when it did not in time."""
        with self._lock:
            self._since[variant] += 1
            values = self._counts[variant]
            values["Invocations"].append(1)
            values["Invocation4XXErrors"].append(400 <= status < 500)  # noqa: PLR2004
            values["Invocation5XXErrors"].append(status >= 500 or not status)  # noqa: PLR2004
            values["InvocationModelErrors"].append(not 200 <= status < 300)  # noqa: PLR2004
            if model_seconds is not None:
                values["ModelLatency"].append(model_seconds * 1e6)
                values["OverheadLatency"].append((seconds - model_seconds) * 1e6)

    def measured(self, variant: str, name: str, value: float) -> None:
        with self._lock:
            self._counts[variant][name].append(value)

    def taken(self, variant: str) -> int:
        """How many there were since the last time this was asked."""
        with self._lock:
            return self._since.pop(variant, 0)

    def flush(self, instances: dict[str, int]) -> None:
        """Each metric as one set of statistics of the time since the last."""
        with self._lock:
            counts, self._counts = self._counts, _none()
        at = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)  # as moto compares them
        for variant, counted in counts.items():
            values = dict(counted)
            if values.get("Invocations"):
                values["InvocationsPerInstance"] = [len(values["Invocations"]) / max(instances.get(variant, 1), 1)]
            dimensions = [
                {"Name": "EndpointName", "Value": self._endpoint},
                {"Name": "VariantName", "Value": variant},
            ]
            data = [
                {
                    "MetricName": name,
                    "Timestamp": at,
                    "Unit": "Microseconds" if name in SAMPLES else "None",
                    "Dimensions": dimensions,
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


def _none() -> dict[str, dict[str, list[float]]]:
    return defaultdict(lambda: defaultdict(list))
