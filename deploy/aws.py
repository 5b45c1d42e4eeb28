"""One account and region: its clients, who we are there, and a dry run that reads and changes nothing."""

import json
import re
import sys
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from os import environ
from pathlib import Path
from typing import Any, TextIO

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import UnknownRegionError
from botocore.model import OperationModel, Shape, StructureShape

from deploy import enterprise
from deploy.errors import DeployError
from deploy.recording import Recorder
from deploy.sections import Account
from tiffin import __version__

# What a dry run may send: it asks, and changes nothing.
READS = re.compile(r"(Describe|List|Get|Head|BatchGet|BatchCheck|Search|Filter|Simulate|Lookup)")


class Aws:
    def __init__(self, account: Account, *, dry_run: bool = False, out: TextIO = sys.stdout) -> None:
        enterprise.check(account)
        self.account_settings = account
        self.dry_run = dry_run
        self._out = out
        # boto3 itself reads AWS_DEFAULT_REGION and not AWS_REGION, which every other client of AWS does
        region = account.region or environ.get("AWS_REGION") or None
        self._session = boto3.Session(profile_name=account.profile or None, region_name=region)
        if not self._session.region_name:
            raise DeployError("no region is chosen: --region eu-west-1, or region = under [account], or AWS_REGION")
        try:
            self._session.get_partition_for_region(self._session.region_name)
        except UnknownRegionError:
            raise DeployError(
                f"{self._session.region_name!r} is no region's name: --region eu-west-1 would be one"
            ) from None
        self._client = cache(self._make_client)

    @property
    def region(self) -> str:
        return str(self._session.region_name)

    @property
    def partition(self) -> str:
        """`aws`, or that of China or of a government."""
        return str(self._session.get_partition_for_region(self.region))

    @cached_property
    def account(self) -> str:
        """The account's twelve digits."""
        return str(self.client("sts").get_caller_identity()["Account"])

    def client(self, service: str, region: str = "") -> Any:
        """`region` where the service is not in every one."""
        return self._client(service, region or self.region)

    def _make_client(self, service: str, region: str) -> Any:
        config = Config(
            retries={"mode": "standard", "total_max_attempts": 5},
            connect_timeout=10,
            read_timeout=70,  # an invocation may take 60 s (H-09)
            user_agent_extra=f"tiffin/{__version__}",
        )
        client = self._session.client(service, region_name=region, config=config)
        if self.account_settings.calls:
            recorder = Recorder(Path(self.account_settings.calls))
            client.meta.events.register("after-call", recorder.after_call)
            client.meta.events.register("after-call-error", recorder.after_call_error)
        if self.dry_run:
            client.meta.events.register_first("before-parameter-build", self._print)
            client.meta.events.register_first("before-call", self._withhold)
        return client

    def _print(self, params: Mapping[str, Any], model: OperationModel, **_: Any) -> None:
        if not READS.match(model.name):
            line = {"service": model.service_model.service_name, "operation": model.name, "parameters": params}
            self._out.write(json.dumps(line, default=_shown) + "\n")

    def _withhold(self, model: OperationModel, **_: Any) -> tuple[AWSResponse, dict[str, Any]] | None:
        if READS.match(model.name):
            return None
        answer = _planned(model.output_shape) if model.output_shape else {}
        answer["ResponseMetadata"] = {"HTTPStatusCode": 200, "HTTPHeaders": {}, "RetryAttempts": 0}
        return AWSResponse("", 200, {}, None), answer


def pages(client: Any, operation: str, key: str, **parameters: Any) -> Iterable[dict[str, Any]]:
    """Every item of a list, over all its pages."""
    for page in client.get_paginator(operation).paginate(**parameters):
        yield from page.get(key, [])


def _shown(value: object) -> str:
    size = f"{len(value)} bytes" if isinstance(value, bytes | bytearray) else type(value).__name__
    return f"<{size}>"


def _planned(shape: Shape, name: str = "") -> Any:
    """An answer in which every text is its own name in angle brackets: what a dry run goes on with."""
    if isinstance(shape, StructureShape):
        return {key: _planned(each, key) for key, each in shape.members.items() if each.type_name != "blob"}
    empty: dict[str, Any] = {
        "string": f"<{name}>",
        "integer": 0,
        "long": 0,
        "float": 0.0,
        "double": 0.0,
        "boolean": False,
    }
    return empty.get(shape.type_name, [] if shape.type_name == "list" else {} if shape.type_name == "map" else None)
