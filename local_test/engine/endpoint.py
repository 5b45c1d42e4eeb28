"""An endpoint: variants, each of some instances, behind one name.

Rules: `deploy`, `scale` and the watch change what there is, one at a time (`_changing`); what requests choose from is
replaced whole under `_lock`. An instance that is no longer chosen answers what it was asked before it is stopped, so a
change loses no request. A change that fails leaves everything as it was.
"""

import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from local_test.engine.containers import EngineError, Runner
from local_test.engine.instance import Instance, Unavailable, is_gone
from local_test.engine.pool import OnDemand, Pool
from local_test.engine.serving import NeverReady, ServingSpec
from local_test.wire import Reply
from tiffin import limits

PING_EVERY = 5 * limits.SECONDS  # H-03
FAILED_PINGS = 3  # H-07: how many the platform waits for is not documented

Log = Callable[[str, str], None]  # variant, with /instance where it is a container's own line, and the line
Prefer = Callable[[Instance], bool]


@dataclass(frozen=True)
class Variant:
    """`specs` are the containers of its model, in their order."""

    name: str
    specs: tuple[ServingSpec, ...]
    instances: int = 1
    weight: float = 1.0
    on_demand: OnDemand | None = None  # serverless: a pool of containers, in the place of an instance


@dataclass
class _Live:
    variant: Variant
    instances: list[Instance] = field(default_factory=list)


