"""Endpoints: created, updated, scaled and deleted as on AWS, with real containers behind (hosting.py)."""

import datetime
import json
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import sagemaker_backends
from moto.sagemaker.utils import arn_formatter

from local_test.api import telemetry
from local_test.api.asynchronous import folder_of
from local_test.api.deployments import Deployment, checked
from local_test.api.descriptions import described, summary
from local_test.api.endpoint_configs import EndpointConfig
from local_test.api.hosting import Hosting
from local_test.api.jobs import listed, now
from local_test.api.plans import Plan
from local_test.api.platform import Platform
from local_test.api.shapes import check
from local_test.api.templates import Resource, made_at, settled

KIND = "endpoint"
EVENT_STATUS = {  # as EventBridge spells it
    "Creating": "CREATING",
    "Updating": "UPDATING",
    "RollingBack": "ROLLING_BACK",
    "SystemUpdating": "SYSTEM_UPDATING",
    "InService": "IN_SERVICE",
    "Deleting": "DELETING",
    "Failed": "FAILED",
}
TOLD = (  # of a deployment, on EventBridge
    "EndpointName",
    "EndpointArn",
    "EndpointConfigName",
    "ProductionVariants",
    "EndpointStatus",
    "CreationTime",
    "LastModifiedTime",
    "Tags",
    "PendingDeploymentSummary",
)
RETAINED = {"DesiredInstanceCount": "InitialInstanceCount", "DesiredWeight": "InitialVariantWeight"}


@dataclass
class Endpoint(Resource):
    """`wanted` is the newest wish, `serving` what has come of it. moto reads the tags and the ARN."""

    platform: Platform
    name: str
    arn: str
    wanted: Plan
    tags: list[dict[str, str]]
    status: str = "Creating"
    reason: str | None = None
    serving: Plan | None = None
    hosting: Hosting | None = None
    deployment: dict[str, Any] | None = None
    stage: dict[str, Any] | None = None  # of the fleet that an update brings, its VariantStatus
    created: datetime.datetime = field(default_factory=made_at)
    modified: datetime.datetime = field(default_factory=made_at)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    @property
    def account(self) -> str:
        return self.arn.split(":")[4]

    @property
    def region(self) -> str:
        return self.arn.split(":")[3]

    def moves(self, status: str, reason: str | None = None, serving: Plan | None = None) -> None:
        with self._lock:
            if self.status == "Deleting" or (status == self.status == "Updating"):
                return
            self.status, self.reason, self.modified = status, reason, now()
            self.stage = {"Status": "Creating", "StartTime": now()} if status == "Updating" else None
            self.serving = serving or self.serving
        self._keep()
        if self.platform.replaying:
            return
        detail = {
            "EndpointName": self.name,
            "EndpointArn": self.arn,
            "EndpointConfigName": (self.serving or self.wanted).config,
            "EndpointStatus": EVENT_STATUS[status],
            **({"FailureReason": reason} if reason else {}),
        }
        telemetry.event(self.account, self.region, "SageMaker Endpoint State Change", self.arn, detail)
        if status in ("InService", "Failed"):
            self.platform.say(f"endpoint {self.name}: {status}{f': {reason}' if reason else ''}")
            settled(self, self.account, self.region, reason if status == "Failed" else None)

    def stages(self, status: str, message: str) -> None:
        self.stage = {"Status": status, "StatusMessage": message, "StartTime": now()}
        if self.status == "Updating":
            known = {**described(self), "EndpointStatus": EVENT_STATUS[self.status], "Tags": {}}
            detail = json.loads(json.dumps({name: known[name] for name in TOLD}, default=_milliseconds))
            kind = "SageMaker Endpoint Deployment State Change"
            telemetry.event(self.account, self.region, kind, self.arn, detail)

    def _keep(self) -> None:
        state = {
            "status": self.status,
            "reason": self.reason,
            "serving": self.serving.document() if self.serving else None,
            "created": self.created.isoformat(),
            "modified": self.modified.isoformat(),
        }
        self.platform.know(KIND, f"{self.account}/{self.region}/{self.name}", state)

    # asked by moto's Search

    @property
    def endpoint_name(self) -> str:
        return self.name

    @property
    def endpoint_status(self) -> str:
        return self.status

    def gen_response_object(self) -> dict[str, Any]:
        return described(self)

    def is_created(self) -> bool:
        """Asked by CloudFormation."""
        return self.status != "Creating"

    def takes(self, state: Mapping[str, Any]) -> None:
        """What the journal knew of it."""
        self.status, self.reason = state["status"], state["reason"]
        self.serving = Plan.of_document(state["serving"]) if state["serving"] else None
        self.created = datetime.datetime.fromisoformat(state["created"])
        self.modified = datetime.datetime.fromisoformat(state["modified"])


