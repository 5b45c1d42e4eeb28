"""An update in steps: requests go to the new fleet share by share, and back to the old one when an alarm says so.

The old fleet is whole until the end, or with a rolling policy as much of it as the new one does not replace yet; so
there is no moment at which a request has nobody to ask.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from local_test.api.deployments import Deployment
from local_test.engine.containers import EngineError
from local_test.engine.endpoint import Endpoint, Variant, part

log = logging.getLogger(__name__)

TICK = 0.1  # seconds between two looks at the alarms
AGAIN = 5.0  # and between two tries to start what a rollback needs

Stage = Callable[[str, str], None]  # a VariantStatus and its message


class RolledBack(Exception):
    """Its text is the endpoint's FailureReason; the old fleet serves alone."""


@dataclass
class Rollout:
    engine: Endpoint
    deployment: Deployment
    variants: Sequence[Variant]
    tripped: Callable[[], list[str]]
    stage: Stage
    rolls_back: Callable[[str], None]
    ended: threading.Event
    longest_wait: float = math.inf  # seconds
    longest: float = math.inf  # of all of it
    _begun: float = field(default_factory=time.monotonic)

    def run(self) -> None:
        """Raises RolledBack, and NeverReady or EngineError, with the old fleet serving alone."""
        before = [variant for variant, _ in self.engine.variants()]
        deployment = self.deployment
        try:
            if not deployment.is_rolling:
                self._start(1.0)
            for share in deployment.shares:
                if deployment.is_rolling:
                    self._start(share)
                self.stage("ActivatingTraffic", f"Activating traffic on {self._capacity(share)}.")
                self.engine.share(share)
                self._bake(deployment.wait, "WaitIntervalInSeconds", share)
                if deployment.is_rolling and share < 1:
                    self._shrink(before, share)
            if deployment.termination_wait:
                self._bake(deployment.termination_wait, "TerminationWaitInSeconds", 1.0)
        except BaseException as error:  # whatever it was, the old fleet serves alone
            if not self.ended.is_set():
                self.rolls_back(str(error))
            self._back(before)
            raise
        self.stage("Deleting", f"Terminating {sum(count for _, count in self.engine.variants())} instance(s).")
        self.engine.finish()

    def _start(self, share: float) -> None:
        wanted = [replace(each, instances=part(share, each.instances)) for each in self.variants]
        staged = sum(count for _, count in self.engine.staged())
        self.stage("Creating", f"Launching {sum(each.instances for each in wanted) - staged} instance(s).")
        self.engine.stage(wanted)

    def _bake(self, seconds: float, name: str, share: float) -> None:
        self.stage(
            "Baking", f"Baking for {seconds:g} seconds ({name}) with traffic enabled on {self._capacity(share)}."
        )
        until = time.monotonic() + min(seconds, self.longest_wait)
        timeout = min(self.deployment.timeout or math.inf, self.longest)
        while True:
            if self.ended.is_set():
                raise RolledBack("The endpoint was stopped while it was being updated.")
            if names := self.tripped():
                raise RolledBack(
                    f"The deployment was rolled back: {', '.join(names)} of AutoRollbackConfiguration went into ALARM "
                    f"while the new fleet was baking on {self._capacity(share)}."
                )
            now = time.monotonic()
            if now - self._begun > timeout:
                raise RolledBack(
                    "The deployment was rolled back: it took longer than its MaximumExecutionTimeoutInSeconds, "
                    f"{self.deployment.timeout or timeout:g}."
                )
            if now >= until:
                return
            self.ended.wait(min(TICK, until - now))

    def _shrink(self, before: Sequence[Variant], share: float) -> None:
        for variant in before:
            self.engine.scale(variant.name, variant.instances - part(share, variant.instances))

    def _back(self, before: Sequence[Variant]) -> None:
        """All requests to the old fleet; where it has lost instances they are started first, some at a time."""
        counts = {variant.name: variant.instances for variant, _ in self.engine.variants()}
        kept = min((counts[each.name] / each.instances for each in before if each.instances), default=1.0)
        while kept < 1 and not self.ended.is_set():
            kept = min(kept + self.deployment.rollback_share, 1.0)
            for variant in before:
                self._restore(variant.name, max(part(kept, variant.instances), counts[variant.name]))
            self.engine.share(1 - kept)
        self.engine.abandon()

    def _restore(self, name: str, instances: int) -> None:
        """Until it has worked: meanwhile the new fleet answers."""
        while not self.ended.is_set():
            try:
                self.engine.scale(name, instances)
            except EngineError:
                log.exception("an instance of the old fleet could not be started; it is tried again")
                self.ended.wait(AGAIN)
            else:
                return

    def _capacity(self, share: float) -> str:
        count = sum(part(share, each.instances) for each in self.variants if not each.is_shadow)
        return f"{'full' if share == 1 else 'canary'} capacity of {count} instance(s)"
