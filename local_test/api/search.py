"""Search, by what descriptions say: over training jobs and endpoints, and what is only written down."""

import datetime
from collections.abc import Callable, Mapping
from typing import Any

from moto.core.responses import ActionResult
from moto.sagemaker.exceptions import ValidationError

from local_test.api.absent import NotHereYet
from local_test.api.jobs import Job
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


# Of a resource, where it is kept and the member of a result that it is.
RESOURCES = {
    "TrainingJob": ("training_jobs", "TrainingJob"),
    "Endpoint": ("endpoints", "Endpoint"),
    "ModelPackage": ("model_packages", "ModelPackage"),
    "ModelPackageGroup": ("model_package_groups", "ModelPackageGroup"),
    "Pipeline": ("pipelines", "Pipeline"),
    "Experiment": ("experiments", "Experiment"),
    "ExperimentTrial": ("trials", "Trial"),
    "ExperimentTrialComponent": ("trial_components", "TrialComponent"),
}
NEVER_MADE = ("FeatureGroup", "Image", "ImageVersion", "PipelineExecution", "Project")


class SearchResponse:
    params: dict[str, Any]
    sagemaker_backend: Any

    def search(self) -> ActionResult:
        resource = self.params["Resource"]
        if resource not in RESOURCES and resource not in NEVER_MADE:
            raise NotHereYet(f"Resource {resource}")
        kept, result = RESOURCES.get(resource, ("", ""))
        every = list(getattr(self.sagemaker_backend, kept).values()) if kept else []
        expression = self.params.get("SearchExpression") or {}
        found = [each for each in map(self._seen, every) if is_found(each, expression)]
        order = self.params.get("SortBy", "LastModifiedTime")
        found.sort(key=lambda each: _ordered(value_at(each, order)))
        if self.params.get("SortOrder", "Descending") == "Descending":
            found.reverse()
        token = self.params.get("NextToken") or "0"
        if not token.isdigit() or int(token) > len(found):
            raise ValidationError(f"Invalid pagination token {token!r}")
        begin, size = int(token), int(self.params.get("MaxResults") or 10)
        page = {"Results": [{result: each} for each in found[begin : begin + size]]}
        return ActionResult(page | ({"NextToken": str(begin + size)} if begin + size < len(found) else {}))

    def _seen(self, item: Any) -> dict[str, Any]:
        if isinstance(item, Job):
            return described(item) | {"Tags": item.tags}
        found = {**item.gen_response_object(), "Tags": item.tags}
        if name := found.get("TrialComponentName"):
            trials = [trial for trial in self.sagemaker_backend.trials.values() if name in trial.trial_components]
            found["Parents"] = [
                {"TrialName": each.trial_name, "ExperimentName": each.experiment_name} for each in trials
            ]
        return found


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
    values = found if isinstance(found, list) else [found]
    return any(_OPERATORS[operator](value, condition.get("Value", "")) for value in values)


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
    if isinstance(job, list):
        return [value for value in (value_at(each, name) for each in job) if value is not None] or None
    if not isinstance(job, Mapping) or first not in job:
        return None
    return value_at(job[first], rest) if rest else job[first]


def _ordered(value: Any) -> tuple[bool, bool, Any]:
    """Numbers and times by their size, text by its letters, what is not there first."""
    is_number = isinstance(value, (int, float, datetime.datetime))
    at = _aware(value).timestamp() if isinstance(value, datetime.datetime) else value
    return value is not None, not is_number, at if is_number else str(value)


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
            return (_aware(found) - _aware(at)).total_seconds()
        return float(found) - float(wanted)
    except (TypeError, ValueError):
        raise ValidationError(f"The value {wanted!r} cannot be compared with {found!r}") from None


def _aware(time: datetime.datetime) -> datetime.datetime:
    return time if time.tzinfo else time.replace(tzinfo=datetime.UTC)  # as moto has it