class Endpoint:
    def __init__(
        self,
        runner: Runner,
        log: Log,
        ping_every: float = PING_EVERY,
        warmed: Callable[[str, Instance, float], None] = lambda *_: None,
    ) -> None:
        """`warmed`: told of a variant's container that was started on demand, and in what seconds."""
        self._runner, self._log, self._ping_every, self._warmed = runner, log, ping_every, warmed
        self._chance = random.Random()  # noqa: S311
        self._lock, self._changing = threading.Lock(), threading.Lock()
        self._live: dict[str, _Live] = {}
        self._closed = threading.Event()
        self._watch = threading.Thread(target=self._watch_all, daemon=True)

    def deploy(self, variants: Sequence[Variant]) -> None:
        """Start all of it, then send requests there, then stop what was there before (H-18).

        Raises NeverReady or EngineError, with what was there before still serving.
        """
        with self._changing:
            started = {variant.name: _Live(variant, []) for variant in variants}
            wanted = [variant for variant in variants for _ in range(variant.instances)]
            for variant, instance in zip(wanted, self._started(wanted), strict=True):
                started[variant.name].instances.append(instance)
            with self._lock:
                before, self._live = self._live, started
            self._retire([instance for live in before.values() for instance in live.instances])
            if not self._watch.ident:
                self._watch.start()

    def scale(self, variant: str, instances: int) -> None:
        """Raises as `deploy`; KeyError for a variant that is not there."""
        with self._changing:
            live = self._live[variant]
            more = instances - len(live.instances)
            new = self._started([live.variant] * max(more, 0))
            with self._lock:
                live.variant = replace(live.variant, instances=instances)
                gone, live.instances = live.instances[instances:], live.instances[:instances] + new
            self._retire(gone)

    def weigh(self, weights: Mapping[str, float]) -> None:
        with self._changing, self._lock:
            for name, weight in weights.items():
                self._live[name].variant = replace(self._live[name].variant, weight=weight)

    def demand(self, name: str, on_demand: OnDemand) -> None:
        """Of a serverless variant."""
        with self._changing:
            live = self._live[name]
            live.variant = replace(live.variant, on_demand=on_demand)
            pools = [each for each in live.instances if isinstance(each, Pool)]
            for each in pools:
                each.wants(on_demand)

    def variants(self) -> list[tuple[Variant, int]]:
        """Each with how many instances it has now."""
        with self._lock:
            return [(live.variant, len(live.instances)) for live in self._live.values()]

    def outstanding(self) -> dict[str, int]:
        """Requests under way, by variant: what autoscaling looks at."""
        with self._lock:
            return {name: sum(i.outstanding for i in live.instances) for name, live in self._live.items()}

    @contextmanager
    def chosen(self, variant: str | None = None, prefer: Prefer | None = None) -> Iterator[tuple[str, Instance]]:
        """An instance to ask, by the variants' weights or of the one named, the least busy, among those that `prefer`
        is true of where there is one; kept until the end.

        Raises Unavailable.
        """
        with ExitStack() as stack:
            with self._lock:
                name = variant or self._drawn()
                if name not in self._live:
                    raise Unavailable(f"there is no variant {name!r}")
                instances = self._live[name].instances
                if not instances:
                    raise Unavailable(f"variant {name!r} has no instance that answers")
                preferred = [each for each in instances if prefer(each)] if prefer else []
                instance = min(preferred or instances, key=lambda each: (each.outstanding, self._chance.random()))
                stack.enter_context(instance.counted())
            yield name, instance

    def invoke(
        self,
        body: bytes,
        headers: Mapping[str, str],
        *,
        variant: str | None = None,
        container: str | None = None,
        timeout: float = limits.INVOCATION_TIMEOUT,
    ) -> tuple[str, Reply]:
        """The variant that answered, and what; raises Unavailable, WireError, NoContainer."""
        with self.chosen(variant) as (name, instance):
            return name, instance.invoke(body, headers, container, timeout)

    def close(self, grace: float | None = None) -> None:
        self._closed.set()
        with self._changing:
            with self._lock:
                before, self._live = self._live, {}
            instances = [instance for live in before.values() for instance in live.instances]
            if instances:
                with ThreadPoolExecutor(len(instances)) as pool:
                    for done in [pool.submit(instance.close, grace) for instance in instances]:
                        done.result()
        if self._watch.ident:
            self._watch.join()

    def _drawn(self) -> str:
        names = [name for name, live in self._live.items() if live.variant.weight > 0] or list(self._live)
        if not names:
            raise Unavailable("the endpoint has no instances")
        weights = [self._live[name].variant.weight for name in names]
        return self._chance.choices(names, weights if any(weights) else None)[0]

    def _started(self, variants: Sequence[Variant]) -> list[Instance]:
        """At the same time; all or none."""
        if not variants:
            return []
        instances: list[Instance] = []

        def start(variant: Variant) -> Instance:
            def log(where: str, line: str) -> None:
                self._log(f"{variant.name}/{where}", line)

            def begin() -> Instance:
                return Instance.start(self._runner, variant.specs, log)

            def warmed(instance: Instance, seconds: float) -> None:
                self._warmed(variant.name, instance, seconds)

            try:
                instance = Pool.opened(begin, variant.on_demand, warmed) if variant.on_demand else begin()
            except NeverReady as error:
                error.variant = variant.name
                raise
            instances.append(instance)
            return instance

        try:
            with ThreadPoolExecutor(len(variants)) as pool:
                return [done.result() for done in [pool.submit(start, variant) for variant in variants]]
        except BaseException:
            for instance in instances:
                instance.close(grace=0)
            raise

    def _retire(self, instances: Sequence[Instance]) -> None:
        threads = [threading.Thread(target=each.retire, args=(limits.INVOCATION_TIMEOUT,)) for each in instances]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _watch_all(self) -> None:
        """As the platform pings, and replaces an instance that has ended or does not answer (H-07)."""
        failed: dict[Instance, int] = {}
        while not self._closed.wait(self._ping_every):
            with self._lock:
                all_of_them = [(live, each) for live in self._live.values() for each in live.instances]
            counts: dict[Instance, int] = {}
            for live, instance in all_of_them:
                if is_gone(instance):
                    self._remove(live, instance, "ended by itself")
                elif not instance.answers_ping():
                    counts[instance] = failed.get(instance, 0) + 1
                    if counts[instance] >= FAILED_PINGS:
                        self._remove(live, instance, f"did not answer {FAILED_PINGS} pings")
            failed = counts
            with self._lock:
                short = [name for name, live in self._live.items() if len(live.instances) < live.variant.instances]
            for name in short:
                self._top_up(name)

    def _remove(self, live: _Live, instance: Instance, why: str) -> None:
        with self._changing:
            with self._lock:
                if instance not in live.instances:
                    return
                live.instances.remove(instance)
            self._log(live.variant.name, f"an instance {why}; it is replaced")
            instance.close(grace=0)

    def _top_up(self, name: str) -> None:
        with self._changing:
            live = self._live.get(name)
            if live is None or self._closed.is_set():
                return
            try:
                new = self._started([live.variant] * max(live.variant.instances - len(live.instances), 0))
            except EngineError as error:  # and tried again
                self._log(name, f"no instance could be started: {error}")
                return
            with self._lock:
                live.instances.extend(new)
