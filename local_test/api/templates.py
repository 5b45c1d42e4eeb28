"""CloudFormation's models, endpoint configurations and endpoints: what a template says is what is asked for.

moto's own drops what it does not know, and gives names of its own to what a template names.
"""

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.core.common_models import CloudFormationModel
from moto.core.utils import get_service_model
from moto.sagemaker.models import FakeEndpoint, FakeEndpointConfig, Model, sagemaker_backends

from local_test.api import late
from local_test.api.chance import clock

NAME = 63  # characters, at most


def made_at() -> datetime.datetime:
    """Now, or when the call was made that is replayed."""
    return clock().replace(tzinfo=datetime.UTC)


class Resource:
    """What CloudFormation asks of what it has made: `name` is all that a template can get of it."""

    name: str
    arn: str

    @property
    def physical_resource_id(self) -> str:
        return self.arn

    def get_cfn_attribute(self, attribute: str) -> str:
        if attribute in ("ModelName", "EndpointConfigName", "EndpointName"):
            return self.name
        from moto.cloudformation.exceptions import UnformattedGetAttTemplateException

        raise UnformattedGetAttTemplateException

    def is_created(self) -> bool:
        return True


@dataclass
class Kept(Resource):
    """What runs nothing; `request` is its Create call. moto reads the tags and the ARN of what its tables hold."""

    name: str
    arn: str
    request: dict[str, Any]
    tags: list[dict[str, str]]
    created: datetime.datetime = field(default_factory=made_at)
    status = ""

    @property
    def modified(self) -> datetime.datetime:
        return self.created


def settled(resource: Resource, account: str, region: str, failure: str | None) -> None:
    """A stack is complete when what it made is; moto does not look again by itself."""
    backends = late.backends("cloudformation")
    stacks: list[Any] = list(backends[account][region].stacks.values()) if backends else []
    for stack in stacks:
        made = list(stack.resource_map._parsed_resources.values())  # its values would make what is not made yet
        if stack.status == "CREATE_IN_PROGRESS" and any(each is resource for each in made):
            if failure is None:
                stack.verify_readiness()
            else:
                stack.status = "CREATE_FAILED"
                stack._add_stack_event("CREATE_FAILED", resource_status_reason=failure)


def install() -> None:
    """In the place of moto's; CloudFormation finds its classes by their type."""
    _replace(Model, "ModelName", "model")
    _replace(FakeEndpointConfig, "EndpointConfigName", "endpoint_config")
    _replace(FakeEndpoint, "EndpointName", "endpoint", "change_endpoint")


def can_install() -> bool:
    """moto looks its classes up among the direct subclasses of its own."""
    known = {kind.cloudformation_type(): kind for kind in CloudFormationModel.__subclasses__()}
    wanted = {"Model": Model, "EndpointConfig": FakeEndpointConfig, "Endpoint": FakeEndpoint}
    return all(known.get(f"AWS::SageMaker::{name}") is kind for name, kind in wanted.items())


def _replace(kind: Any, name: str, what: str, change: str | None = None) -> None:
    operation, add, remove = f"Create{name.removesuffix('Name')}", f"add_{what}", f"remove_{what}"

    def create(resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any) -> Any:
        request = _request(operation, cloudformation_json["Properties"]) | {name: _short(resource_name)}
        return _method(account_id, region_name, add)(request)

    def update(
        original_resource: Any, new_resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> Any:
        """An endpoint goes on under its name; the others are immutable, and are made anew."""
        properties = cloudformation_json["Properties"]
        if change and properties.get(name, original_resource.name) == original_resource.name:
            request = _request("UpdateEndpoint", properties) | {"EndpointName": original_resource.name}
            return _method(account_id, region_name, change)(request)
        if new_resource_name == original_resource.name:
            _method(account_id, region_name, remove)(original_resource.name)
        return create(new_resource_name, cloudformation_json, account_id, region_name)

    def delete(resource_name: str, _json: Any, account_id: str, region_name: str) -> None:
        _method(account_id, region_name, remove)(resource_name.rpartition("/")[2])

    kind.cloudformation_name_type = staticmethod(lambda: name)
    kind.create_from_cloudformation_json = staticmethod(create)
    kind.update_from_cloudformation_json = staticmethod(update)
    kind.delete_from_cloudformation_json = staticmethod(delete)


def _method(account: str, region: str, name: str) -> Callable[..., Any]:
    method: Callable[..., Any] = getattr(sagemaker_backends[account][region], name)
    return method


def _request(operation: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """A template's numbers may be text."""
    shape = get_service_model("sagemaker").operation_model(operation).input_shape
    known = {name: value for name, value in properties.items() if name in shape.members}
    request: dict[str, Any] = _typed(shape, known)
    return request


def _typed(shape: Any, value: Any) -> Any:
    kind = shape.type_name
    if kind == "structure" and isinstance(value, Mapping):
        return {name: _typed(shape.members[name], part) for name, part in value.items() if name in shape.members}
    if kind == "map" and isinstance(value, Mapping):
        return {str(name): _typed(shape.value, part) for name, part in value.items()}
    if kind == "list" and isinstance(value, list):
        return [_typed(shape.member, part) for part in value]
    simple: dict[str, Callable[[Any], Any]] = {
        "integer": int,
        "long": int,
        "float": float,
        "double": float,
        "boolean": lambda text: str(text).lower() == "true",
        "string": str,
    }
    return simple[kind](value) if kind in simple else value


def _short(name: str) -> str:
    """A name that moto made up may be too long; its random end is what makes it one of its own."""
    return name if len(name) <= NAME else f"{name[: NAME - 13]}-{name[-12:]}"
