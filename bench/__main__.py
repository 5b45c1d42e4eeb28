"""`make bench`: Tiffin and its peers side by side in one run, as ratios, with plots."""

import argparse
import json
import resource
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from bench import report
from bench.peers import OURS, PEERS
from bench.prepare import NotPrepared
from bench.session import Outcome, Session, stay_on_the_loads_core
from bench.workloads import GROWTH, TABLE, shuffled

ROUNDS, SECONDS = 3, 5.0
QUICK_ROUNDS, QUICK_SECONDS = 1, 1.0
FIGURES = "figures.json"


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    if given.report_only:
        outcome = Outcome(**json.loads((given.out / FIGURES).read_text()))
        report.write(given.out, _with_numbers(outcome))
        return 0
    outcome = Outcome(
        QUICK_ROUNDS if given.quick else ROUNDS, given.seconds or (QUICK_SECONDS if given.quick else SECONDS)
    )
    if given.keep and set(given.workloads) & set(TABLE):
        sys.stderr.write(f"bench: --keep is for curves alone: --workloads {','.join(GROWTH)}\n")
        return 2
    session = Session(given.work, outcome, _say)
    try:
        _raise_file_limit()
        stay_on_the_loads_core()
        names = session.prepare(given.peers)
        for number in range(outcome.rounds):
            _say(f"round {number + 1} of {outcome.rounds}")
            session.round(shuffled(names, number), [w for w in given.workloads if w in TABLE])
        session.grow(names, [w for w in given.workloads if w in GROWTH])
    except NotPrepared as error:
        sys.stderr.write(f"bench: {error}\n")
        return 1
    if given.keep:
        outcome = _with_curves(_with_numbers(Outcome(**json.loads((given.out / FIGURES).read_text()))), outcome)
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / FIGURES).write_text(json.dumps(asdict(outcome), indent=1) + "\n")
    report.write(given.out, outcome)
    _say(f"wrote {given.out / 'README.md'}")
    return 0 if any(name in names for name in OURS) or not set(OURS) & set(given.peers) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    everything = [*TABLE, *GROWTH]
    parser.add_argument("--peers", type=_some(list(PEERS)), default=list(PEERS), help=f"of {','.join(PEERS)}")
    parser.add_argument("--workloads", type=_some(everything), default=everything, help=f"of {','.join(everything)}")
    parser.add_argument("--quick", action="store_true", help="one round of one second: does it work?")
    parser.add_argument("--seconds", type=float, help=f"of load for each figure (default: {SECONDS:g})")
    parser.add_argument("--out", type=Path, default=Path("docs/bench"))
    parser.add_argument("--work", type=Path, default=Path(".tiffin/bench"), help="environments and the tree")
    parser.add_argument("--keep", action="store_true", help=f"keep OUT/{FIGURES}, and renew only this run's curves")
    parser.add_argument("--report-only", action="store_true", help=f"tables and plots anew from OUT/{FIGURES}")
    return parser


def _some(known: list[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = [name.strip() for name in text.split(",") if name.strip()]
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
        return names

    return parse


def _with_curves(kept: Outcome, outcome: Outcome) -> Outcome:
    """Each of the curves' plots is of one run; the figures are those of another."""
    kept.growth |= outcome.growth
    return kept


def _with_numbers(outcome: Outcome) -> Outcome:
    """JSON has made text of the curves' numbers."""
    for curves in outcome.growth.values():
        for name, curve in curves.items():
            curves[name] = {int(key): value for key, value in curve.items()}
    return outcome


def _raise_file_limit() -> None:
    """A thousand connections, on both sides."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
