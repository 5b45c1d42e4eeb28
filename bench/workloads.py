"""What is measured, one function a workload: a running peer in, one figure out, None where requests failed."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import wire, wrk
from bench.peers import Peer
from bench.process import Running

SERVER_CORE, LOAD_CORE = 0, 1
MANY_ROWS = 500_000  # about 6 MB of R,G,B
CHECKED = 500
SLOW = 300  # readers or writers
READ_SLOWLY = 50_000  # rows: an answer that no socket holds
GROWTH_ROWS = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)
GROWTH_CONNECTIONS = (1, 4, 16, 64, 256, 1_000)
GROWTH_WORKERS = (1, 2)
GROWTH_COLUMNS = (3, 10, 30, 100, 300, 1_000, 3_000)
ROWS_OF_COLUMNS = 100


@dataclass(frozen=True)
class Bench:
    """A running peer, and how long it is loaded. `folder` takes the bodies for wrk."""

    peer: Peer
    running: Running
    folder: Path
    seconds: float

    def load(self, rows: int, connections: int, unique: bool = False) -> wrk.Load | None:
        payload = self.peer.wire.payload(wire.rows(rows))
        body = self.folder / f"body-{rows}"
        body.write_bytes(payload.body)
        url = f"http://127.0.0.1:{self.running.port}"
        line = wrk.command(url, payload, body, wrk.Shape(connections, self.seconds, unique))
        load = wrk.run(LOAD_CORE, line, self.seconds)
        return None if load.failed or not load.requests_per_second else load

    def answer_seconds(self, rows: wire.Rows, at_least: int, budget: float) -> float | None:
        payload = self.peer.wire.payload(rows)
        with wire.Caller(self.running.port) as caller:
            try:
                caller.ask(payload)
                return caller.seconds(payload, at_least, budget)
            except (wire.Refused, OSError):
                return None


@dataclass(frozen=True)
class Workload:
    title: str
    unit: str
    measure: Callable[[Bench], float | None]
    at_least: bool = True  # more is better
    for_limit: bool = False  # makes sense for a constant too
    for_others: bool = True


def _p50(bench: Bench) -> float | None:
    load = bench.load(1, 1)
    return load.p50 if load else None


def _requests(bench: Bench) -> float | None:
    load = bench.load(1, 32)
    return load.requests_per_second if load else None


def _unique_heads(bench: Bench) -> float | None:
    load = bench.load(1, 32, unique=True)
    return load.requests_per_second if load else None


def _thousand(bench: Bench) -> float | None:
    load = bench.load(1_000, 4)
    return load.requests_per_second * 1_000 if load else None


def _six_megabytes(bench: Bench) -> float | None:
    took = bench.answer_seconds(wire.rows(MANY_ROWS), at_least=3, budget=0)
    return MANY_ROWS / took if took else None


def _beside_slow_writers(bench: Bench) -> float | None:
    with wire.slow_writers(bench.running.port, bench.peer.wire.payload(wire.rows(1_000)), SLOW):
        load = bench.load(1, 32)
    return load.requests_per_second if load else None


def _beside_slow_readers(bench: Bench) -> float | None:
    with wire.slow_readers(bench.running.port, bench.peer.wire.payload(wire.rows(READ_SLOWLY)), SLOW):
        load = bench.load(1, 32)
    return load.requests_per_second if load else None


def _start(bench: Bench) -> float | None:
    return bench.running.seconds_to_ready


WORKLOADS: Mapping[str, Workload] = {
    "start": Workload("process start → first 200 on /ping", "s", _start, at_least=False, for_limit=True),
    "p50": Workload("1 row, 1 connection: p50", "ms", _p50, at_least=False, for_limit=True),
    "single": Workload("1 row, 32 connections", "requests/s", _requests, for_limit=True),
    "unique-heads": Workload(
        "the same, each request with a trace id of its own", "requests/s", _unique_heads, for_limit=True
    ),
    "thousand": Workload("1,000 rows a request, 4 connections", "rows/s", _thousand),
    "six-megabytes": Workload("500,000 rows in one request (~6 MB)", "rows/s", _six_megabytes),
    # the last, since a server may need a while to be rid of them
    "slow-readers": Workload(
        "1 row, 32 connections, beside 300 that read a large answer slowly",
        "requests/s",
        _beside_slow_readers,
        for_others=False,
    ),
    "slow-writers": Workload(
        "1 row, 32 connections, beside 300 that sent half a request", "requests/s", _beside_slow_writers
    ),
}
# Measured from starts of their own.
MEMORY = Workload("memory: PSS, 4 workers, idle", "MB", lambda _: None, at_least=False)
GROWTH = ("rows", "connections", "columns", "workers")
TABLE: Mapping[str, Workload] = {**WORKLOADS, "memory": MEMORY}


def check(bench: Bench, expected: list[str] | None) -> list[str]:
    """The labels of CHECKED seeded rows; raises wire.Refused unless they are the `expected`."""
    rows = wire.rows(CHECKED, seed=1)
    with wire.Caller(bench.running.port) as caller:
        labels = bench.peer.wire.labels(caller.ask(bench.peer.wire.payload(rows)))
    if len(labels) != CHECKED:
        raise wire.Refused(f"{len(labels)} labels for {CHECKED} rows")
    if expected is not None and labels != expected:
        row = next(i for i, (a, b) in enumerate(zip(labels, expected, strict=True)) if a != b)
        raise wire.Refused(f"{rows[row]} is {labels[row]!r} here and {expected[row]!r} elsewhere")
    return labels


def growth_of_rows(bench: Bench) -> dict[int, float | None]:
    """Rows in a request -> rows/s on one connection."""
    found: dict[int, float | None] = {}
    for count in GROWTH_ROWS:
        took = bench.answer_seconds(wire.rows(count), at_least=3, budget=bench.seconds / 2)
        found[count] = count / took if took else None
    return found


def of_columns(bench: Bench, columns: int) -> float | None:
    """Rows/s on one connection."""
    took = bench.answer_seconds(wire.numbers(ROWS_OF_COLUMNS, columns), at_least=3, budget=bench.seconds / 2)
    return ROWS_OF_COLUMNS / took if took else None


def growth_of_connections(bench: Bench) -> dict[int, float | None]:
    """Connections -> requests/s of one row."""
    loads = {count: bench.load(1, count) for count in GROWTH_CONNECTIONS}
    return {count: load.requests_per_second if load else None for count, load in loads.items()}


def shuffled(names: list[str], seed: int) -> list[str]:
    """No peer always follows the same other one."""
    order = list(names)
    random.Random(seed).shuffle(order)  # noqa: S311
    return order
