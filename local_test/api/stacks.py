"""CloudFormation: resource types that moto lacks, made by the calls of their services; what nobody makes is refused.

moto reports a type it does not know as complete, with nothing behind it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from moto.cloudformation import parsing
from moto.cloudformation.exceptions import UnformattedGetAttTemplateException, ValidationError
from moto.core.common_models import CloudFormationModel

from local_test.api.absent import NotHereYet
from local_test.api.inner import Client

IGNORED = ("AWS::CDK::Metadata",)
# service, region, properties: what Ref is, and the arguments that delete it
Made = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Kind:
    """A type whose properties are the arguments of one operation, but for `renamed`."""

    type: str
    service: str
    create: str  # makes it, and changes it where `is_put`
    delete: str
    name: str  # the property that names it; empty for none
    made: Callable[[Mapping[str, Any], Mapping[str, Any]], Made]  # by the arguments and the answer
    is_put: bool = True
    renamed: tuple[tuple[str, str], ...] = ()


def _alarm(asked: Mapping[str, Any], _: Mapping[str, Any]) -> Made:
    return asked["AlarmName"], {"AlarmNames": [asked["AlarmName"]]}


def _target(asked: Mapping[str, Any], _: Mapping[str, Any]) -> Made:
    own = {name: asked[name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")}
    return "|".join((own["ResourceId"], own["ScalableDimension"], own["ServiceNamespace"])), own


def _policy(asked: Mapping[str, Any], answer: Mapping[str, Any]) -> Made:
    names = ("PolicyName", "ServiceNamespace", "ResourceId", "ScalableDimension")
    return answer["PolicyARN"], {name: asked[name] for name in names}


def _group(asked: Mapping[str, Any], answer: Mapping[str, Any]) -> Made:
    return answer["ModelPackageGroupArn"], {"ModelPackageGroupName": asked["ModelPackageGroupName"]}


def _parameters(asked: Mapping[str, Any], _: Mapping[str, Any]) -> Made:
    name = asked["DBClusterParameterGroupName"]
    return name, {"DBClusterParameterGroupName": name}


KINDS = (
    Kind("AWS::CloudWatch::Alarm", "cloudwatch", "PutMetricAlarm", "DeleteAlarms", "AlarmName", _alarm),
    Kind(
        "AWS::ApplicationAutoScaling::ScalableTarget",
        "application-autoscaling",
        "RegisterScalableTarget",
        "DeregisterScalableTarget",
        "",
        _target,
    ),
    Kind(
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        "application-autoscaling",
        "PutScalingPolicy",
        "DeleteScalingPolicy",
        "PolicyName",
        _policy,
    ),
    Kind(
        "AWS::SageMaker::ModelPackageGroup",
        "sagemaker",
        "CreateModelPackageGroup",
        "DeleteModelPackageGroup",
        "ModelPackageGroupName",
        _group,
        is_put=False,
    ),
    Kind(
        "AWS::RDS::DBClusterParameterGroup",
        "rds",
        "CreateDBClusterParameterGroup",
        "DeleteDBClusterParameterGroup",
        "DBClusterParameterGroupName",
        _parameters,
        is_put=False,
        renamed=(("Family", "DBParameterGroupFamily"),),
    ),
)


def install(client: Client) -> None:
    """Before moto has looked for its classes, which it does once."""
    for kind in KINDS:
        _class(kind, client)
    _refuse_unknown()


def can_install() -> bool:
    return all(callable(getattr(parsing.ResourceMap, name, None)) for name in ("load", "update")) and callable(
        parsing.get_model_map
    )


def _class(kind: Kind, client: Client) -> type:
    def make(resource_name: str, properties: Mapping[str, Any], region: str) -> Any:
        calls = client(kind.service, region)
        asked = _arguments(kind, calls, resource_name, properties)
        try:
            answer = getattr(calls, _method(calls, kind.create))(**asked)
        except (ClientError, BotoCoreError) as error:
            raise ValidationError(message=f"{kind.type} {resource_name}: {error}") from None
        resource = made()
        resource.physical_resource_id, resource.removal = kind.made(asked, answer)
        resource.region, resource.name, resource.answer = region, resource_name, answer
        if kind.service == "rds" and properties.get("Parameters"):
            _set_parameters(calls, asked, properties["Parameters"])
        return resource

    def create(resource_name: str, cloudformation_json: Any, _account: str, region_name: str, **_: Any) -> Any:
        return make(resource_name, cloudformation_json["Properties"], region_name)

    def update(
        original_resource: Any, new_resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> Any:
        del account_id
        properties = cloudformation_json["Properties"]
        name = properties.get(kind.name, original_resource.name) if kind.name else new_resource_name
        if not kind.is_put or name != original_resource.name:
            original_resource.delete(original_resource.region)
        return make(name, properties, region_name)

    def delete(self: Any, *_: Any) -> None:
        _remove(kind, client(kind.service, self.region), self.removal)

    def attribute(self: Any, name: str) -> str:
        """GetAtt: what the call answered, by the end of its name."""
        found = next((value for key, value in self.answer.items() if key.lower().endswith(name.lower())), None)
        if found is None:
            raise UnformattedGetAttTemplateException
        return str(found)

    made: Any = type(
        kind.type.rpartition("::")[2],
        (CloudFormationModel,),
        {
            "__module__": __name__,
            "cloudformation_type": staticmethod(lambda: kind.type),
            "cloudformation_name_type": staticmethod(lambda: kind.name),
            "create_from_cloudformation_json": staticmethod(create),
            "update_from_cloudformation_json": staticmethod(update),
            "delete": delete,
            "get_cfn_attribute": attribute,
            "has_cfn_attr": classmethod(lambda _cls, _name: True),
            "is_created": lambda _self: True,
        },
    )
    return made  # type: ignore[no-any-return]


def _arguments(kind: Kind, calls: Any, resource_name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    given = dict(properties)
    for old, new in kind.renamed:
        if old in given:
            given[new] = given.pop(old)
    if kind.name:
        given.setdefault(kind.name, resource_name)
    if "ScalingTargetId" in given:
        target = given.pop("ScalingTargetId").split("|")
        given |= dict(zip(("ResourceId", "ScalableDimension", "ServiceNamespace"), target, strict=True))
    shape = calls.meta.service_model.operation_model(kind.create).input_shape
    asked: dict[str, Any] = typed(shape, {name: part for name, part in given.items() if name != "RoleARN"})
    return asked


def typed(shape: Any, value: Any) -> Any:
    """By the shape of an API: a template's numbers may be text, and it may say what a call does not take."""
    if shape.type_name == "structure" and isinstance(value, Mapping):
        return {name: typed(shape.members[name], part) for name, part in value.items() if name in shape.members}
    if shape.type_name == "map" and isinstance(value, Mapping):
        return {str(name): typed(shape.value, part) for name, part in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [typed(shape.member, part) for part in value]
    if shape.type_name in ("integer", "long"):
        return int(value)
    if shape.type_name in ("float", "double"):
        return float(value)
    return str(value).lower() == "true" if shape.type_name == "boolean" else value


def _set_parameters(calls: Any, asked: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
    calls.modify_db_cluster_parameter_group(
        DBClusterParameterGroupName=asked["DBClusterParameterGroupName"],
        Parameters=[
            {"ParameterName": name, "ParameterValue": str(value), "ApplyMethod": "immediate"}
            for name, value in parameters.items()
        ],
    )


def _remove(kind: Kind, calls: Any, removal: Mapping[str, Any]) -> None:
    try:
        getattr(calls, _method(calls, kind.delete))(**removal)
    except ClientError as error:  # a policy goes with its target, and moto takes them in any order
        if "NotFound" not in error.response["Error"]["Code"]:
            raise


def _method(calls: Any, operation: str) -> str:
    found: str = next(method for method, name in calls.meta.method_to_api_mapping.items() if name == operation)
    return found


def _refuse_unknown() -> None:
    load, update = parsing.ResourceMap.load, parsing.ResourceMap.update

    def checked_load(self: Any) -> None:
        _check(self._template)
        load(self)

    def checked_update(self: Any, template: dict[str, Any], parameters: dict[str, Any] | None = None) -> None:
        _check(template)
        update(self, template, parameters)

    parsing.ResourceMap.load = checked_load  # type: ignore[method-assign]
    parsing.ResourceMap.update = checked_update  # type: ignore[method-assign]


def _check(template: Mapping[str, Any]) -> None:
    known = {*parsing.get_model_map(), *parsing.NULL_MODELS, *IGNORED}
    types = {str(resource.get("Type")) for resource in (template.get("Resources") or {}).values()}
    lacking = sorted(name for name in types if name not in known and not name.startswith("Custom::"))
    if lacking:
        raise NotHereYet(f"no {', '.join(lacking)} here; nothing of the template was made")
