"""One training job: a container for each of its hosts, from their inputs to their exit codes and what they leave."""

import filecmp
import math
import re
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from local_test.engine.containers import Part, Resources, Runner, Running, Spec
from local_test.engine.hosts import Hosts
from local_test.engine.pipes import Feeder
from local_test.engine.tree import Channel, Host, Tree
from tiffin import limits

Log = Callable[[str, str], None]  # host, line


@dataclass(frozen=True)
class TrainingSpec:
    """By AWS's words. `arguments` without an `entrypoint` is what the platform gives (C-01, C-05)."""

    name: str
    image: str
    hyperparameters: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, Channel] = field(default_factory=dict)
    hosts: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] | None = None
    arguments: tuple[str, ...] = ("train",)
    instance_type: str | None = None
    resources: Resources = field(default_factory=Resources)
    isolated: bool = False
    max_runtime: float = limits.MAX_RUNTIME
    stop_grace: float = limits.STOP_GRACE_TRAIN
    checkpoints: Path | None = None  # one folder for all hosts (T-38)
    metric_definitions: Mapping[str, re.Pattern[str]] = field(default_factory=dict)  # T-40
    more: tuple[Part, ...] = ()  # that the container sees beside what is the job's


@dataclass(frozen=True)
class Metric:
    name: str
    value: float
    time: float  # seconds since the epoch


@dataclass(frozen=True)
class Result:
    status: str  # Completed, Failed, Stopped
    secondary: str  # that, or MaxRuntimeExceeded
    failure_reason: str | None
    exit_codes: Mapping[str, int]
    metrics: tuple[Metric, ...]
    trees: tuple[Tree, ...]  # of the hosts in their order
    seconds: float

    def clashes(self) -> list[str]:
        """Files of the model that several hosts wrote with different contents: one overwrites the other (T-30)."""
        seen: dict[str, Path] = {}
        found = []
        for tree in self.trees:
            for file in tree.artifact():
                name = str(file.relative_to(tree.paths.model))
                first = seen.setdefault(name, file)
                if first is not file and not filecmp.cmp(first, file, shallow=False):
                    found.append(name)
        return found


class TrainingRun:
    """`run` once; `stop` and `interrupt` from other threads."""

    def __init__(
        self,
        runner: Runner,
        spec: TrainingSpec,
        base: Path,
        log: Log,
        on_status: Callable[[str], None] = lambda _status: None,
    ) -> None:
        """`base` becomes the tree of a single host, or holds one for each. `on_status` gets secondary statuses."""
        self._runner, self._spec, self._base, self._log, self._on_status = runner, spec, base, log, on_status
        self._hosts = Hosts(spec.stop_grace)
        self._metrics: list[Metric] = []

    def stop(self) -> None:
        """SIGTERM, SIGKILL after the grace (T-35); what is in the model directory then is the artifact."""
        self._hosts.end("stop")

    def interrupt(self) -> None:
        """As when a spot instance is taken away (T-37): stopped, and begun again from the checkpoints (T-39)."""
        self._hosts.end("interrupt")

    def run(self) -> Result:
        """Raises TreeError and EngineError for what cannot be started."""
        begun = time.monotonic()
        deadline = begun + self._spec.max_runtime
        while (result := self._round(begun, deadline)) is None:
            self._on_status("Interrupted")
        return result

    def _round(self, begun: float, deadline: float) -> Result | None:
        spec = self._spec
        names = tuple(f"algo-{number}" for number in range(1, spec.hosts + 1))
        hosts = [Host(name, names, spec.instance_type) for name in names]
        containers: dict[str, Running] = {}
        self._hosts.begin()
        with ExitStack() as stack:
            network = None
            if spec.hosts > 1 or spec.isolated:
                network = stack.enter_context(self._runner.network(spec.isolated, spec.hosts))
            self._on_status("Downloading")
            trees = [self._tree(host) for host in hosts]
            for host, tree in zip(hosts, trees, strict=True):
                stack.enter_context(tree.in_use())
                for name, channel in spec.channels.items():
                    if channel.input_mode == "Pipe":
                        stack.callback(Feeder(tree.paths.data / name, channel, channel.objects(host)).close)
            self._on_status("Training")
            for host, tree in zip(hosts, trees, strict=True):
                container = self._runner.start(
                    Spec(
                        spec.image,
                        spec.arguments,
                        tree.paths.base,
                        self._parts(),
                        spec.environment,
                        spec.entrypoint,
                        hostname=host.name if self._runner.runs_images else None,
                        network=network,
                        resources=spec.resources,
                    ),
                    self._sink(host.name),
                )
                stack.callback(container.close)
                containers[host.name] = container
                self._hosts.add(host.name, container)
            ended, codes = self._hosts.until_ended(deadline)
            if ended == "interrupt":
                return None
            return Result(
                *self._verdict(ended, codes, trees, containers),
                codes,
                tuple(self._metrics),
                tuple(trees),
                time.monotonic() - begun,
            )

    def _tree(self, host: Host) -> Tree:
        base = self._base if len(host.hosts) == 1 else self._base / host.name
        return Tree.build(base, self._spec.hyperparameters, self._spec.channels, host)

    def _parts(self) -> tuple[Part, ...]:
        read_only = [
            Part(f"input/data/{name}", read_only=True)
            for name, channel in self._spec.channels.items()
            if channel.input_mode == "FastFile"  # T-09
        ]
        shared = [Part("checkpoints", source=self._spec.checkpoints)] if self._spec.checkpoints else []
        return (Part("."), *read_only, *shared, *self._spec.more)

    def _sink(self, host: str) -> Callable[[str], None]:
        def sink(line: str) -> None:
            for name, pattern in self._spec.metric_definitions.items():
                for found in pattern.finditer(line):
                    try:
                        value = float(found[1])
                    except (ValueError, IndexError, TypeError):
                        continue  # the first group is no number, or took no part (T-40)
                    if math.isfinite(value):  # CloudWatch takes no NaN, and a job goes on past one
                        self._metrics.append(Metric(name, value, time.time()))
            self._log(host, line)

        return sink

    def _verdict(
        self, ended: str, codes: Mapping[str, int], trees: list[Tree], containers: Mapping[str, Running]
    ) -> tuple[str, str, str | None]:
        if ended == "stop":
            return "Stopped", "Stopped", None
        if ended == "late":
            return "Stopped", "MaxRuntimeExceeded", None
        bad = next((host for host, code in codes.items() if code), None)  # the first to end so
        if bad is None:
            return "Completed", "Completed", None
        tree = trees[list(containers).index(bad)]
        reason = tree.failure()
        if reason is None and containers[bad].is_out_of_memory():
            reason = "the memory of the instance was used up, and the kernel ended a process"
        said = "" if reason is None else f"{reason[: limits.FAILURE_REASON_CHARS]}, "
        return "Failed", "Failed", f"AlgorithmError: {said}exit code: {codes[bad]}"
