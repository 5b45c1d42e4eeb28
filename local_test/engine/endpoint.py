"""An endpoint: variants, each of some instances, behind one name.

Rules: `stage`, `finish`, `abandon`, `scale` and the watch change what there is, one at a time (`_changing`); what
requests choose from is replaced whole under `_lock`. An instance that is no longer chosen answers what it was asked
before it is stopped, so a change loses no request. A change that fails leaves everything as it was.

There are two fleets while an update is under way: the one that serves, and the next one, which gets a share of the
requests. Where the one that is drawn has no instance, the other is asked.
"""

import math
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from local_test.engine.containers import EngineError, Runner
from local_test.engine.instance import Instance, is_gone
from local_test.engine.serving import NeverReady, ServingSpec
from local_test.wire import Reply
from tiffin import limits

PING_EVERY = 5 * limits.SECONDS  # H-03
FAILED_PINGS = 3  # H-07: how many the platform waits for is not documented

Log = Callable[[str, str], None]  # variant, with /instance where it is a container's own line, and the line
Prefer = Callable[[Instance], bool]


class Unavailable(Exception):
    """No instance can be asked; its text says why."""


@dataclass(frozen=True)
class Variant:
    """`specs` are the containers of its model, in their order; a shadow is asked by its name only."""

    name: str
    specs: tuple[ServingSpec, ...]
    instances: int = 1
    weight: float = 1.0
    is_shadow: bool = False


@dataclass
class _Live:
    variant: Variant
    instances: list[Instance] = field(default_factory=list)


_Fleet = dict[str, _Live]


