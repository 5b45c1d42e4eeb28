"""How a job asks the container: what it says itself, then what /execution-parameters say, then the defaults (B-02)."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local_test.transform.job import BATCH_STRATEGIES, TransformJob
from tiffin import limits

_MOST_MB = limits.PAYLOAD_BATCH // limits.MIB
_SPELLINGS = {"MULTI_RECORD": "MultiRecord", "SINGLE_RECORD": "SingleRecord"}  # the container's, and the API's
_WRITTEN = {name: text for text, name in _SPELLINGS.items()}

Say = Callable[[str], None]


@dataclass(frozen=True)
class Parameters:
    concurrent_transforms: int
    payload_mb: int  # 0: chunked, of unknown length (B-03)
    batch_strategy: str

    @property
    def limit(self) -> int | None:
        """Of one payload, in bytes."""
        return self.payload_mb * limits.MIB or None

    def __str__(self) -> str:  # as SageMaker's own line in the job's log
        return (
            f"MaxConcurrentTransforms={self.concurrent_transforms}, MaxPayloadInMB={self.payload_mb},"
            f" BatchStrategy={_WRITTEN[self.batch_strategy]}"
        )


def decide(job: TransformJob, status: int, body: bytes, say: Say) -> Parameters:
    """`status` and `body`: the container's answer to GET /execution-parameters; 404 is fine."""
    offered = _offered(body, say) if status == 200 else {}  # noqa: PLR2004
    payload = job.max_payload_in_mb
    if payload is None:
        payload = offered.get("MaxPayloadInMB", limits.TRANSFORM_PAYLOAD_MB)
    concurrent = job.max_concurrent_transforms or offered.get("MaxConcurrentTransforms") or 1
    if payload * concurrent > _MOST_MB:
        fits = _MOST_MB // payload
        say(
            f"{concurrent} requests of {payload} MB are more than the {_MOST_MB} MB that may be under way;"
            f" {fits} at once (B-03)"
        )
        concurrent = fits
    strategy = job.batch_strategy or offered.get("BatchStrategy") or BATCH_STRATEGIES[0]
    return Parameters(concurrent, payload, strategy)


def environment(job: TransformJob) -> dict[str, str]:
    """What the container is started with over what its model says (B-01, C-11)."""
    found = {"SAGEMAKER_BATCH": "true"}
    if job.max_payload_in_mb is not None:
        found["SAGEMAKER_MAX_PAYLOAD_IN_MB"] = str(job.max_payload_in_mb)
    if job.max_concurrent_transforms:
        found["SAGEMAKER_MAX_CONCURRENT_TRANSFORMS"] = str(job.max_concurrent_transforms)
    if job.batch_strategy is not None:
        found["SAGEMAKER_BATCH_STRATEGY"] = _WRITTEN[job.batch_strategy]
    return {**job.environment, **found}


def _offered(body: bytes, say: Say) -> dict[str, Any]:
    """What of it is usable; the rest is said."""
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        say("/execution-parameters answered 200 with no JSON object; it is passed over (B-02)")
        return {}
    strategy = document.get("BatchStrategy")
    found = {
        "MaxConcurrentTransforms": _whole(document.get("MaxConcurrentTransforms"), 1, None),
        "MaxPayloadInMB": _whole(document.get("MaxPayloadInMB"), 0, _MOST_MB),
        "BatchStrategy": strategy if strategy in BATCH_STRATEGIES else _SPELLINGS.get(str(strategy)),
    }
    for name, value in found.items():
        if value is None and name in document:
            say(f"/execution-parameters: {name}={document[name]!r} is passed over: it is no value of it (B-02)")
    return {name: value for name, value in found.items() if value is not None}


def _whole(value: object, least: int, most: int | None) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least or (most is not None and value > most):
        return None
    return value
