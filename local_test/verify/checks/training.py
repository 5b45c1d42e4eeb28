"""Training (section 2): one plain job, and then the same under what SageMaker may add to it."""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from local_test.verify.checks.check import Check, run_all, skip_all
from local_test.verify.job import Ended, Job, run
from local_test.verify.server import tail
from local_test.verify.subject import Court
from local_test.verify.verdict import Seen, Verdict, failed, passed, skipped, warned
from tiffin import limits

LONG = 1.5  # seconds: of a shorter job neither a stop nor a buffered log can be told
LATER = 4.0  # seconds more than its usual time that a stopped job is waited for
STOP_PATIENCE = 30.0  # of the 120 s that a job may take to leave (T-35)
LINES = 3
LATE = 0.1  # of the job's time


@dataclass(frozen=True)
class Plain:
    """The plain job, and the hyperparameters it ran with in the end."""

    ended: Ended
    typed: bool  # only with JSON's numbers (T-01)
    hyperparameters: Mapping[str, object]


def runs(plain: Plain) -> Seen:
    ended = plain.ended
    if ended.code is None:
        return failed(f"`train` still ran after {ended.seconds:.0f} s")
    if ended.code:
        why = ended.failure.strip() or tail(ended.log)
        return failed(f"`train` ended with exit code {ended.code} after {ended.seconds:.1f} s: {why[:300]}")
    return passed(f"`train` ended with exit code 0 after {ended.seconds:.1f} s")


def strings(plain: Plain) -> Seen:
    if plain.typed:
        return failed("the job fails with hyperparameters as strings, as SageMaker gives them, and runs with numbers")
    return passed("hyperparameters are read as strings")


def leaves_a_model(plain: Plain) -> Seen:
    model = plain.ended.model
    if not model:
        return failed("exit code 0, and nothing in /opt/ml/model: there is no artifact")
    if links := [path for path in model if path.is_symlink()]:
        return failed(f"{links[0].name} is a symbolic link: hosting refuses such a model.tar.gz (H-19)")
    total = sum(path.stat().st_size for path in model)
    return passed(f"{len(model)} file(s) in /opt/ml/model, {total / 1e6:.2f} MB")


def unbuffered(plain: Plain) -> Seen:
    ended = plain.ended
    if ended.seconds < LONG or len(ended.stamps) < LINES:
        return skipped(f"{len(ended.stamps)} line(s) in {ended.seconds:.1f} s are too few to tell")
    times = [_time(stamp) for stamp, _ in ended.stamps]
    if max(times) - min(times) < LATE * ended.seconds:
        return warned(
            f"all {len(times)} lines came within {max(times) - min(times):.2f} s of a job of {ended.seconds:.1f} s: "
            "they wait in a buffer, and a kill loses them"
        )
    return passed(f"{len(times)} lines came as they were written, over {max(times) - min(times):.1f} s")


def _time(stamp: str) -> float:
    cut = re.sub(r"(\.\d{6})\d*Z$", r"\1+00:00", stamp)
    return datetime.fromisoformat(cut).timestamp()


PLAIN = (
    Check("C-01", "`train` runs", runs),
    Check("T-01", "hyperparameters are strings", strings),
    Check("T-30", "leaves a model", leaves_a_model),
    Check("T-41", "the log is not buffered", unbuffered),
)


def plain(court: Court) -> Plain:
    """Raises NotStarted. A job that fails is tried with JSON's numbers before it is given up."""
    given = court.subject.hyperparameters
    ended = run(court, Job("plain"))
    numbers = {name: _number(value) for name, value in given.items()}
    if not ended.good and numbers != given:
        typed = run(court, Job("typed", hyperparameters=numbers))
        if typed.good:
            return Plain(typed, True, numbers)
    return Plain(ended, False, given)


def _number(text: str) -> object:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


# ---- under what SageMaker may add


@dataclass(frozen=True)
class Twist:
    id: str
    job: Job
    is_failure: bool
    said: str


TITLES = {
    "C-10": "a full environment",
    "T-02": "the SDK's JSON-encoded strings",
    "T-05": "newer keys of resourceconfig.json",
    "T-06": "another host name",
    "T-07": "unknown files in input/config",
    "T-09": "FastFile's read-only channels",
    "T-15": "trains without a network",
    "T-23": "the tuner's own hyperparameter",
}


