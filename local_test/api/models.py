"""Models: containers by name, held to what SageMaker accepts; nothing runs before an endpoint or a job asks for one."""

import copy
from collections.abc import Iterator
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.utils import arn_formatter

from local_test.api import enforced
from local_test.api.absent import NotHereYet
from local_test.api.jobs import listed
from local_test.api.objects import Location, NoObject
from local_test.api.platform import Platform
from local_test.api.shapes import check
from local_test.api.templates import Kept

CONTAINERS = 15  # P-01, M-14


class Model(Kept):
    @property
    def containers(self) -> list[dict[str, Any]]:
        return containers(self.request)


class ModelsBackend:
    """Of moto's SageMaker backend, the part that knows models."""

    platform: Platform
    account_id: str
    region_name: str
    _models: dict[str, Model]

    def add_model(self, request: dict[str, Any]) -> Model:
        check("CreateModel", request)
        name = request["ModelName"]
        arn = arn_formatter("model", name, self.account_id, self.region_name)
        if name in self._models:
            raise ValidationError(f'Cannot create already existing model "{arn}".')
        _check_containers(request)
        model = Model(name, arn, copy.deepcopy(request), list(request.get("Tags") or []))
        if not self.platform.replaying:  # when S3's objects are not there yet
            for container in model.containers:
                for uri in data_of(container):
                    _check_data(self.platform, self.account_id, uri)
        self._models[name] = model
        return model

    def model(self, name: str) -> Model:
        if name not in self._models:
            arn = arn_formatter("model", name, self.account_id, self.region_name)
            raise ValidationError(f'Could not find model "{arn}".')
        return self._models[name]

    def remove_model(self, name: str) -> None:
        del self._models[self.model(name).name]


class ModelsResponse:
    """Of moto's SageMaker responses, the operations on models."""

    params: dict[str, Any]
    sagemaker_backend: Any

    def create_model(self) -> ActionResult:
        return ActionResult({"ModelArn": self.sagemaker_backend.add_model(dict(self.params)).arn})

    def describe_model(self) -> ActionResult:
        model = self.sagemaker_backend.model(self.params["ModelName"])
        asked = {name: value for name, value in model.request.items() if name != "Tags"}
        isolated = bool(asked.get("EnableNetworkIsolation"))
        return ActionResult(
            asked | {"ModelArn": model.arn, "CreationTime": model.created, "EnableNetworkIsolation": isolated}
        )

    def list_models(self) -> ActionResult:
        models = self.sagemaker_backend._models.values()
        return ActionResult(listed(models, self.params, _summary, "Models"))

    def delete_model(self) -> ActionResult:
        self.sagemaker_backend.remove_model(self.params["ModelName"])
        return EmptyResult()


def containers(request: dict[str, Any]) -> list[dict[str, Any]]:
    return request.get("Containers") or [request["PrimaryContainer"]]


def is_multi_model(container: dict[str, Any]) -> bool:
    return container.get("Mode") == "MultiModel"


def data_of(container: dict[str, Any]) -> Iterator[str]:
    """Where its model data lies, and any more of it."""
    if container.get("ModelDataUrl"):
        yield container["ModelDataUrl"]
    sources = [container.get("ModelDataSource"), *(container.get("AdditionalModelDataSources") or ())]
    for source in sources:
        if source:
            yield source["S3DataSource"]["S3Uri"]


def _summary(model: Any) -> dict[str, Any]:
    return {"ModelName": model.name, "ModelArn": model.arn, "CreationTime": model.created}


def _check_containers(request: dict[str, Any]) -> None:
    if bool(request.get("PrimaryContainer")) == bool(request.get("Containers")):
        raise ValidationError("You must provide exactly one of PrimaryContainer and Containers.")
    found = containers(request)
    if len(found) > CONTAINERS:
        raise ValidationError(f"A model has at most {CONTAINERS} containers, and {len(found)} were given.")
    names = [container["ContainerHostname"] for container in found if container.get("ContainerHostname")]
    if len(set(names)) < len(names):
        raise ValidationError("ContainerHostname must be unique among the containers of a model.")
    mode = (request.get("InferenceExecutionConfig") or {}).get("Mode", "Serial")
    if mode == "Direct" and len(names) < len(found):
        raise ValidationError("Every container needs a ContainerHostname where InferenceExecutionConfig is Direct.")
    for container in found:
        _check_container(container)
    if len(found) > 1 and any(is_multi_model(container) for container in found):
        raise NotHereYet("a multi-model container among others")
    sizes = [
        len(key.encode()) + len(value.encode())
        for container in found
        for key, value in (container.get("Environment") or {}).items()
    ]
    most = int(enforced.here().environment)
    if sum(sizes) > most:
        raise ValidationError(
            f"The environment of a model's containers holds at most {most} bytes, and this has {sum(sizes)} (C-09)."
        )


def _check_container(container: dict[str, Any]) -> None:
    if not (container.get("Image") or container.get("ModelPackageName")):
        raise ValidationError("A container needs an Image or a ModelPackageName.")
    if container.get("ModelDataUrl") and container.get("ModelDataSource"):
        raise ValidationError("You cannot provide both ModelDataUrl and ModelDataSource.")
    if is_multi_model(container) and not container.get("ModelDataUrl"):
        raise ValidationError("Mode MultiModel needs a ModelDataUrl, the prefix that its models lie below (H-20).")
    for uri in data_of(container):
        if not uri.startswith("s3://"):
            raise NotHereYet(f"model data that is not named as s3://bucket/key ({uri})")


def _check_data(platform: Platform, account: str, uri: str) -> None:
    try:
        is_there = bool(platform.objects.names(account, Location.of(uri)))
    except NoObject:
        is_there = False
    if not is_there:
        raise ValidationError(f"Could not find model data at {uri}.")
