"""Channels in Pipe mode: FIFOs instead of folders (T-10, T-11)."""

from collections.abc import Iterator, Mapping, Sequence

from local_test.verify.checks.check import Check
from local_test.verify.job import LATE, Ended, Job, run
from local_test.verify.server import tail
from local_test.verify.subject import Court
from local_test.verify.verdict import Seen, Status, Verdict, failed, passed, skipped

PATIENCE = 20.0  # seconds beyond twice its usual time: who looks for a folder may look for long
PIPE: Check[Seen] = Check("T-10", "FIFOs, one an epoch", lambda seen: seen)
MIXED: Check[Seen] = Check("T-11", "FIFOs beside folders", lambda seen: seen)
CHECKS = (PIPE, MIXED)


def judge(court: Court, usual: Ended, hyperparameters: Mapping[str, object]) -> Iterator[Verdict]:
    """Who reads no FIFOs is at fault only where its user says that it does: no outside tells whether it should."""
    channels, asked = tuple(court.subject.channels), court.subject.pipes
    if not any(court.wanted(check.id) for check in CHECKS):
        return
    patience = 2 * usual.seconds + PATIENCE

    def see(name: str, pipes: Sequence[str]) -> Seen:
        return _seen(run(court, Job(name, hyperparameters, pipes=pipes), patience=patience), bool(asked))

    first = see("pipe", asked or channels)
    if court.wanted(PIPE.id):
        yield PIPE.run(first)
    if not court.wanted(MIXED.id):
        return
    if len(channels) == 1:
        yield MIXED.say(skipped("it takes two channels: give a second --channel"))
    elif asked and len(asked) < len(channels):
        yield MIXED.run(first)
    elif first.status is not Status.PASS:
        yield MIXED.say(skipped("no FIFO is read (T-10)"))
    else:
        yield MIXED.run(see("mixed", channels[:1]))


def _seen(ended: Ended, is_asked: bool) -> Seen:
    unread = [name for name, epochs in ended.epochs.items() if not epochs]
    epochs = ", ".join(f"{name}: {count} epoch(s)" for name, count in ended.epochs.items())
    if ended.good and not unread:
        return passed(f"read from FIFOs, each but the first {LATE} s late: {epochs}")
    if ended.good:
        said = f"it ends with exit code 0, and never opened the FIFO of {', '.join(unread)}"
    elif ended.code is None:
        said = f"with FIFOs ({epochs}) it still ran after {ended.seconds:.0f} s"
    elif ended.code == 0:
        said = f"with FIFOs ({epochs}) it leaves no model"
    else:
        why = (ended.failure.strip() or tail(ended.log))[:200]
        said = f"with FIFOs ({epochs}) it ends with exit code {ended.code}: {why}"
    return failed(said) if is_asked else skipped("it reads no FIFOs; if it should, give --pipe CHANNEL to hear why not")
