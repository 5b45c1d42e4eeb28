"""docs/bench/README.md: absolute figures, ratios, floors, and the plots."""

from collections.abc import Sequence
from pathlib import Path

from bench import plots
from bench.figures import Figure, Floor, best, ratio, shown
from bench.peers import OURS, PEERS
from bench.session import Outcome
from bench.workloads import TABLE

NOT_BETTER = 1.3  # what a peer may differ by from minute to minute, and a little more
FLOORS = (
    Floor("tiffin", "single", 100, "aws"),
    Floor("tiffin", "single", 0.75, "nginx"),
    Floor("tiffin-sklearn", "single", 50, "aws"),
    Floor("tiffin-sklearn", "single", 20, None),
    Floor("tiffin-r", "single", 5, "plumber"),
    Floor("tiffin", "p50", 1.25, "nginx", at_least=False),
    Floor("tiffin", "thousand", 10, "aws"),
    Floor("tiffin", "thousand", 5, None),
    Floor("tiffin", "six-megabytes", 4, "aws"),
    Floor("tiffin", "six-megabytes", 2, None),
    Floor("tiffin", "start", 0.4, "aws", at_least=False),
    Floor("tiffin", "memory", 0.35, "aws", at_least=False),
    Floor("tiffin", "unique-heads", 0.5, "tiffin", against_workload="single"),
    Floor("tiffin", "slow-readers", 0.9, "tiffin", against_workload="single"),
    Floor("tiffin", "slow-writers", 0.9, "tiffin", against_workload="single"),
)


def write(folder: Path, outcome: Outcome) -> None:
    drawn = plots.draw(folder, outcome)
    (folder / "README.md").write_text("\n\n".join([*_parts(outcome), *drawn]) + "\n", encoding="utf-8")


def _parts(outcome: Outcome) -> list[str]:
    names = [name for name in PEERS if name in outcome.results]
    parts = [_head(outcome), "## Figures", absolute(outcome, names)]
    for against in ("aws", "nginx"):
        if against in names:
            parts += [f"## Ratios to `{against}`", ratios(outcome, names, against)]
    if set(OURS) & set(names):
        parts += ["## Floors", floors(outcome, names)]
    return [*parts, "## Peers", _peers(outcome, names)]


def _head(outcome: Outcome) -> str:
    rounds = "one round" if outcome.rounds == 1 else f"{outcome.rounds} interleaved rounds"
    lines = [
        "# Tiffin and its peers, side by side in one run",
        f"Made by `make bench`; do not edit. Each figure is the median of {rounds} with "
        f"{outcome.seconds:g} s of load; ± is half of what lies between the rounds. The server is pinned to one core "
        "and has one worker unless said otherwise; the load, wrk or a Python client, is pinned to the other. All "
        "serve the same seeded decision tree on CIELAB, rows of R,G,B in and labels out; each peer's answers on 500 "
        "rows were compared with Tiffin's before anything was measured. Absolute figures belong to the machine; the "
        f"ratios travel. A win under {NOT_BETTER}× is none.",
        "\n".join(f"- {line}" for line in outcome.machine),
    ]
    return "\n\n".join(lines)


def absolute(outcome: Outcome, names: Sequence[str]) -> str:
    used = [w for w in TABLE if any(w in outcome.results[name] for name in names)]
    rows = [["", *[f"{TABLE[w].title}, {TABLE[w].unit}" for w in used]]]
    for name in names:
        rows.append([f"`{name}`", *[_cell(Figure.of(outcome.results[name].get(w, ()))) for w in used]])
    return table(rows)


def ratios(outcome: Outcome, names: Sequence[str], against: str) -> str:
    """How many times the figure of `against`; below 1 is better where less is."""
    theirs = outcome.results[against]
    used = [w for w in TABLE if Figure.of(theirs.get(w, ()))]
    better = {True: "more is better", False: "less is better"}
    rows = [["", *[f"{TABLE[w].title} ({better[TABLE[w].at_least]})" for w in used]]]
    for name in names:
        if name != against:
            own = [ratio(outcome.results[name].get(w, ()), theirs[w]) for w in used]
            rows.append([f"`{name}`", *[_cell(figure, "×") for figure in own]])
    return table(rows)


def floors(outcome: Outcome, names: Sequence[str]) -> str:
    others = [name for name in names if name not in OURS and not PEERS[name].is_limit]
    rows = [["", "of", "floor", "against", "reached", ""]]
    for floor in FLOORS:
        against = floor.against or best(outcome.results, floor.workload, others, floor.at_least)
        own, theirs = (outcome.results.get(name or "", {}) for name in (floor.peer, against))
        found = ratio(own.get(floor.workload, ()), theirs.get(floor.against_workload or floor.workload, ()))
        verdict = "not measured"
        if found:
            held = found.median >= floor.ratio if floor.at_least else found.median <= floor.ratio
            verdict = "yes" if held else "**no**"
        rows.append(
            [
                TABLE[floor.workload].title,
                f"`{floor.peer}`",
                f"{'≥' if floor.at_least else '≤'} {floor.ratio:g}×",
                _against(floor, against),
                _cell(found, "×"),
                verdict,
            ]
        )
    return table(rows)


def _against(floor: Floor, name: str | None) -> str:
    if floor.against_workload:
        return f"`{name}`: {TABLE[floor.against_workload].title}"
    if name is None:
        return "the best peer"
    return f"`{name}`" if floor.against else f"`{name}`, the best peer"


def _peers(outcome: Outcome, names: Sequence[str]) -> str:
    rows = [["", "what", "versions", "said"]]
    for name in names:
        peer = PEERS[name]
        rows.append([f"`{name}`", peer.title, ", ".join(outcome.versions.get(name, [])), peer.note])
    text = table(rows)
    if outcome.left_out:
        text += "\n\nLeft out of this run, as they did not install, start or answer alike on this machine:\n\n"
        text += "\n".join(f"- `{name}`: {why}" for name, why in outcome.left_out.items())
    return text


def _cell(figure: Figure | None, unit: str = "") -> str:
    if figure is None:
        return "–"
    spread = f" ±{figure.spread:.0%}" if figure.high > figure.low else ""
    return f"{shown(figure.median)}{unit}{spread}"


def table(rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])