class Endpoint:
    def __init__(self, runner: Runner, log: Log, ping_every: float = PING_EVERY) -> None:
        self._runner, self._log, self._ping_every = runner, log, ping_every
        self._chance = random.Random()  # noqa: S311
        self._lock, self._changing = threading.Lock(), threading.Lock()
        self._live: _Fleet = {}
        self._next: _Fleet = {}
        self._share = 0.0  # of the requests, those that the next fleet gets
        self._closed = threading.Event()
        self._watch = threading.Thread(target=self._watch_all, daemon=True)

    def deploy(self, variants: Sequence[Variant]) -> None:
        """Start all of it, then send requests there, then stop what was there before (H-18).

        Raises NeverReady or EngineError, with what was there before still serving.
        """
        self.stage(variants)
        self.finish()

    def stage(self, variants: Sequence[Variant]) -> None:
        """Start the next fleet, or as much of it as `instances` say; no request goes there yet.

        Raises as `deploy`, with what was staged before as it was.
        """
        with self._changing:
            wanted = [
                variant
                for variant in variants
                for _ in range(variant.instances - len(self._next[variant.name].instances if self._next else ()))
            ]
            started = self._started(wanted)
            with self._lock:
                for variant in variants:
                    self._next.setdefault(variant.name, _Live(variant)).variant = variant
                for variant, instance in zip(wanted, started, strict=True):
                    self._next[variant.name].instances.append(instance)

    def share(self, share: float) -> None:
        """Of the requests, so many go to as large a part of the next fleet."""
        with self._lock:
            self._share = share

    def finish(self) -> None:
        """The next fleet is the one that serves, and the one before is stopped."""
        with self._changing:
            with self._lock:
                before, self._live, self._next, self._share = self._live, self._next, {}, 0.0
            self._retire(_instances(before))
            if not self._watch.ident:
                self._watch.start()

    def abandon(self) -> None:
        """No request goes to the next fleet any more, and it is stopped."""
        with self._changing:
            with self._lock:
                gone, self._next, self._share = self._next, {}, 0.0
            self._retire(_instances(gone))

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

    def variants(self) -> list[tuple[Variant, int]]:
        """Each with how many instances it has now."""
        with self._lock:
            return [(live.variant, len(live.instances)) for live in self._live.values()]

    def staged(self) -> list[tuple[Variant, int]]:
        """The same of the next fleet."""
        with self._lock:
            return [(live.variant, len(live.instances)) for live in self._next.values()]

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
                name, instance = self._choice(variant, prefer)
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
        if self._watch.ident:  # it would put a connection back that is closed here
            self._watch.join()
        with self._changing:
            with self._lock:
                instances = _instances(self._live) + _instances(self._next)
                self._live, self._next = {}, {}
            if instances:
                with ThreadPoolExecutor(len(instances)) as pool:
                    for done in [pool.submit(instance.close, grace) for instance in instances]:
                        done.result()

    def _choice(self, variant: str | None, prefer: Prefer | None) -> tuple[str, Instance]:
        """Of the fleet that is drawn, or of the other where that one has none that is preferred, or none at all."""
        fleets = [self._live]
        if self._share > 0 and self._next:
            fleets.insert(0 if self._chance.random() < self._share else 1, self._active())
        found: list[tuple[str, list[Instance]]] = []
        why = "the endpoint has no instances"
        for fleet in fleets:
            name = variant or self._drawn(fleet)
            if name not in fleet:
                why = f"there is no variant {name!r}" if name else why
            elif not fleet[name].instances:
                why = f"variant {name!r} has no instance that answers"
            else:
                found.append((name, fleet[name].instances))
        preferred = [(name, [each for each in some if prefer(each)]) for name, some in found] if prefer else []
        for name, some in (*preferred, *found):
            if some:
                return name, min(some, key=lambda each: (each.outstanding, self._chance.random()))
        raise Unavailable(why)

    def _active(self) -> _Fleet:
        """Of the next fleet, what its share of the requests is for."""
        return {
            name: _Live(live.variant, live.instances[: part(self._share, live.variant.instances)])
            for name, live in self._next.items()
        }

    def _drawn(self, fleet: _Fleet) -> str | None:
        shown = [name for name, live in fleet.items() if not live.variant.is_shadow]
        names = [name for name in shown if fleet[name].variant.weight > 0] or shown
        if not names:
            return None
        weights = [fleet[name].variant.weight for name in names]
        return self._chance.choices(names, weights if any(weights) else None)[0]

    def _started(self, variants: Sequence[Variant]) -> list[Instance]:
        """At the same time; all or none."""
        if not variants:
            return []
        instances: list[Instance] = []

        def start(variant: Variant) -> Instance:
            def log(where: str, line: str) -> None:
                self._log(f"{variant.name}/{where}", line)

            try:
                instance = Instance.start(self._runner, variant.specs, log)
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
                all_of_them = [(live, each) for live in self._fleets() for each in live.instances]
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
                short = [live for live in self._fleets() if len(live.instances) < live.variant.instances]
            for live in short:
                self._top_up(live)

    def _fleets(self) -> list[_Live]:
        return [*self._live.values(), *self._next.values()]

    def _remove(self, live: _Live, instance: Instance, why: str) -> None:
        with self._changing:
            with self._lock:
                if instance not in live.instances:
                    return
                live.instances.remove(instance)
            self._log(live.variant.name, f"an instance {why}; it is replaced")
            instance.close(grace=0)

    def _top_up(self, live: _Live) -> None:
        with self._changing:
            with self._lock:
                is_there = any(each is live for each in self._fleets())
            if not is_there or self._closed.is_set():
                return
            try:
                new = self._started([live.variant] * max(live.variant.instances - len(live.instances), 0))
            except EngineError as error:  # and tried again
                self._log(live.variant.name, f"no instance could be started: {error}")
                return
            with self._lock:
                live.instances.extend(new)


def part(share: float, instances: int) -> int:
    """Of so many instances those that a share of the requests is for: no less, and one at least."""
    return max(math.ceil(round(share * instances, 6)), 1)


def _instances(fleet: _Fleet) -> list[Instance]:
    return [instance for live in fleet.values() for instance in live.instances]
