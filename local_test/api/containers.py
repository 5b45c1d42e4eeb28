"""Of a plan, the containers: model data in folders, and what the engine is to start."""

import os
import shutil
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from local_test.api import artifacts, enforced, instances
from local_test.api.images import runner_for
from local_test.api.plans import Plan, PlannedVariant
from local_test.api.platform import Platform
from local_test.engine import choose
from local_test.engine.containers import EngineError, Log, Network, Part, Resources, Running, Spec
from local_test.engine.endpoint import Variant
from local_test.engine.pool import OnDemand
from local_test.engine.serving import ServingSpec
from tiffin import limits

MULTI_MODEL = "com.amazonaws.sagemaker.capabilities.multi-models"  # M-01
MIB = 1024 * 1024


class ImageRunner:
    """Each image by the runner that has it; what a change has started can be ended at once, from another thread."""

    name, runs_images = "the runner of each image", True

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._lock = threading.Lock()
        self._fresh: list[Running] = []
        self._aborted = False

    def start(self, spec: Spec, log: Log) -> Running:
        runner, image = runner_for(self._platform, spec.image)
        running = runner.start(replace(spec, image=image), log)
        with self._lock:
            self._fresh.append(running)
            aborted = self._aborted
        if aborted:
            running.kill()
        return running

    def network(
        self,
        isolated: bool = False,  # noqa: ARG002
        hosts: int = 1,  # noqa: ARG002
        serves: bool = False,  # noqa: ARG002
    ) -> AbstractContextManager[Network]:
        raise EngineError("a network is made for an image (isolated)")

    def isolated(self, image: str) -> AbstractContextManager[Network]:
        return runner_for(self._platform, image)[0].network(isolated=True, serves=True)

    def settle(self, started: Sequence[Running] | None = None) -> None:
        """What was started serves, or has been closed; where some are named, those."""
        with self._lock:
            self._fresh = [each for each in self._fresh if started is not None and each not in started]

    def abort(self) -> None:
        """Whoever waits for a container to be ready sees it end."""
        with self._lock:
            self._aborted = True
            fresh = list(self._fresh)
        for each in fresh:
            if _runs(each):
                each.kill()


@dataclass
class Deployed:
    """What is to be started, and what lies and lasts for it until `close`."""

    variants: list[Variant]
    folder: Path
    stack: ExitStack = field(default_factory=ExitStack)

    def close(self) -> None:
        self.stack.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True)
class Builder:
    platform: Platform
    runner: ImageRunner
    account: str
    region: str

    def build(self, plan: Plan, folder: Path) -> Deployed:
        """Raises DataError, EngineError with nothing left."""
        deployed = Deployed([], folder)
        try:
            for variant in plan.all:
                specs = self.specs(variant, folder / variant.name, deployed.stack)
                is_shadow = variant in plan.shadows
                deployed.variants.append(
                    Variant(variant.name, specs, variant.instances, variant.weight, is_shadow, on_demand(variant))
                )
        except BaseException:
            deployed.close()
            raise
        return deployed

    def specs(self, variant: PlannedVariant, folder: Path, stack: ExitStack) -> tuple[ServingSpec, ...]:
        """Of one instance; what lies below `folder` is for all of them. Raises DataError, EngineError."""
        network = None
        if variant.is_isolated:
            network = stack.enter_context(self.runner.isolated(variant.containers[0]["Image"]))
        return tuple(
            self._spec(variant, number, folder / f"{number + 1}", network) for number in range(len(variant.containers))
        )

    def _spec(self, variant: PlannedVariant, number: int, tree: Path, network: Network | None) -> ServingSpec:
        container = variant.containers[number]
        runner, image = runner_for(self.platform, container["Image"])
        if variant.is_multi_model:
            if runner.runs_images and choose.labels(image).get(MULTI_MODEL) != "true":
                raise EngineError(
                    f"Your Ecr Image {container['Image']} does not contain required {MULTI_MODEL}=true Docker "
                    "label(s) (M-01)."
                )
            (tree / "models").mkdir(parents=True)
            parts: tuple[Part, ...] = (Part("models", read_only=True),)
        else:
            parts = artifacts.place(self.platform.objects, self.account, container, tree)
        serverless, limit = variant.serverless, enforced.here()
        if serverless and runner.runs_images and (found := choose.size(image)) > limit.image_serverless:
            raise EngineError(
                f"the image {container['Image']} has {found / 1e9:.2f} GB; serverless takes "
                f"{limit.image_serverless / 1e9:g} GB (S-04)"
            )
        start = limit.start_timeout_serverless if serverless else limit.start_timeout
        return ServingSpec(
            container["Image"],
            tree,
            self._environment(variant, number, runner.runs_images),
            parts,
            container.get("ContainerHostname") or None,
            network,
            _resources(variant),
            limits.PORT + number,
            confined=bool(serverless),
            connect_timeout=limit.connect_timeout,
            ping_timeout=limit.ping_timeout,
            stop_grace=limit.stop_grace,
            start_timeout=variant.asked.get("ContainerStartupHealthCheckTimeoutInSeconds") or start,
        )

    def _environment(self, variant: PlannedVariant, number: int, in_docker: bool) -> Mapping[str, str]:
        told = {} if variant.is_isolated else self.platform.aws_environment(self.region, in_docker)
        if variant.is_multi_model:
            told["SAGEMAKER_MULTI_MODEL"] = "true"
        if len(variant.containers) > 1:
            low = 14000 + 100 * number
            told |= {"SAGEMAKER_SAFE_PORT_RANGE": f"{low}-{low + 99}"}  # P-03
            told |= {"SAGEMAKER_BIND_TO_PORT": str(limits.PORT + number)}  # P-02: the first one's too
        return {**told, **(variant.containers[number].get("Environment") or {})}


def on_demand(variant: PlannedVariant) -> OnDemand | None:
    """Of a serverless variant (S-04, S-08); no more containers than this machine has memory for."""
    serverless, limit = variant.serverless, enforced.here()
    if not serverless:
        return None
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    fits = memory // (serverless["MemorySizeInMB"] * MIB)
    most = max(min(serverless["MaxConcurrency"], fits, limit.containers_serverless), 1)
    return OnDemand(min(serverless.get("ProvisionedConcurrency") or 0, int(most)), int(most), limit.idle_serverless)


def _runs(running: Running) -> bool:
    try:
        return running.exit_code() is None
    except Exception:  # noqa: BLE001  Docker does not know it any more
        return False


def _resources(variant: PlannedVariant) -> Resources:
    if variant.serverless:
        return Resources(memory=variant.serverless["MemorySizeInMB"] * MIB)
    size = instances.size_of(variant.asked["InstanceType"])
    return Resources(*size) if size else Resources()
