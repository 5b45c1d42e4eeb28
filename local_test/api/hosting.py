"""What runs behind one endpoint, on a thread that owns it: changes one after the other, each all or nothing.

An update starts the new containers, sends requests there, at once or in steps (rollout.py), then stops the old ones;
one that fails leaves the old ones serving. `stop` ends it from another thread at any time.
"""

import itertools
import logging
import queue
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from moto.sagemaker.exceptions import SagemakerClientError

from local_test.api import enforced, telemetry
from local_test.api.alarms import in_alarm
from local_test.api.artifacts import DataError
from local_test.api.asynchronous import Asynchronous
from local_test.api.capture import Capture
from local_test.api.containers import Builder, Deployed, ImageRunner
from local_test.api.deployments import Deployment
from local_test.api.images import runner_for
from local_test.api.mirror import Mirror
from local_test.api.multi_model import Files, Shelf
from local_test.api.objects import NoObject
from local_test.api.plans import Plan, PlannedVariant
from local_test.api.platform import Platform
from local_test.api.refusal import Origin
from local_test.api.rollout import RolledBack, Rollout
from local_test.api.traffic import Traffic
from local_test.engine.containers import EngineError
from local_test.engine.endpoint import Endpoint, Variant
from local_test.engine.instance import Instance
from local_test.engine.serving import NeverReady
from tiffin import limits

log = logging.getLogger(__name__)

GROUP = "/aws/sagemaker/Endpoints"
FLUSH = 1.0  # seconds between what is written of captures
MEASURE = 10.0  # and of traffic: moto keeps each point in memory


class Owner(Protocol):
    """Whose hosting it is, told what becomes of it."""

    def moves(self, status: str, reason: str | None = None, serving: Plan | None = None) -> None:
        """`serving`: the plan that serves from now on."""

    def stages(self, status: str, message: str) -> None:
        """Of the fleet that an update brings, its VariantStatus."""


@dataclass(frozen=True)
class Served:
    """What an instance was started for; `slots` are a serverless variant's."""

    config: str
    variant: PlannedVariant
    shelf: Shelf | None
    slots: threading.Semaphore | None


