"""The plain training job (section 2): it ends well, and its artifact is what all else is compared with."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from local_test.verify import causes
from local_test.verify.checks.check import Check
from local_test.verify.job import Ended, Job, run
from local_test.verify.server import tail
from local_test.verify.subject import Court
from local_test.verify.verdict import Seen, failed, passed, skipped, warned

LONG = 1.5  # seconds: of a shorter job neither a stop nor a buffered log can be told
LINES = 3
READ = (
    "Read what is quoted, and the whole log by `docker run`; give the judge the channels and hyperparameters it takes."
)
LATE = 0.1  # of the job's time
# What the platform takes out of /opt/ml, or lays there itself; the debugger's and TensorBoard's are settings of a job.
TAKEN = ("model", "checkpoints", "input", "code", "output/data", "output/failure", "output/success")
TAKEN_TOO = ("output/intermediate", "output/metrics", "output/profiler", "output/tensors", "output/tensorboard")
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
NAMED_NUMBER = re.compile(rf"\b([A-Za-z][\w:.-]*)(\s*[=:]\s*)({NUMBER})\b")


@dataclass(frozen=True)
class Plain:
    """The plain job, and the hyperparameters it ran with in the end."""

    ended: Ended
    typed: bool  # only with JSON's numbers (T-01)
    hyperparameters: Mapping[str, object]
    metrics: Mapping[str, str]  # name -> regular expression (T-40)


def runs(plain: Plain) -> Seen:
    ended = plain.ended
    if ended.code is None:
        return failed(f"`train` still ran after {ended.seconds:.0f} s")
    if ended.code:
        why = ended.failure.strip() or tail(ended.log)
        text = f"`train` ended with exit code {ended.code} after {ended.seconds:.1f} s: {why[:300]}"
        return failed(text, causes.mend(ended.log) or READ)
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


def other_output(plain: Plain) -> Seen:
    base = plain.ended.base
    files = [path.relative_to(base) for path in base.rglob("*") if not path.is_dir()]
    lost = sorted(path for path in files if not any(path.is_relative_to(one) for one in (*TAKEN, *TAKEN_TOO)))
    if lost:
        return warned(f"{len(lost)} file(s) that nobody takes out of the container, /opt/ml/{lost[0]} among them")
    count = sum(path.is_relative_to("output/data") for path in files)
    return passed(f"{count} file(s) in /opt/ml/output/data") if count else skipped("it writes nothing but its model")


def metrics(plain: Plain) -> Seen:
    """T-40: the platform searches each line of the log."""
    lines = plain.ended.log.splitlines()
    if not plain.metrics:
        all_named = [match for line in lines if (match := NAMED_NUMBER.search(line))]
        found = next((match for match in all_named if "." in match[3]), next(iter(all_named), None))
        example = f", such as '{found[1]}={found[1]}{found[2]}({NUMBER})'" if found else ""
        return skipped(f"give --metric NAME=REGEX{example}")
    seen = []
    for name, text in plain.metrics.items():
        values = [match[1] for line in lines for match in re.finditer(text, line)]
        if not values:
            return failed(f"no line of the log has the metric {name}, by {text!r}")
        wrong = [value for value in values if value is None or not re.fullmatch(NUMBER, value.strip())]
        if wrong:
            return failed(f"the metric {name} is {wrong[0]!r} in a line of the log, which is no number")
        seen.append(f"{name} {len(values)} time(s), at last {values[-1]}")
    return passed("; ".join(seen))


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
    Check("T-31", "other output where it is taken", other_output),
    Check("T-40", "metrics in the log", metrics),
    Check("T-41", "the log is not buffered", unbuffered),
)
OF_AN_END = ("T-30", "T-31", "T-40")  # of a job that has failed they say nothing


def plain(court: Court) -> Plain:
    """Raises NotStarted. A job that fails is tried with JSON's numbers before it is given up."""
    given = court.subject.hyperparameters
    ended = run(court, Job("plain"))
    numbers = {name: number(value) for name, value in given.items()}
    if not ended.good and numbers != given:
        typed = run(court, Job("typed", hyperparameters=numbers))
        if typed.good:
            return Plain(typed, True, numbers, court.subject.metrics)
    return Plain(ended, False, given, court.subject.metrics)


def number(text: str) -> object:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