def _twists(base: Plain) -> Sequence[Twist]:
    encoded = {
        k: f'"{v}"' if isinstance(v, str) and isinstance(_number(v), str) else v
        for k, v in base.hyperparameters.items()
    }
    groups = [{"instance_group_name": "all", "instance_type": "ml.m5.large", "hosts": ["algo-1"]}]
    more = {"current_instance_type": "ml.m5.large", "current_group_name": "all", "instance_groups": groups}
    tuner = {**base.hyperparameters, "_tuning_objective_metric": "accuracy"}
    full = {f"OWN_{number:02}": "x" * 500 for number in range(60)}
    twists = [
        Twist("C-10", Job("env", environment=full), True, "60 variables of 500 bytes are borne"),
        Twist("T-05", Job("keys", resources=more), True, "they do not disturb"),
        Twist("T-06", Job("host", host="algo-2", interface="eth1"), True, "algo-2 on eth1 will do"),
        Twist("T-07", Job("file", further_file=True), True, "they do not disturb"),
        Twist("T-09", Job("ro", read_only_channels=True), False, "nothing is written"),
        Twist("T-15", Job("alone", isolated=True), False, "it needs no network"),
        Twist("T-23", Job("tuner", hyperparameters=tuner), False, "it is borne"),
    ]
    if encoded != base.hyperparameters:
        job = Job("encoded", hyperparameters=encoded)
        twists.append(Twist("T-02", job, False, "they are read too"))
    return [replace(twist, job=_typed(twist.job, base)) for twist in twists]


def _typed(job: Job, base: Plain) -> Job:
    return replace(job, hyperparameters=base.hyperparameters) if job.hyperparameters is None else job


def _together(twists: Sequence[Twist]) -> Job:
    job = Job("together")
    for twist in twists:
        changes = {name: value for name, value in vars(twist.job).items() if value != getattr(Job("together"), name)}
        changes.pop("name")
        if job.hyperparameters and "hyperparameters" in changes:
            changes["hyperparameters"] = {**changes["hyperparameters"], **job.hyperparameters}
            changes["hyperparameters"].update(twist.job.hyperparameters or {} if twist.id == "T-02" else {})
        job = replace(job, **changes)
    return job


def twisted(court: Court, base: Plain) -> Iterator[Verdict]:
    """All at once first; each by itself only where that fails."""
    twists = [twist for twist in _twists(base) if court.wanted(twist.id)]
    if not twists:
        return
    if run(court, _together(twists)).good:
        for twist in twists:
            yield _say(twist, passed(twist.said))
        return
    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(lambda twist: _say(twist, _alone(court, twist)), twists)


def _alone(court: Court, twist: Twist) -> Seen:
    ended = run(court, twist.job)
    if ended.good:
        return passed(twist.said)
    why = (ended.failure.strip() or tail(ended.log))[:300]
    said = f"the job then ends with exit code {ended.code}: {why}" if ended.code else "the job then leaves no model"
    return failed(said) if twist.is_failure else warned(said)


def _say(twist: Twist, seen: Seen) -> Verdict:
    return Check(twist.id, TITLES[twist.id], lambda _: seen).say(seen)


# ---- jobs that fail, and jobs that are stopped


@dataclass(frozen=True)
class Others:
    broken: Ended
    empty: Ended
    stopped: Ended | None  # None: the job is too short, or does not hear
    usual: Ended


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


OTHERS = (
    Check("T-33", "a failed job's exit code", exit_code),
    Check("T-32", "a failed job's reason", failure_file),
    Check("T-13", "empty channels", empty_channel),
    Check("T-35", "stops on SIGTERM", stops),
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
    yield from run_all(OTHERS, Others(ended[0], ended[1], ended[2] if len(ended) > 2 else None, usual), court.wanted)  # noqa: PLR2004


def _below(folder: Path, names: Mapping[str, Path]) -> Mapping[str, Path]:
    return {name: folder / name for name in names}


def _stop(court: Court, job: Job, usual: float) -> Ended:
    return run(court, job, stop_after=usual / 2, patience=min(STOP_PATIENCE, usual + LATER))


def judge(court: Court, base: Plain) -> Iterator[Verdict]:
    if not base.ended.good:
        yield from skip_all((*OTHERS, *TWISTED), "the plain job already fails (C-01, T-30)", court.wanted)
        return
    if any(court.wanted(check.id) for check in OTHERS):
        yield from others(court, base)
    yield from twisted(court, base)


TWISTED = tuple(Check(identity, title, skipped) for identity, title in TITLES.items())
