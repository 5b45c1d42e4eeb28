"""Figures and ratios: the median of interleaved rounds, with its spread. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

Rounds = Sequence[float | None]  # None: a round in which requests failed, or a thing that a peer cannot do
Results = Mapping[str, Mapping[str, Rounds]]  # peer -> workload -> rounds


@dataclass(frozen=True)
class Figure:
    median: float
    low: float
    high: float

    @classmethod
    def of(cls, rounds: Rounds) -> "Figure | None":
        """None when any round failed: a figure of the others would flatter."""
        values = [value for value in rounds if value is not None]
        if not values or len(values) < len(rounds):
            return None
        return cls(median(values), min(values), max(values))

    @property
    def spread(self) -> float:
        """Half of what lies between the rounds, as a share of the median."""
        return (self.high - self.low) / 2 / self.median


@dataclass(frozen=True)
class Floor:
    """`ratio` of ours to theirs to be reached; `against` a peer's name, or None for the best of all peers."""

    peer: str
    workload: str
    ratio: float
    against: str | None
    at_least: bool = True
    against_workload: str | None = None  # None: the same one


def ratio(ours: Rounds, theirs: Rounds) -> Figure | None:
    """Round by round, since the machine's mood is that of the round."""
    if len(ours) != len(theirs):
        return None
    return Figure.of([a / b if a is not None and b else None for a, b in zip(ours, theirs, strict=True)])


def best(results: Results, workload: str, names: Sequence[str], at_least: bool) -> str | None:
    """Which of `names` is the best at it."""
    figures = {name: Figure.of(results.get(name, {}).get(workload, ())) for name in names}
    known = {name: figure.median for name, figure in figures.items() if figure}
    if not known:
        return None
    return (max if at_least else min)(known, key=lambda name: known[name])


def shown(value: float) -> str:
    """Three digits: 0.0587, 12.3, 116,000."""
    if value >= 1000:  # noqa: PLR2004
        digits = len(str(int(value)))
        return f"{round(value, 3 - digits):,.0f}"
    return f"{value:.3g}"
