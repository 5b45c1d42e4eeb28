"""Every place where moto is held: our SageMaker backend and responses put in the place of moto's, its S3 told of files.

moto has no plug-in points; these are the least of its insides that do. `install` says which has moved instead of
working half: moto is pinned to a minor series, and this is what a new one is judged by. Of services that are slow to
import, late.py does the same.
"""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from moto.cloudwatch.models import CloudWatchBackend, cloudwatch_backends
from moto.core.responses import ActionResult, BaseResponse
from moto.ecr.models import ECRBackend, ecr_backends
from moto.logs.models import LogsBackend, logs_backends
from moto.moto_api._internal import mock_random
from moto.s3.models import FakeKey, s3_backends
from moto.s3.responses import S3Response
from moto.sagemaker.models import SageMakerModelBackend, sagemaker_backends
from moto.sagemaker.responses import SageMakerResponse

from local_test.api import (
    alarms,
    buckets,
    chance,
    ecr,
    endpoints,
    iam,
    jobs,
    logs,
    metrics,
    patterns,
    processing,
    rules,
    scaling,
    templates,
    training,
    transform,
    tuning,
)
from local_test.api.endpoint_configs import EndpointConfigsBackend, EndpointConfigsResponse
from local_test.api.endpoints import EndpointsBackend, EndpointsResponse
from local_test.api.late import Points, hold
from local_test.api.models import ModelsBackend, ModelsResponse
from local_test.api.packages import PackagesResponse
from local_test.api.platform import Platform
from local_test.api.processing import ProcessingBackend, ProcessingResponse
from local_test.api.records import RecordsResponse
from local_test.api.search import SearchResponse
from local_test.api.tags import TagsBackend
from local_test.api.training import TrainingBackend, TrainingResponse
from local_test.api.transform import TransformBackend, TransformResponse
from local_test.api.tuning import TuningBackend, TuningResponse

# A part adds its pair here; what it does not override is moto's.
BACKENDS: tuple[type, ...] = (
    TrainingBackend,
    ProcessingBackend,
    TransformBackend,
    TuningBackend,
    ModelsBackend,
    EndpointConfigsBackend,
    EndpointsBackend,
    TagsBackend,
)
RESPONSES: tuple[type, ...] = (
    RecordsResponse,
    TrainingResponse,
    ProcessingResponse,
    TransformResponse,
    TuningResponse,
    SearchResponse,
    PackagesResponse,
    ModelsResponse,
    EndpointConfigsResponse,
    EndpointsResponse,
)
# At start: what a fact of the journal says; then, once it is read, what should run, or is lost, is seen to.
FACTS: dict[str, Callable[[str, Any], None]] = {
    training.KIND: jobs.known_again("training_jobs"),
    training.MADE: training.made_again,
    tuning.KIND: jobs.known_again("hyper_parameter_tuning_jobs"),
    processing.KIND: jobs.known_again("processing_jobs"),
    transform.KIND: jobs.known_again("transform_jobs"),
    endpoints.KIND: endpoints.known_again,
    alarms.KIND: alarms.known_again,
}
RECONCILE: tuple[Callable[[], None], ...] = (
    jobs.lost("training_jobs"),
    jobs.lost("processing_jobs"),
    jobs.lost("transform_jobs"),
    jobs.lost("hyper_parameter_tuning_jobs"),
    endpoints.started_again,
    scaling.watched,
    alarms.watched,
)


def install(platform: Platform) -> None:
    """Before moto serves anything; moto's state is the process's, so once in a process. Raises HookMoved."""
    hold(points())
    chance.install()
    templates.install()
    _replace(sagemaker_backends, _backend_of(platform))
    _replace(s3_backends, type("LocalS3", (buckets.DiskBackend,), {"objects": platform.objects}))
    paths = importlib.import_module("moto.s3.urls").url_paths
    paths.update({path: getattr(buckets.LocalS3Response, dispatch.__name__) for path, dispatch in paths.items()})
    FakeKey.__deepcopy__ = buckets.listed  # type: ignore[attr-defined]
    importlib.import_module("moto.logs.models").EventMessageFilter = patterns.Pattern  # type: ignore[attr-defined]
    _replace(logs_backends, logs.backend_of(platform.logs, lambda: platform.replaying))
    _replace(cloudwatch_backends, _cloudwatch_of(platform))
    importlib.import_module("moto.cloudwatch.urls").url_paths["{0}/$"] = alarms.AlarmsResponse.dispatch
    response: Any = type("LocalSageMakerResponse", (*RESPONSES, Pruned, SageMakerResponse), {"platform": platform})
    importlib.import_module("moto.sagemaker.urls").url_paths["{0}/$"] = response.dispatch
    urls = importlib.import_module("moto.ecr.urls")
    about: dict[str, Any] = {"platform": platform, "_url_module": urls}
    _replace(ecr_backends, type("LocalEcr", (ecr.LocalRegistryBackend,), about))
    response = type("LocalEcrResponse", (ecr.LocalRegistryResponse,), about)
    urls.url_paths["{0}/$"] = response.dispatch
    importlib.import_module("moto.iam.urls").url_paths["{0}/$"] = iam.LocalIamResponse.dispatch
    importlib.import_module("moto.events.urls").url_paths["{0}/"] = rules.LocalEventsResponse.dispatch


