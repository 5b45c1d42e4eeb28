"""Training jobs that fail, get nothing, are stopped, and are begun again (section 2)."""

import random
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from local_test.verify.checks import channels, hosts, twists
from local_test.verify.checks.check import Check, run_all, skip_all
from local_test.verify.checks.plain import LONG, Plain
from local_test.verify.job import Ended, Job, run
from local_test.verify.server import tail
from local_test.verify.subject import Court
from local_test.verify.verdict import Seen, Verdict, failed, passed, skipped, warned
from tiffin import limits

STOP_PATIENCE = 30.0  # seconds, of the 120 s that a job may take to leave (T-35)


@dataclass(frozen=True)
class Others:
    broken: Ended
    empty: Ended
    stopped: Ended | None  # None: the job is too short, or does not hear
    usual: Ended
    resumed: Ended | None  # None: no job has left a checkpoint


def exit_code(others: Others) -> Seen:
    ended = others.broken
    said = "garbage in its channels and a model directory that cannot be written"
    if ended.code == 0:
        return failed(f"{said}, and still exit code 0: SageMaker calls that Completed")
    if ended.code is None:
        return warned(f"{said}: it still ran after {ended.seconds:.0f} s")
    return passed(f"{said}: exit code {ended.code}")


def failure_file(others: Others) -> Seen:
    ended = others.broken
    if not ended.code:
        return skipped("no job failed (T-33)")
    if not ended.failure.strip():
        return warned(
            f"a job that failed left no /opt/ml/output/failure: its owner reads only `exit code {ended.code}`"
        )
    first = ended.failure.strip().splitlines()[0]
    if first.startswith("Traceback"):
        return warned(
            f"the failure file begins with a traceback; its first {limits.FAILURE_REASON_CHARS} characters "
            "are all that is shown"
        )
    return passed(f"a failed job says: {first[:100]!r}")


def empty_channel(others: Others) -> Seen:
    ended = others.empty
    if ended.code == 0:
        return passed("empty channels: the job ends with exit code 0")
    reason = ended.failure.strip().splitlines()
    said = reason[0] if reason else ""
    if re.search(
        r"empty|no .*\b(files?|data|rows?|csv|examples?|objects?)\b|channel|input/data|nothing", said, re.IGNORECASE
    ):
        return passed(f"empty channels: {said[:120]!r}")
    if not said:
        return warned(f"empty channels end the job with exit code {ended.code}, and no failure file says why")
    return warned(f"empty channels end the job with {said[:120]!r}, which does not say that they are empty")


def stops(others: Others) -> Seen:
    ended, usual = others.stopped, others.usual
    if usual.hears is False:
        return failed("its PID 1 never catches SIGTERM, which then does nothing: a stopped job is killed after 120 s")
    if ended is None:
        said = "its PID 1 catches SIGTERM, but " if usual.hears else ""
        return skipped(f"{said}a job of {usual.seconds:.1f} s is over before it can be stopped")
    after = ended.seconds - (ended.signalled_at or 0.0)
    if ended.code is None:
        return failed(f"it still ran {after:.0f} s after SIGTERM")
    if ended.code == 0 and after > 0.8 * usual.seconds:
        return warned(f"it ended {after:.1f} s after SIGTERM, no sooner than without, with exit code 0")
    return passed(f"it ended {after:.1f} s after SIGTERM, with exit code {ended.code}")


def goes_on(others: Others) -> Seen:
    """T-39: a spot instance is taken away, and the job begun again on another."""
    ended, usual = others.resumed, others.usual
    if ended is None:
        return skipped("it leaves no checkpoints in /opt/ml/checkpoints")
    interrupted = others.stopped is not None and others.stopped.checkpoints
    said = f"with the checkpoints of a job that was {'stopped' if interrupted else 'done'}, "
    if ended.code is None:
        return failed(f"{said}it still ran after {ended.seconds:.0f} s")
    if not ended.good:
        why = (ended.failure.strip() or tail(ended.log))[:200]
        return failed(said + (f"it ends with exit code {ended.code}: {why}" if ended.code else "it leaves no model"))
    took = f"{ended.seconds:.1f} s, where one without takes {usual.seconds:.1f} s"
    if ended.went_on is False:
        return warned(f"{said}it reads none of them, and takes {took}: it begins anew")
    if ended.went_on is None:
        return passed(f"{said}it ends well, after {took}; whether it read them cannot be seen here")
    return passed(f"{said}it reads them, and ends well after {took}")


OTHERS = (
    Check("T-33", "a failed job's exit code", exit_code),
    Check("T-32", "a failed job's reason", failure_file),
    Check("T-13", "empty channels", empty_channel),
    Check("T-35", "stops on SIGTERM", stops),
    Check("T-39", "goes on from its checkpoints", goes_on),
)


def others(court: Court, base: Plain) -> Iterator[Verdict]:
    usual = base.ended
    patience = usual.seconds * 3 + 30
    hollow, garbage = court.workspace("hollow"), court.workspace("garbage-channels")
    channels = court.subject.channels
    for name, source in channels.items():
        (hollow / name).mkdir()
        (garbage / name).mkdir()
        for file in (path for path in (source.rglob("*") if source.is_dir() else [source]) if path.is_file()):
            noise = random.Random(7).randbytes(4096)  # noqa: S311  any bytes will do
            (garbage / name / file.name).write_bytes(noise)
    broken = Job("broken", base.hyperparameters, channels=_below(garbage, channels), writable_model=False)
    empty = Job("empty", base.hyperparameters, channels=_below(hollow, channels))
    stopped = Job("stopped", base.hyperparameters)
    with ThreadPoolExecutor(3) as pool:
        futures: list[Future[Ended]] = [pool.submit(run, court, job, None, patience) for job in (broken, empty)]
        if usual.seconds >= LONG and usual.hears is not False:
            futures.append(pool.submit(_stop, court, stopped, usual.seconds))
        ended = [future.result() for future in futures]
    at_stop = ended[2] if len(ended) > 2 else None  # noqa: PLR2004
    left = next((one for one in (at_stop, usual) if one and one.checkpoints), None)
    resumed = None
    if left and court.wanted("T-39"):
        again = Job("again", base.hyperparameters, checkpoints=left.base / "checkpoints")
        resumed = run(court, again, patience=patience)
    yield from run_all(OTHERS, Others(ended[0], ended[1], at_stop, usual, resumed), court.wanted)


def _below(folder: Path, names: Mapping[str, Path]) -> Mapping[str, Path]:
    return {name: folder / name for name in names}


def _stop(court: Court, job: Job, usual: float) -> Ended:
    return run(court, job, stop_after=usual / 2, patience=STOP_PATIENCE)


def judge(court: Court, base: Plain) -> Iterator[Verdict]:
    if not base.ended.good:
        yield from skip_all(
            (*OTHERS, *channels.CHECKS, *hosts.CHECKS, *twists.TWISTED),
            "the plain job already fails (C-01, T-30)",
            court.wanted,
        )
        return
    if any(court.wanted(check.id) for check in OTHERS):
        yield from others(court, base)
    yield from channels.judge(court, base.ended, base.hyperparameters)
    yield from hosts.judge(court, base.ended, base.hyperparameters)
    yield from twists.twisted(court, base)
