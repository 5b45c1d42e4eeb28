"""What runs, costs by the hour, and was not called: endpoints and notebook instances of the whole account."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from deploy import measures
from deploy.aws import pages
from deploy.context import Context
from deploy.hosting import seen
from deploy.kinds import KINDS
from deploy.kinds.kind import PROJECT
from deploy.ledger import Resource
from deploy.prices import HOSTING, NOTEBOOK, PriceList

DAY = 86400


@dataclass(frozen=True)
class Size:
    instance_type: str
    instances: int


@dataclass(frozen=True)
class Idle:
    kind: str
    name: str
    project: str | None  # of the tag
    since: datetime
    sizes: tuple[Size, ...]
    usd_an_hour: float | None  # None is unknown


def idle(context: Context, days: float, prices: PriceList, unseen: list[str]) -> Iterator[Idle]:
    """Younger things had not the time to be called, and are left out; `unseen` gets what may not be described."""
    before = datetime.now(UTC) - timedelta(days=days)
    yield from _endpoints(context, before, prices, unseen)
    yield from _notebooks(context, before, prices)


def _endpoints(context: Context, before: datetime, prices: PriceList, unseen: list[str]) -> Iterator[Idle]:
    sagemaker = context.aws.client("sagemaker")
    for each in pages(sagemaker, "list_endpoints", "Endpoints"):
        if each["CreationTime"] > before or each["EndpointStatus"] in ("Failed", "Deleting"):
            continue
        endpoint = seen(sagemaker.describe_endpoint, EndpointName=each["EndpointName"])
        if not endpoint:
            unseen.append(each["EndpointName"])
            continue
        if _called(context, endpoint, before):
            continue
        config = seen(sagemaker.describe_endpoint_config, EndpointConfigName=endpoint["EndpointConfigName"])
        sizes = tuple(_sizes(endpoint, config))
        yield Idle(
            "endpoint",
            each["EndpointName"],
            _project(context, "endpoint", each["EndpointName"]),
            each["CreationTime"],
            sizes,
            _cost(prices, sizes, HOSTING),
        )


def _notebooks(context: Context, before: datetime, prices: PriceList) -> Iterator[Idle]:
    """Nobody counts what is done in one: those that run, and were last started before."""
    found = pages(
        context.aws.client("sagemaker"), "list_notebook_instances", "NotebookInstances", StatusEquals="InService"
    )
    for each in found:
        since = each.get("LastModifiedTime") or each["CreationTime"]
        if since > before:
            continue
        name, sizes = each["NotebookInstanceName"], (Size(each.get("InstanceType", "?"), 1),)
        project = _project(context, "notebook instance", name)
        yield Idle("notebook instance", name, project, since, sizes, _cost(prices, sizes, NOTEBOOK))


def _called(context: Context, endpoint: Mapping[str, Any], since: datetime) -> bool:
    name, since = endpoint["EndpointName"], since.replace(second=0, microsecond=0)
    variants = [each["VariantName"] for each in endpoint.get("ProductionVariants", [])]
    return any(measures.called(context, name, each, since, DAY) for each in variants)


def _sizes(endpoint: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[Size]:
    """Of variants with instances; a serverless one costs nothing while nobody calls."""
    types = {each["VariantName"]: each.get("InstanceType") for each in config.get("ProductionVariants", [])}
    for each in endpoint.get("ProductionVariants", []):
        if not each.get("CurrentServerlessConfig"):
            yield Size(types.get(each["VariantName"]) or "?", each.get("CurrentInstanceCount", 0))


def _cost(prices: PriceList, sizes: tuple[Size, ...], component: str) -> float | None:
    total = 0.0
    for each in sizes:
        if not each.instances:
            continue
        price = prices.hourly(each.instance_type, component)
        if price is None:
            return None
        total += price * each.instances
    return total


def _project(context: Context, kind: str, name: str) -> str | None:
    tags = seen(KINDS[kind].tags, aws=context.aws, resource=Resource(kind, name))
    return tags.get(PROJECT)