class Pruned(BaseResponse):
    """Describe answers hold empty structures (`VpcConfig: {}`) that AWS leaves out and typed clients refuse."""

    def serialized(self, action_result: ActionResult) -> Any:
        result = action_result.result
        if isinstance(result, Mapping):
            action_result = ActionResult(pruned(result))
        return super().serialized(action_result)


def pruned(value: Any) -> Any:
    """Without the members that are None or an empty structure, at every depth; empty lists stay."""
    if isinstance(value, Mapping):
        kept = {name: pruned(part) for name, part in value.items()}
        return {name: part for name, part in kept.items() if part is not None and part != {}}
    if isinstance(value, list):
        return [pruned(part) for part in value]
    return value


def points() -> Points:
    paths = {
        "sagemaker": ["{0}/$"],
        "s3": ["{0}/(?P<bucket_name_path>[^/]+)/(?P<key_name>.+)"],
        "ecr": ["{0}/$"],
        "iam": ["{0}/$"],
        "cloudwatch": ["{0}/$"],
        "events": ["{0}/"],
    }
    methods = {
        SageMakerModelBackend: ["create_endpoint", "create_endpoint_config", "create_model", "describe_training_job"],
        SageMakerResponse: [
            "dispatch",
            "create_training_job",
            "serialized",
            "call_action",
            "create_experiment",
            "describe_experiment",
            "delete_experiment",
            "create_trial",
            "create_trial_component",
            "create_notebook_instance",
            "create_endpoint",
            "create_transform_job",
            "list_transform_jobs",
        ],
        ECRBackend: ["create_repository", "describe_repositories", "list_images", "put_image", "batch_delete_image"],
        LogsBackend: [
            "put_log_events",
            "delete_log_group",
            "delete_log_stream",
            "ensure_log_stream",
            "start_query",
            "put_metric_filter",
        ],
        CloudWatchBackend: ["put_metric_data", "get_metric_statistics", "put_metric_alarm", "set_alarm_state"],
        s3_backends.backend: [
            "put_object",
            "delete_object",
            "put_object_tagging",
            "delete_object_tagging",
            "put_object_legal_hold",
            "put_object_retention",
            "upload_part",
            "upload_part_copy",
            "complete_multipart_upload",
            "_get_results_from_token",
        ],
        S3Response: ["setup_class", "key_dispatch", "bucket_dispatch", "ambiguous_dispatch"],
    }
    checks: Points = {
        f"the paths of {service}": lambda service=service, wanted=wanted: all(  # type: ignore[misc]
            path in importlib.import_module(f"moto.{service}.urls").url_paths for path in wanted
        )
        for service, wanted in paths.items()
    }
    for owner, names in methods.items():
        for name in names:
            checks[f"{owner.__name__}.{name}"] = lambda owner=owner, name=name: callable(getattr(owner, name, None))  # type: ignore[misc]
    for backends in (sagemaker_backends, s3_backends, ecr_backends, cloudwatch_backends):
        checks[f"the backend of {backends.service_name}"] = lambda backends=backends: isinstance(backends.backend, type)  # type: ignore[misc]
    checks["the filter of Logs"] = lambda: hasattr(importlib.import_module("moto.logs.models"), "EventMessageFilter")
    checks["utcnow"] = chance.can_install
    checks["mock_random"] = lambda: type(mock_random).__name__ in ("MotoRandom", "PerThread")
    checks["CloudFormation's classes of SageMaker"] = templates.can_install
    checks["FakeKey._value_buffer"] = _has_buffer
    return checks


def _has_buffer() -> bool:
    key = FakeKey("name", b"value", account_id="1", region_name="us-east-1")
    try:
        return hasattr(key, "_value_buffer") and hasattr(key, "_etag") and hasattr(key, "_metadata")
    finally:
        key.dispose()


def _backend_of(platform: Platform) -> type[SageMakerModelBackend]:
    urls = importlib.import_module("moto.sagemaker.urls")
    # moto finds a backend's paths by the name of its class's module, which here is ours
    return type("LocalSageMaker", (*BACKENDS, SageMakerModelBackend), {"platform": platform, "_url_module": urls})


def _cloudwatch_of(platform: Platform) -> type[CloudWatchBackend]:
    kept = metrics.backend_of(platform.metrics)
    return type(
        "LocalCloudWatch", (alarms.AlarmsBackend, kept), {"platform": platform, "_url_module": kept._url_module}
    )


def _replace(backends: Any, backend: type) -> None:
    backends.backend = backend
    backends.clear()
