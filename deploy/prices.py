"""What an instance costs an hour: as the settings say, else as AWS's price list says, else unknown."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from deploy import faults
from deploy.context import Context
from deploy.errors import DeployError
from deploy.sections import Prices

REGIONS = ("us-east-1", "eu-central-1", "ap-south-1")  # where the price list is asked
HOSTING, NOTEBOOK = "Hosting", "Notebook"


class PriceList:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._own = {kind: _number(kind, text) for kind, text in context.read(Prices).prices.items()}
        self._known: dict[tuple[str, str], float | None] = {}
        self.trouble = ""  # why the price list was of no use

    def hourly(self, instance_type: str, component: str = HOSTING) -> float | None:
        """In USD, on demand."""
        if instance_type in self._own:
            return self._own[instance_type]
        key = (instance_type, component)
        if key not in self._known:
            self._known[key] = None if self.trouble else self._asked(*key)
        return self._known[key]

    def _asked(self, instance_type: str, component: str) -> float | None:
        aws = self._context.aws
        fields = {"regionCode": aws.region, "instanceName": instance_type}
        filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in fields.items()]
        try:
            client = aws.client("pricing", aws.region if aws.region in REGIONS else REGIONS[0])
            pages = client.get_paginator("get_products").paginate(ServiceCode="AmazonSageMaker", Filters=filters)
            return price([text for page in pages for text in page.get("PriceList", [])], component)
        except (ClientError, BotoCoreError) as error:
            self.trouble = faults.sentence(error, aws)
            return None


def price(products: Iterable[str], component: str) -> float | None:
    """The one price an hour that the products of that component have; None where there is none, or several."""
    found = set()
    for text in products:
        try:
            product = json.loads(text)
            attributes = product["product"]["attributes"]
        except (ValueError, KeyError, TypeError):
            continue
        if component in (attributes.get("platoinstancetype"), attributes.get("component")):
            found |= set(_hourly(product))
    return found.pop() if len(found) == 1 else None


def _hourly(product: Mapping[str, Any]) -> Iterable[float]:
    for term in (product.get("terms", {}).get("OnDemand") or {}).values():
        for dimension in term.get("priceDimensions", {}).values():
            if str(dimension.get("unit", "")).lower() not in ("hrs", "hours", "hour"):
                continue
            try:
                yield float(dimension["pricePerUnit"]["USD"])
            except (KeyError, TypeError, ValueError):
                continue


def _number(kind: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise DeployError(f"[prices] {kind} = {text!r} is not USD an hour, such as 0.115") from None


def said(price: float | None, instances: int = 1) -> str:
    return "unknown" if price is None else f"{price * instances:.4g} USD"
