"""Search over training jobs, by what their descriptions say; over all else it is moto's."""

import datetime
from collections.abc import Callable, Mapping
from typing import Any

from moto.core.responses import ActionResult
from moto.sagemaker.exceptions import ValidationError

from local_test.api.jobs import Job
from local_test.api.platform import NotHereYet
from local_test.api.shapes import check
from local_test.api.training import described

_OPERATORS: dict[str, Callable[[Any, str], bool]] = {
    "Equals": lambda found, wanted: _alike(found, wanted) == wanted,
    "NotEquals": lambda found, wanted: _alike(found, wanted) != wanted,
    "Contains": lambda found, wanted: wanted in str(found),
    "Exists": lambda found, _: found is not None,
    "NotExists": lambda found, _: found is None,
    "In": lambda found, wanted: _alike(found, wanted) in wanted.split(","),
    "GreaterThan": lambda found, wanted: _compared(found, wanted) > 0,
    "GreaterThanOrEqualTo": lambda found, wanted: _compared(found, wanted) >= 0,
    "LessThan": lambda found, wanted: _compared(found, wanted) < 0,
    "LessThanOrEqualTo": lambda found, wanted: _compared(found, wanted) <= 0,
}
_ABSENT_IS_TRUE = ("NotEquals", "NotExists")


class SearchResponse:
    params: dict[str, Any]
    sagemaker_backend: Any

    def search(self) -> ActionResult:
        if self.params.get("Resource") != "TrainingJob":
            answer: ActionResult = super().search()  # type: ignore[misc]
            return answer
        check("Search", self.params)
        expression = self.params.get("SearchExpression") or {}
        jobs = [job for job in self.sagemaker_backend.training_jobs.values() if is_found(seen(job), expression)]
        order = self.params.get("SortBy", "LastModifiedTime")
        jobs.sort(key=lambda job: str(value_at(seen(job), order)))
        if self.params.get("SortOrder", "Descending") == "Descending":
            jobs.reverse()
        begin, size = int(self.params.get("NextToken") or 0), int(self.params.get("MaxResults") or 10)
        page = {"Results": [{"TrainingJob": seen(job)} for job in jobs[begin : begin + size]]}
        return ActionResult(page | ({"NextToken": str(begin + size)} if begin + size < len(jobs) else {}))


def seen(job: Job) -> dict[str, Any]:
    return described(job) | {"Tags": job.tags}


def is_found(job: Mapping[str, Any], expression: Mapping[str, Any]) -> bool:
    if expression.get("NestedFilters"):
        raise NotHereYet("nested filters")
    parts = [is_met(job, part) for part in expression.get("Filters") or []]
    parts += [is_found(job, part) for part in expression.get("SubExpressions") or []]
    return any(parts) if expression.get("Operator") == "Or" and parts else all(parts)


def is_met(job: Mapping[str, Any], condition: Mapping[str, Any]) -> bool:
    operator, found = condition.get("Operator", "Equals"), value_at(job, condition["Name"])
    if found is None and operator not in ("Exists", "NotExists"):
        return operator in _ABSENT_IS_TRUE
    return _OPERATORS[operator](found, condition.get("Value", ""))


def value_at(job: Any, name: str) -> Any:
    """`ModelArtifacts.S3ModelArtifacts`, `Tags.team`, `Metrics.loss`; None where there is nothing of that name."""
    first, _, rest = name.partition(".")
    if first == "Tags" and rest:
        return next((tag["Value"] for tag in job["Tags"] if tag["Key"] == rest), None)
    if first == "Metrics" and rest:
        metrics = job.get("FinalMetricDataList") or []
        return next((metric["Value"] for metric in metrics if metric["MetricName"] == rest), None)
    if first == "HyperParameters" and rest:
        return (job.get(first) or {}).get(rest)
    if not isinstance(job, Mapping) or first not in job:
        return None
    return value_at(job[first], rest) if rest else job[first]


def _alike(found: Any, wanted: str) -> str:
    if isinstance(found, (int, float)) and not isinstance(found, bool):
        try:
            return wanted if float(found) == float(wanted) else str(found)
        except ValueError:
            return str(found)
    return str(found).lower() if isinstance(found, bool) else str(found)


def _compared(found: Any, wanted: str) -> float:
    try:
        if isinstance(found, datetime.datetime):
            at = datetime.datetime.fromisoformat(wanted)
            return (found - (at if at.tzinfo else at.replace(tzinfo=datetime.UTC))).total_seconds()
        return float(found) - float(wanted)
    except (TypeError, ValueError):
        raise ValidationError(f"The value {wanted!r} cannot be compared with {found!r}") from None
