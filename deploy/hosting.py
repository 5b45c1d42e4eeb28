"""An endpoint with its models and its configuration: made, found again, taken away."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from deploy import buckets, destroy, faults
from deploy.aws import pages
from deploy.context import Context
from deploy.errors import DeployError, NameTaken, StillThere
from deploy.kinds import KINDS
from deploy.kinds.kind import PROJECT, Tags, or_none
from deploy.ledger import Resource
from deploy.plans import Plan


@dataclass(frozen=True)
class Found:
    """What AWS says of an endpoint that is there; of a configuration or model that is gone, nothing."""

    endpoint: Mapping[str, Any]
    config: Mapping[str, Any]
    models: Mapping[str, Mapping[str, Any]]  # by variant
    tags: Tags

    @property
    def name(self) -> str:
        return str(self.endpoint["EndpointName"])

    @property
    def status(self) -> str:
        return str(self.endpoint["EndpointStatus"])

    @property
    def config_name(self) -> str:
        return str(self.endpoint["EndpointConfigName"])

    @property
    def parts(self) -> list[Resource]:
        """What it stands on."""
        return _parts(self.config_name, self.config, self.tags.get(PROJECT, ""))


def found(context: Context, name: str) -> Found | None:
    sagemaker = context.aws.client("sagemaker")
    endpoint = or_none(sagemaker.describe_endpoint, EndpointName=name)
    if endpoint is None:
        return None
    config = or_none(sagemaker.describe_endpoint_config, EndpointConfigName=endpoint["EndpointConfigName"]) or {}
    models = {
        each["VariantName"]: or_none(sagemaker.describe_model, ModelName=each["ModelName"]) or {}
        for each in config.get("ProductionVariants", [])
        if each.get("ModelName")
    }
    tags = KINDS["endpoint"].tags(context.aws, Resource("endpoint", name)) or {}
    return Found(endpoint, config, models, tags)


def ours(context: Context, name: str) -> Found | None:
    """Raises NameTaken where it is somebody else's."""
    there = found(context, name)
    if there and there.tags.get(PROJECT) != context.project:
        whose = f"of the project {there.tags[PROJECT]}" if PROJECT in there.tags else "not made by tiffin"
        raise NameTaken(f"there is an endpoint {name} in {context.aws.region}, {whose}: choose a name with --endpoint")
    return there


def needed(context: Context, name: str) -> Found:
    there = ours(context, name)
    if there is None:
        raise DeployError(f"there is no endpoint {name} in {context.aws.region}: `deploy up` makes it")
    return there


def make_config(context: Context, plan: Plan) -> str:
    """With its models and prefixes; its name."""
    for prefix in plan.prefixes:
        buckets.prefix(context, prefix)
    names: dict[str, str] = {}
    for variant, model in plan.models.items():
        what = "model" if len(plan.models) == 1 else f"model-{len(names) + 1}"
        names[variant] = context.fresh(what)
        context.maker.make("model", names[variant], **model)
    name = context.fresh("config")
    production = [{**each, "ModelName": names[variant]} for variant, each in plan.variants.items()]
    context.maker.make("endpoint configuration", name, ProductionVariants=production, **plan.config)
    return name


def make(context: Context, plan: Plan) -> None:
    config = make_config(context, plan)
    context.maker.make("endpoint", plan.endpoint, EndpointConfigName=config)


def remove(context: Context, there: Found) -> None:
    """The endpoint and what only it stood on."""
    _gone(context, [Resource("endpoint", there.name, context.project)])
    retire(context, there)


def retire(context: Context, before: Found) -> None:
    """What it stood on, where that is the project's and nothing uses it."""
    discard(context, before.parts)


def stands_on(context: Context, config: str) -> list[Resource]:
    found = or_none(context.aws.client("sagemaker").describe_endpoint_config, EndpointConfigName=config) or {}
    return _parts(config, found, context.project)


def discard(context: Context, parts: list[Resource]) -> None:
    used = _used(context)
    _gone(context, [each for each in parts if each.key not in used and _is_ours(context, each)])


def _parts(name: str, config: Mapping[str, Any], project: str) -> list[Resource]:
    models = dict.fromkeys(each["ModelName"] for each in _variants(config))
    return [Resource("endpoint configuration", name, project), *(Resource("model", each, project) for each in models)]


def _is_ours(context: Context, resource: Resource) -> bool:
    return (KINDS[resource.kind].tags(context.aws, resource) or {}).get(PROJECT) == context.project


def _used(context: Context) -> set[tuple[str, str]]:
    """Configurations that an endpoint has, and models that such a configuration names."""
    sagemaker = context.aws.client("sagemaker")
    used: set[tuple[str, str]] = set()
    for each in pages(sagemaker, "list_endpoints", "Endpoints"):
        endpoint = seen(sagemaker.describe_endpoint, EndpointName=each["EndpointName"])
        pending = endpoint.get("PendingDeploymentSummary") or {}
        for name in {endpoint.get("EndpointConfigName"), pending.get("EndpointConfigName")} - {None}:
            used.add(("endpoint configuration", str(name)))
            config = seen(sagemaker.describe_endpoint_config, EndpointConfigName=name)
            used |= {("model", variant["ModelName"]) for variant in _variants(config)}
    return used


def seen(call: Any, **parameters: Any) -> dict[str, Any]:
    """Nothing of what is gone, or of another project's, which the policy of `deploy role deployer` does not show."""
    try:
        return or_none(call, **parameters) or {}
    except ClientError as error:
        if faults.is_denied(error):
            return {}
        raise


def _variants(config: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    every = [*config.get("ProductionVariants", []), *config.get("ShadowProductionVariants", [])]
    return [each for each in every if each.get("ModelName")]


def _gone(context: Context, resources: list[Resource]) -> None:
    left = destroy.destroy(context.aws, context.maker.ledger, resources, context.say)
    if left:
        raise StillThere("this could not be deleted; `deploy destroy` tries again:\n  " + "\n  ".join(map(str, left)))
