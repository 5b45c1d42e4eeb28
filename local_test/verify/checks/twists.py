"""The same training job under what SageMaker may add to it (section 2)."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from local_test.verify.checks.check import Check
from local_test.verify.checks.plain import Plain, number
from local_test.verify.job import Job, run
from local_test.verify.server import tail
from local_test.verify.subject import Court
from local_test.verify.verdict import Seen, Verdict, failed, passed, skipped, warned


@dataclass(frozen=True)
class Twist:
    id: str
    job: Job
    is_failure: bool
    said: str


TITLES = {
    "C-10": "a full environment",
    "T-02": "the SDK's JSON-encoded strings",
    "T-03": "content types and sharding in inputdataconfig.json",
    "T-05": "newer keys of resourceconfig.json",
    "T-06": "another host name",
    "T-07": "unknown files in input/config",
    "T-09": "FastFile's read-only channels",
    "T-15": "trains without a network",
    "T-23": "the tuner's own hyperparameter",
}


def _twists(base: Plain) -> Sequence[Twist]:
    encoded = {
        k: f'"{v}"' if isinstance(v, str) and isinstance(number(v), str) else v for k, v in base.hyperparameters.items()
    }
    groups = [{"instance_group_name": "all", "instance_type": "ml.m5.large", "hosts": ["algo-1"]}]
    more = {"current_instance_type": "ml.m5.large", "current_group_name": "all", "instance_groups": groups}
    tuner = {**base.hyperparameters, "_tuning_objective_metric": "accuracy"}
    full = {f"OWN_{number:02}": "x" * 500 for number in range(60)}
    twists = [
        Twist("C-10", Job("env", environment=full), True, "60 variables of 500 bytes are borne"),
        Twist("T-03", Job("told", told=True), True, "they are borne"),
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


TWISTED = tuple(Check(identity, title, skipped) for identity, title in TITLES.items())