class EndpointsBackend:
    """Of moto's SageMaker backend, the part that hosts."""

    platform: Platform
    account_id: str
    region_name: str
    endpoints: dict[str, Endpoint]

    def add_endpoint(self, request: dict[str, Any]) -> Endpoint:
        check("CreateEndpoint", request)
        name = request["EndpointName"]
        if name in self.endpoints:
            raise ValidationError(f'Cannot create already existing endpoint "{self._endpoint_arn(name)}".')
        plan = self._plan(request)
        self._check_deployment(request.get("DeploymentConfig"), plan)
        endpoint = Endpoint(self.platform, name, self._endpoint_arn(name), plan, list(request.get("Tags") or []))
        endpoint.deployment = request.get("DeploymentConfig")
        self.endpoints[name] = endpoint
        endpoint.moves("Creating")
        if not self.platform.replaying:
            self.begin_hosting(endpoint)
        return endpoint

    def begin_hosting(self, endpoint: Endpoint) -> None:
        hosting = Hosting(self.platform, self.account_id, self.region_name, endpoint.name, endpoint)
        endpoint.hosting = hosting
        if endpoint.serving:
            hosting.deploy(endpoint.serving)
        if not endpoint.serving or endpoint.status == "Updating":
            hosting.deploy(endpoint.wanted, _deployment(endpoint))

        def run() -> None:
            try:
                hosting.run()
            finally:
                if endpoint.status == "Deleting":
                    queue = folder_of(self.platform, self.account_id, self.region_name, endpoint.name)
                    shutil.rmtree(queue, ignore_errors=True)
                    self.endpoints.pop(endpoint.name, None)

        self.platform.works.start(endpoint.arn, run, hosting.stop)

    def endpoint(self, name: str) -> Endpoint:
        if name not in self.endpoints:
            raise ValidationError(f'Could not find endpoint "{self._endpoint_arn(name)}".')
        return self.endpoints[name]

    def change_endpoint(self, request: dict[str, Any]) -> Endpoint:
        check("UpdateEndpoint", request)
        endpoint = self._changeable(request["EndpointName"])
        plan = self._plan(request)
        if request.get("RetainAllVariantProperties"):
            excluded = {each["VariantPropertyType"] for each in request.get("ExcludeRetainedVariantProperties") or ()}
            plan = plan.changed(_retained(endpoint.serving or endpoint.wanted, excluded))
        deployment = request.get("DeploymentConfig")
        if deployment is None and request.get("RetainDeploymentConfig"):
            deployment = endpoint.deployment
        self._check_deployment(deployment, plan)
        endpoint.wanted, endpoint.deployment = plan, deployment
        endpoint.moves("Updating")
        if endpoint.hosting:
            endpoint.hosting.deploy(plan, _deployment(endpoint))
        return endpoint

    def resize_endpoint(self, name: str, changes: Mapping[str, Mapping[str, Any]]) -> Endpoint:
        """By variant, what of its ProductionVariant shall be other."""
        endpoint = self._changeable(name)
        plan = endpoint.serving or endpoint.wanted
        for variant in changes:
            if variant not in [each.name for each in plan.all]:
                raise ValidationError(
                    f'The variant name(s) "{variant}" is/are not present within endpoint configuration "{plan.config}".'
                )
        endpoint.wanted = plan.changed(changes)
        endpoint.moves("Updating")
        if endpoint.hosting:
            endpoint.hosting.resize(changes)
        return endpoint

    def remove_endpoint(self, name: str) -> None:
        endpoint = self.endpoint(name)
        if endpoint.hosting is None:
            del self.endpoints[name]
            return
        endpoint.moves("Deleting")
        endpoint.hosting.stop()

    def _changeable(self, name: str) -> Endpoint:
        endpoint = self.endpoint(name)
        if endpoint.status == "Failed":
            raise ValidationError(f'Cannot update failed endpoint "{endpoint.arn}"; delete it and create it again.')
        if endpoint.status != "InService" and not self.platform.replaying:
            raise ValidationError(f'Cannot update in-progress endpoint "{endpoint.arn}".')
        return endpoint

    def _check_deployment(self, config: dict[str, Any] | None, plan: Plan) -> None:
        checked(config, [each.instances for each in plan.variants], self.account_id, self.region_name)

    def _plan(self, request: dict[str, Any]) -> Plan:
        config: EndpointConfig = self.endpoint_config(request["EndpointConfigName"])  # type: ignore[attr-defined]
        return Plan.of(config, self)

    def _endpoint_arn(self, name: str) -> str:
        return arn_formatter("endpoint", name, self.account_id, self.region_name)