class Hosting:
    def __init__(self, platform: Platform, account: str, region: str, name: str, owner: Owner) -> None:
        self.platform, self.account, self.region, self.name = platform, account, region, name
        self._owner = owner
        self._folder = platform.work / "endpoints" / account / region / name
        self._runner = ImageRunner(platform)
        self._builder = Builder(platform, self._runner, account, region)
        self._changes: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._ended = threading.Event()
        self._deployed: Deployed | None = None
        self._numbers = itertools.count(1)
        self._sinks: dict[str, Callable[[str], None]] = {}
        self.engine = Endpoint(self._runner, self._log, enforced.here().ping_every)
        self.traffic = Traffic(account, region, name)
        self.mirror = Mirror(self)
        self.plan: Plan | None = None  # what serves
        self._served: dict[Path, Served] = {}  # by the tree of its containers
        self.capture: Capture | None = None
        self.asynchronous: Asynchronous | None = None
        self.sessions: dict[str, str] = {}  # H-23: to an instance's id

    @property
    def log_group(self) -> str:
        return f"{GROUP}/{self.name}"

    @property
    def origin(self) -> Origin:
        return Origin(self.account, self.region, self.name, self.log_group)

    # from other threads

    def deploy(self, plan: Plan, deployment: Deployment | None = None) -> None:
        """All requests at once, where no deployment says otherwise or nothing serves yet."""
        self._changes.put(lambda: self._deploy(plan, deployment))

    def resize(self, changes: Mapping[str, Mapping[str, Any]]) -> None:
        """By variant, its new InitialInstanceCount and InitialVariantWeight."""
        self._changes.put(lambda: self._resize(changes))

    def stop(self) -> None:
        self._ended.set()
        self._changes.put(None)
        self._runner.abort()  # what is just starting is not waited for

    # its own

    def run(self) -> None:
        ticker = threading.Thread(target=self._tick, name=f"flush-{self.name}", daemon=True)
        ticker.start()
        shutil.rmtree(self._folder, ignore_errors=True)  # what a kill has left
        try:
            while (change := self._changes.get()) is not None and not self._ended.is_set():
                try:
                    change()
                except Exception as error:  # the next change may do
                    log.exception("a change of endpoint %s failed", self.name)
                    self._failed(f"InternalServerError: {type(error).__name__}: {error}")
                self._runner.settle()
        finally:
            self._ended.set()
            if self.asynchronous:
                self.asynchronous.stop()
            self.engine.close()
            ticker.join()
            self._flush()
            if self._deployed:
                self._deployed.close()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _deploy(self, plan: Plan, deployment: Deployment | None) -> None:
        folder = self._folder / str(next(self._numbers))
        deployed, served = None, dict[Path, Served]()
        try:
            deployed = self._builder.build(plan, folder)
            served = {each.specs[0].tree: self._serve(plan, each) for each in deployed.variants}
            self._served |= served
            if deployment and self.plan:
                self._rollout(deployed, deployment).run()
            else:
                self.engine.deploy(deployed.variants)
        except (RolledBack, EngineError, DataError, NoObject, SagemakerClientError) as error:
            if deployed:
                deployed.close()
            for tree in served:
                del self._served[tree]
            if not self._ended.is_set():
                self._failed(_reason(error))
            return
        before, self._deployed = self._deployed, deployed
        self._served, self.plan = served, plan
        if self.capture:
            self.capture.flush()
        self.capture = Capture(self.platform, self.account, self.name, plan.capture) if plan.capture else None
        self._set_asynchronous(plan)
        if before:
            before.close()
        self._owner.moves("InService", serving=plan)

    def _rollout(self, deployed: Deployed, deployment: Deployment) -> Rollout:
        self._owner.moves("Updating")  # it serves already when this goes on after a restart
        limit = enforced.here()
        return Rollout(
            self.engine,
            deployment,
            deployed.variants,
            lambda: in_alarm(self.account, self.region, deployment.alarms),
            self._owner.stages,
            lambda reason: self._owner.moves("RollingBack", reason),
            self._ended,
            limit.deployment_wait,
            limit.deployment_timeout,
        )

    def _failed(self, reason: str) -> None:
        """What served before still does (H-27)."""
        self._owner.moves("Failed" if self.plan is None else "InService", reason)

    def _serve(self, plan: Plan, variant: Variant) -> Served:
        planned, shelf = plan[variant.name], None
        if planned.is_multi_model:
            spec = variant.specs[0]
            runs_images = runner_for(self.platform, spec.image)[0].runs_images
            files = Files(self.platform.objects, self.account, planned.containers[0], spec.tree, runs_images)
            shelf = Shelf(files, planned, self.traffic)
        return _served(plan.config, planned, shelf)

    def _set_asynchronous(self, plan: Plan) -> None:
        if plan.asynchronous and self.asynchronous:
            self.asynchronous.config = plan.asynchronous
        elif plan.asynchronous:
            self.asynchronous = Asynchronous(self, plan.asynchronous)
        elif self.asynchronous:
            self.asynchronous.stop()
            self.asynchronous = None

    def _resize(self, changes: Mapping[str, Mapping[str, Any]]) -> None:
        plan = self.plan
        if plan is None:  # it was deleted, or never served
            return
        reached: dict[str, dict[str, Any]] = {}
        reason = None
        self.engine.weigh(
            {
                name: change["InitialVariantWeight"]
                for name, change in changes.items()
                if "InitialVariantWeight" in change
            }
        )
        for name, change in changes.items():
            reached[name] = dict(change)
            if "InitialInstanceCount" in change:
                try:
                    self.engine.scale(name, change["InitialInstanceCount"])
                except EngineError as error:
                    if self._ended.is_set():
                        return
                    reason = _reason(error)
                    del reached[name]["InitialInstanceCount"]
        self.plan = plan = plan.changed(reached)
        for tree, served in self._served.items():
            if "ServerlessConfig" in reached.get(served.variant.name, {}):
                self._served[tree] = _served(plan.config, plan[served.variant.name], served.shelf)
        self._owner.moves("InService", reason, plan)

    def served(self, instance: Instance) -> Served:
        return self._served[instance.servers[0].spec.tree]

    def instances(self) -> dict[str, int]:
        return {variant.name: count for variant, count in self.engine.variants()}

    def pinned(self, session: str) -> Callable[[Instance], bool]:
        return lambda instance: instance.id == self.sessions.get(session)

    def _log(self, where: str, line: str) -> None:
        if where not in self._sinks:
            self._sinks[where] = telemetry.stream(self.account, self.region, self.log_group, where)
        self._sinks[where](line)

    def _tick(self) -> None:
        measured = time.monotonic()
        longest = enforced.here().alarm_period  # an alarm of a test waits for no more
        while not self._ended.wait(min(FLUSH, longest)):
            try:
                if self.capture:
                    self.capture.flush()
                if time.monotonic() - measured >= min(MEASURE, longest):
                    measured = time.monotonic()
                    self.traffic.flush(self.instances())
            except Exception:  # the next one may do
                log.exception("what was counted of %s could not be written", self.name)

    def _flush(self) -> None:
        self.traffic.flush(self.instances())
        if self.capture:
            self.capture.flush()


def _served(config: str, variant: PlannedVariant, shelf: Shelf | None) -> Served:
    slots = threading.Semaphore(variant.serverless["MaxConcurrency"]) if variant.serverless else None
    return Served(config, variant, shelf, slots)


def _reason(error: Exception) -> str:
    """AWS's sentence, then what was seen; the container's last lines are kept where it is too long."""
    text = str(error)
    if isinstance(error, NeverReady):
        text = (
            f"The {error.hostname or 'primary'} container for production variant {error.variant} did not pass the ping "
            f"health check. Please check CloudWatch logs for this endpoint. Seen: {text}"
        )
    if len(text) <= limits.FAILURE_REASON_CHARS:
        return text
    head = limits.FAILURE_REASON_CHARS // 2
    return f"{text[:head]} ... {text[-(limits.FAILURE_REASON_CHARS - head - 5) :]}"
