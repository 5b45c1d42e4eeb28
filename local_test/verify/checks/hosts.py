"""One job on two hosts (T-04), whose files the platform lays over each other (T-30, T-31, T-38)."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local_test.verify.checks.check import Check, run_all
from local_test.verify.job import Ended, Job, run
from local_test.verify.server import tail
from local_test.verify.subject import Court
from local_test.verify.verdict import Seen, Verdict, failed, passed, skipped, warned

NAMES = ("algo-1", "algo-2")
BY_HOST = "Put current_host of resourceconfig.json into the file's name, or let the first of the hosts write it alone."
PATIENCE = 30.0  # seconds beyond thrice its usual time, on half of the machine each

Both = Sequence[Ended]


def ends(both: Both) -> Seen:
    for name, ended in zip(NAMES, both, strict=True):
        if ended.code is None:
            return failed(f"a job on two hosts: {name} still ran after {ended.seconds:.0f} s")
        if ended.code:
            why = (ended.failure.strip() or tail(ended.log))[:200]
            return warned(f"a job on two hosts: {name} ends with exit code {ended.code}: {why}")
    if not any(ended.model for ended in both):
        return failed("a job on two hosts ends well on both, and neither leaves a model")
    return passed("a job on two hosts ends with exit code 0 on both")


def merges(folder: str) -> Callable[[Both], Seen]:
    """Files of one name are one file afterwards, of whichever host came last."""

    def see(both: Both) -> Seen:
        if any(ended.code != 0 for ended in both):
            return skipped("no job on two hosts ended well (T-04)")
        first, second = (_files(ended, folder) for ended in both)
        if differing := sorted(name for name in first.keys() & second.keys() if first[name] != second[name]):
            return warned(f"both of two hosts write {differing[0]}, and not the same: one of them is lost", BY_HOST)
        if first.keys() & second.keys():
            return passed("both of two hosts write the same files with the same bytes")
        if not first and not second:
            return skipped(f"neither of two hosts writes to /opt/ml/{folder}")
        return passed(f"two hosts leave {len(first)} and {len(second)} file(s), none of the same name")

    return see


def _files(ended: Ended, folder: str) -> Mapping[Path, str]:
    found = (path for path in (ended.base / folder).rglob("*") if path.is_file())
    return {path.relative_to(ended.base): _digest(path) for path in found}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


CHECKS = (
    Check("T-04", "two hosts", ends),
    Check("T-30", "two hosts' models in one", merges("model")),
    Check("T-31", "two hosts' output in one", merges("output/data")),
    Check("T-38", "two hosts' checkpoints in one", merges("checkpoints")),
)


def judge(court: Court, usual: Ended, hyperparameters: Mapping[str, object]) -> Iterator[Verdict]:
    if not any(court.wanted(check.id) for check in CHECKS):
        return
    patience = 3 * usual.seconds + PATIENCE
    with court.engine.network() as network, ThreadPoolExecutor(len(NAMES)) as pool:
        jobs = [Job(f"of-{name}", hyperparameters, name, hosts=NAMES, network=network) for name in NAMES]
        both = list(pool.map(lambda job: run(court, job, patience=patience), jobs))
    yield from run_all(CHECKS, both, court.wanted)
