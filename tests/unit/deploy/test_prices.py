"""A price is what the price list says once and clearly, or it is unknown."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deploy.errors import DeployError
from deploy.prices import PriceList, price, said
from deploy.sections import Prices


def product(
    component: str = "Hosting", usd: Any = "0.1150000000", unit: str = "Hrs", key: str = "platoinstancetype"
) -> str:
    dimension = {"unit": unit, "pricePerUnit": {"USD": usd}}
    terms = {"OnDemand": {"A.B": {"priceDimensions": {"A.B.C": dimension}}}}
    return json.dumps({"product": {"attributes": {key: component, "instanceName": "ml.m5.large"}}, "terms": terms})


@pytest.mark.parametrize(
    ("products", "usd"),
    [
        ([product()], 0.115),
        ([product(key="component")], 0.115),
        ([product(), product()], 0.115),
        ([product("Training", "0.2"), product()], 0.115),
        ([product(), product(usd="0.2")], None),  # which of them?
        ([product("Training")], None),
        ([product(unit="GB-Mo")], None),
        ([product(usd="free")], None),
        (["no JSON", json.dumps({"product": {}}), json.dumps([1])], None),
        ([json.dumps({"product": {"attributes": {"component": "Hosting"}}, "terms": {"Reserved": {}}})], None),
        ([], None),
    ],
)
def test_the_one_price_of_a_component(products: list[str], usd: float | None) -> None:
    assert price(products, "Hosting") == usd


def test_what_is_unknown_is_called_that() -> None:
    assert (said(None, 3), said(0.115, 2)) == ("unknown", "0.23 USD")


class Account:
    """What a price list asks of a context, of AWS and of its paginator."""

    def __init__(self, region: str, *answers: Any) -> None:
        self.region, self.answers, self.asked = region, list(answers), list[tuple[str, ...]]()
        self.aws = self

    def read(self, _: type) -> Prices:
        return Prices({"ml.own.large": "1.5"})

    def client(self, service: str, region: str) -> Any:
        self.asked.append((service, region))
        return self

    def get_paginator(self, _: str) -> Any:
        return self

    def paginate(self, **parameters: Any) -> list[dict[str, Any]]:
        self.asked.append(tuple(f"{each['Field']}={each['Value']}" for each in parameters["Filters"]))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return [{"PriceList": answer}, {}]


@pytest.mark.parametrize(("region", "asked"), [("eu-central-1", "eu-central-1"), ("eu-west-1", "us-east-1")])
def test_the_list_is_asked_where_it_is_and_once(region: str, asked: str) -> None:
    account: Any = Account(region, [product()])
    listed = PriceList(account)
    assert (listed.hourly("ml.own.large"), account.asked) == (1.5, [])  # the settings say it
    assert [listed.hourly("ml.m5.large") for _ in range(2)] == [0.115, 0.115]
    assert account.asked == [("pricing", asked), (f"regionCode={region}", "instanceName=ml.m5.large")]


def test_a_list_that_may_not_be_read_is_asked_no_more() -> None:
    denied = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetProducts")
    account: Any = Account("us-east-1", denied)
    listed = PriceList(account)
    assert [listed.hourly(each) for each in ("ml.m5.large", "ml.c5.large")] == [None, None]
    assert listed.trouble.startswith("GetProducts: AccessDeniedException")
    assert len(account.asked) == 2


def test_a_price_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    account: Any = Account("us-east-1")
    monkeypatch.setattr(account, "read", lambda _: Prices({"ml.m5.large": "cheap"}))
    with pytest.raises(DeployError, match="'cheap' is not USD an hour"):
        PriceList(account)
