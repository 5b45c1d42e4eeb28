"""One run of the bench: which peers can be had, rounds in which they take turns, and how they grow."""

import os
import random
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench import prepare, process, wire, workloads, wrk
from bench.peers import OURS, PEERS, Place
from bench.workloads import LOAD_CORE, SERVER_CORE, WORKLOADS, Bench, Workload

Log = Callable[[str], None]
Curve = dict[int, float | None]
FAILURES = (process.StartError, wire.Refused, wrk.WrkError, OSError)
MEMORY_WORKERS = 4
PORTS = range(20_000, 32_000)
IDLE = 1.0  # seconds after the last request


@dataclass
class Outcome:
    """`results`: peer -> workload -> rounds. `growth`: what grows -> peer -> curve. `left_out`: peer -> why."""

    rounds: int
    seconds: float
    results: dict[str, dict[str, list[float | None]]] = field(default_factory=dict)
    growth: dict[str, dict[str, Curve]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    versions: dict[str, list[str]] = field(default_factory=dict)
    machine: list[str] = field(default_factory=list)


class Session:
    def __init__(self, folder: Path, outcome: Outcome, log: Log) -> None:
        self._folder, self.outcome, self._log = folder, outcome, log
        self._programs: dict[str, Path] = {}

    def prepare(self, names: Sequence[str]) -> list[str]:
        """Installs, trains, starts each peer once and compares its answers; returns the peers that are sound."""
        prepare.programs(self._log)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._base, self._tree = prepare.tree(self._folder, self._log)
        self.outcome.machine = list(prepare.machine(self._log))
        expected: list[str] | None = None
        sound = []
        for name in sorted(names, key=lambda name: name != "tiffin"):  # ours first: all others are compared with it
            try:
                self._programs[name] = prepare.environment(PEERS[name], self._folder / "env", self._log)
                self.outcome.versions[name] = prepare.versions(PEERS[name], self._log)
                with self.start(name, 1) as bench:
                    if not PEERS[name].is_limit:
                        same = PEERS[name].same_tree
                        labels = workloads.check(bench, expected if same else None)
                        expected = labels if same else expected
            except (prepare.NotPrepared, *FAILURES) as error:
                self.outcome.left_out[name] = str(error).strip().splitlines()[-1][:300]
                self._log(f"{name} is left out: {error}")
                continue
            sound.append(name)
        return [name for name in names if name in sound]

    @contextmanager
    def start(self, name: str, workers: int, cores: str = str(SERVER_CORE), columns: int = 0) -> Iterator[Bench]:
        with tempfile.TemporaryDirectory(prefix="tiffin-bench-", ignore_cleanup_errors=True) as scratch:
            folder = Path(scratch)
            folder.chmod(0o755)  # nginx's workers are somebody else
            port, *others = free_ports(3)
            tree = self._linear[columns] if columns else self._tree
            ports = others[0], others[1]
            place = Place(port, ports, workers, folder, self._programs[name], tree, self._base, columns)
            peer = PEERS[name]
            with process.running(peer.commands(place), cores, folder, port, peer.ready) as running:
                yield Bench(peer, running, folder, self.outcome.seconds)

    def round(self, names: Sequence[str], wanted: Sequence[str]) -> None:
        for name in names:
            found = self.outcome.results.setdefault(name, {})
            measured = [w for w in wanted if w in WORKLOADS and _makes_sense(name, WORKLOADS[w])]
            taken: dict[str, float | None] = dict.fromkeys(measured)
            try:
                with self.start(name, 1) as bench:
                    self._warm(bench)
                    for workload in measured:
                        taken[workload] = WORKLOADS[workload].measure(bench)
                if "memory" in wanted:
                    taken["memory"] = self._memory(name)
            except FAILURES as error:
                self._log(f"{name}: {error}")
            for workload, value in taken.items():
                found.setdefault(workload, []).append(value)
            shown = ", ".join(f"{w} {'failed' if v is None else f'{v:.4g}'}" for w, v in taken.items())
            self._log(f"  {name}: {shown}")

    def _warm(self, bench: Bench) -> None:
        replace(bench, seconds=min(bench.peer.warm, 4 * self.outcome.seconds)).load(1, 32)

    def _memory(self, name: str) -> float:
        with self.start(name, MEMORY_WORKERS) as bench:
            self._warm(bench)  # AWS's layout loads lazily, in each worker
            time.sleep(IDLE)
            return bench.running.pss()

    def grow(self, names: Sequence[str], wanted: Sequence[str]) -> None:
        if "columns" in wanted:
            self._linear = prepare.linear(self._folder, workloads.GROWTH_COLUMNS)
        for name in names if wanted else ():
            self._log(f"  {name}: how it grows")
            try:
                if {"rows", "connections"} & set(wanted):
                    self._grow_on_one_core(name, wanted)
                if "columns" in wanted and PEERS[name].any_columns and not PEERS[name].is_limit:
                    curve = {count: self._of_columns(name, count) for count in workloads.GROWTH_COLUMNS}
                    self.outcome.growth.setdefault("columns", {})[name] = curve
                if "workers" in wanted and not PEERS[name].is_limit:
                    curve = {count: self._with_workers(name, count) for count in workloads.GROWTH_WORKERS}
                    self.outcome.growth.setdefault("workers", {})[name] = curve
            except FAILURES as error:
                self._log(f"{name}: {error}")

    def _grow_on_one_core(self, name: str, wanted: Sequence[str]) -> None:
        with self.start(name, 1) as bench:
            self._warm(bench)
            if "rows" in wanted and not PEERS[name].is_limit:
                self.outcome.growth.setdefault("rows", {})[name] = workloads.growth_of_rows(bench)
            if "connections" in wanted:
                self.outcome.growth.setdefault("connections", {})[name] = workloads.growth_of_connections(bench)

    def _of_columns(self, name: str, columns: int) -> float | None:
        with self.start(name, 1, columns=columns) as bench:
            return workloads.of_columns(bench, columns)

    def _with_workers(self, name: str, count: int) -> float | None:
        """Both cores for the server; the load takes from one of them what it needs."""
        with self.start(name, count, f"{SERVER_CORE},{LOAD_CORE}") as bench:
            self._warm(bench)
            load = bench.load(1_000, 8)
            return load.requests_per_second * 1_000 if load else None


def _makes_sense(name: str, workload: Workload) -> bool:
    return (workload.for_limit or not PEERS[name].is_limit) and (workload.for_others or name in OURS)


def free_ports(count: int) -> list[int]:
    """Below those that the kernel gives to clients, of which a thousand come and go; Java's server takes no others."""
    free: list[int] = []
    for port in random.sample(PORTS, 1_000):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            free.append(port)
        if len(free) == count:
            return free
    raise prepare.NotPrepared("there are no free ports on this machine")


def stay_on_the_loads_core() -> None:
    """The Python client and wrk; each server's `taskset` names its own."""
    if not {SERVER_CORE, LOAD_CORE} <= os.sched_getaffinity(0):
        raise prepare.NotPrepared("the bench needs two cores, one for the server and one for the load")
    os.sched_setaffinity(0, {LOAD_CORE})
