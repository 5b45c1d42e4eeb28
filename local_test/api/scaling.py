"""Target tracking: instances added to a variant and taken away, by the invocations of each and a policy's target.

As Application Auto Scaling does it: three points of a minute above the target add instances, fifteen below nine tenths
of it take some away, and after either nothing is changed for the policy's cooldown. Policies and targets lie in moto.
"""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from moto.sagemaker.exceptions import SagemakerClientError
from moto.sagemaker.models import sagemaker_backends

from local_test.api import enforced, late
from local_test.api.endpoints import Endpoint
from local_test.api.platform import Platform

log = logging.getLogger(__name__)

METRIC = "SageMakerVariantInvocationsPerInstance"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
ABOVE, BELOW, SLACK = 3, 15, 0.9
COOLDOWN = 300.0  # seconds


@dataclass(frozen=True)
class Policy:
    target: float
    least: int
    most: int
    out_cooldown: float = COOLDOWN
    in_cooldown: float = COOLDOWN
    scales_in: bool = True


@dataclass
class Tracker:
    """Of one policy; its clock is in seconds."""

    clock: Callable[[], float] = time.monotonic
    points: deque[float] = field(default_factory=lambda: deque(maxlen=BELOW))
    out_at: float = -math.inf
    in_at: float = -math.inf

    def wanted(self, policy: Policy, instances: int, invocations: int) -> int:
        """How many instances there shall be, after a period with so many invocations."""
        within = min(max(instances, policy.least), policy.most)
        if within != instances:  # the bounds count at once
            return within
        self.points.append(invocations / max(instances, 1))
        now, newest = self.clock(), self.points[-1]
        last = list(self.points)[-ABOVE:]
        if len(last) == ABOVE and min(last) > policy.target:
            wanted = min(math.ceil(instances * newest / policy.target), policy.most)
            if wanted > instances and now - self.out_at >= policy.out_cooldown:
                self.out_at = now
                self.points.clear()
                return wanted
        elif len(self.points) == BELOW and max(self.points) < SLACK * policy.target and policy.scales_in:
            wanted = max(math.ceil(instances * max(self.points) / policy.target), policy.least)
            if wanted < instances and now - max(self.in_at, self.out_at) >= policy.in_cooldown:
                self.in_at = now
                self.points.clear()
                return wanted
        return instances


class Watch:
    """Of all policies on variants, in a thread of its own."""

    def __init__(self, platform: Platform, clock: Callable[[], float] = time.monotonic) -> None:
        self._platform, self._clock = platform, clock
        self._trackers: dict[str, Tracker] = {}
        self._told: set[str] = set()
        self._ended = threading.Event()

    def stop(self) -> None:
        self._ended.set()

    def run(self) -> None:
        while not self._ended.wait(enforced.here().scaling_period):
            backends = late.backends("applicationautoscaling")
            for account, region, backend in backends.iter_backends() if backends else ():
                for resource, policy in self._policies(backend):
                    try:
                        self._look(account, region, resource, policy)
                    except SagemakerClientError as error:  # it is being changed just now
                        log.debug("%s: %s", resource, error)
                    except Exception:  # the others are looked at all the same
                        log.exception("target tracking of %s failed", resource)

    def _policies(self, backend: Any) -> Iterator[tuple[str, Policy]]:
        for found in list(backend.policies.values()):
            config = found.target_tracking_scaling_policy_configuration
            target = backend.targets.get(DIMENSION, {}).get(found.resource_id)
            if found.scalable_dimension != DIMENSION or target is None:
                continue
            metric = ((config or {}).get("PredefinedMetricSpecification") or {}).get("PredefinedMetricType")
            if metric != METRIC:
                self._say_once(found.policy_name)
                continue
            yield (
                found.resource_id,
                Policy(
                    config["TargetValue"],
                    target.min_capacity,
                    target.max_capacity,
                    config.get("ScaleOutCooldown", COOLDOWN),
                    config.get("ScaleInCooldown", COOLDOWN),
                    not config.get("DisableScaleIn", False),
                ),
            )

    def _look(self, account: str, region: str, resource: str, policy: Policy) -> None:
        _, name, _, variant = resource.split("/")  # endpoint/NAME/variant/VARIANT
        backend: Any = sagemaker_backends[account][region]
        endpoint = backend.endpoints.get(name)
        if not isinstance(endpoint, Endpoint) or endpoint.hosting is None or endpoint.status != "InService":
            return
        instances = endpoint.hosting.instances().get(variant)
        planned = endpoint.serving[variant] if endpoint.serving and instances is not None else None
        if instances is None or planned is None or planned.serverless:
            return
        tracker = self._trackers.setdefault(f"{account}/{region}/{resource}", Tracker(self._clock))
        wanted = tracker.wanted(policy, planned.instances, endpoint.hosting.traffic.taken(variant))
        if wanted != planned.instances:
            self._platform.say(f"endpoint {name}: variant {variant} from {planned.instances} to {wanted} instances")
            backend.resize_endpoint(name, {variant: {"InitialInstanceCount": wanted}})

    def _say_once(self, policy: str) -> None:
        if policy not in self._told:
            self._told.add(policy)
            self._platform.say(
                f"warning: the policy {policy} is stored, and nothing follows it: only {METRIC} is watched"
            )


def watched() -> None:
    """For hooks.RECONCILE: from the start on."""
    platform: Platform = sagemaker_backends.backend.platform  # type: ignore[attr-defined]
    watch = Watch(platform)
    platform.works.start("target tracking", watch.run, watch.stop)