class EndpointsResponse:
    """Of moto's SageMaker responses, the operations on endpoints."""

    params: dict[str, Any]
    sagemaker_backend: Any

    def create_endpoint(self) -> ActionResult:
        return ActionResult({"EndpointArn": self.sagemaker_backend.add_endpoint(dict(self.params)).arn})

    def update_endpoint(self) -> ActionResult:
        return ActionResult({"EndpointArn": self.sagemaker_backend.change_endpoint(dict(self.params)).arn})

    def update_endpoint_weights_and_capacities(self) -> ActionResult:
        check("UpdateEndpointWeightsAndCapacities", self.params)
        wanted = self.params["DesiredWeightsAndCapacities"]
        names = [each["VariantName"] for each in wanted]
        for name in names:
            if names.count(name) > 1:
                raise ValidationError(f'The variant name "{name}" was non-unique within the request.')
        backend = self.sagemaker_backend
        plan = backend.endpoint(self.params["EndpointName"]).serving
        changes = {each["VariantName"]: _change(each, plan) for each in wanted}
        return ActionResult({"EndpointArn": backend.resize_endpoint(self.params["EndpointName"], changes).arn})

    def describe_endpoint(self) -> ActionResult:
        return ActionResult(described(self.sagemaker_backend.endpoint(self.params["EndpointName"])))

    def list_endpoints(self) -> ActionResult:
        return ActionResult(listed(self.sagemaker_backend.endpoints.values(), self.params, summary, "Endpoints"))

    def delete_endpoint(self) -> ActionResult:
        self.sagemaker_backend.remove_endpoint(self.params["EndpointName"])
        return EmptyResult()


def known_again(key: str, state: Mapping[str, Any]) -> None:
    account, region, name = key.split("/", 2)
    endpoint: Any = sagemaker_backends[account][region].endpoints.get(name)
    if isinstance(endpoint, Endpoint):
        endpoint.takes(state)


def started_again() -> None:
    """After a restart, what had served serves again."""
    for _, _, backend in sagemaker_backends.iter_backends():
        endpoints: dict[str, Any] = backend.endpoints  # type: ignore[attr-defined]
        for endpoint in endpoints.values():
            if isinstance(endpoint, Endpoint) and endpoint.status != "Failed":
                if endpoint.status == "InService":
                    endpoint.moves("SystemUpdating")
                backend.begin_hosting(endpoint)  # type: ignore[attr-defined]


def _change(wanted: dict[str, Any], plan: Plan | None) -> dict[str, Any]:
    change = {ours: wanted[theirs] for theirs, ours in RETAINED.items() if wanted.get(theirs) is not None}
    serverless = wanted.get("ServerlessUpdateConfig")
    variant = plan.variant(wanted["VariantName"]) if plan else None
    if serverless and variant and variant.serverless:
        change["ServerlessConfig"] = {**variant.serverless, **serverless}
    return change


def _retained(plan: Plan, excluded: set[str]) -> dict[str, dict[str, Any]]:
    kept = [ours for theirs, ours in RETAINED.items() if theirs not in excluded]
    return {each.name: {name: each.asked[name] for name in kept if name in each.asked} for each in plan.all}


def _deployment(endpoint: Endpoint) -> Deployment | None:
    if endpoint.deployment is None:
        return None
    return Deployment.of(endpoint.deployment, [each.instances for each in endpoint.wanted.variants])


def _milliseconds(value: object) -> int:
    """As EventBridge has SageMaker's times."""
    if not isinstance(value, datetime.datetime):
        raise TypeError(f"{value!r} is no time")
    return int(value.timestamp() * 1000)
