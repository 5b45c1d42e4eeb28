"""The plots: bars of requests/s, and how cost grows. Always with logarithmic axes, since peers lie far apart."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.figures import Figure, shown
from bench.peers import OURS, PEERS
from bench.session import Outcome

OWN, OTHER, LIMIT = "#c2410c", "#64748b", "#0f766e"
# told apart in grey and by the colour-blind too: each has a mark of its own
SHADES = ("#64748b", "#2563eb", "#7c3aed", "#0891b2", "#a16207", "#be185d", "#4d7c0f", "#334155", "#9333ea")
STYLES = {"tiffin-sklearn": "--", "tiffin-numpy": ":", "nginx": "--"}
MARKS = "sv^D<>pPX*"
GROWTH = {
    "rows": ("rows in a request", "rows/s, one connection"),
    "connections": ("connections", "requests/s, one row each"),
    "columns": ("columns, of a linear model", "rows/s, one connection, 100 rows each"),
    "workers": ("workers (server on both cores, the load on one of them)", "rows/s, 1,000-row requests"),
}


def draw(folder: Path, outcome: Outcome) -> list[str]:
    """PNG files into `folder`; returns what the page says of each."""
    import matplotlib as mpl

    mpl.use("Agg")
    said = []
    if any("single" in figures for figures in outcome.results.values()):
        _bars(folder / "requests.png", outcome, "single", "1 row a request, 32 connections: requests/s")
        said.append("## Requests per second\n\n![bars of requests per second, logarithmic](requests.png)")
    for grows, curves in outcome.growth.items():
        across, up = GROWTH[grows]
        _curves(folder / f"{grows}.png", curves, across, up)
        image = f"![{up} by {across}]({grows}.png)"
        note = "One round. Where a line ends early, requests failed."
        said.append(f"## How cost grows: {across}\n\n{image}\n\n{note}")
    return said


def _colour(name: str, others: Sequence[str]) -> str:
    if name in OURS:
        return OWN
    return LIMIT if PEERS[name].is_limit else SHADES[others.index(name) % len(SHADES)]


def _bars(file: Path, outcome: Outcome, workload: str, title: str) -> None:
    figures = {name: Figure.of(found.get(workload, ())) for name, found in outcome.results.items()}
    known = sorted(((f.median, name) for name, f in figures.items() if f), reverse=False)
    figure, axes = _axes(1.2 + 0.42 * len(known))
    names = [name for _, name in known]
    colours = [OWN if n in OURS else LIMIT if PEERS[n].is_limit else OTHER for n in names]
    bars = axes.barh(names, [value for value, _ in known], color=colours, height=0.7)
    axes.bar_label(bars, [shown(value) for value, _ in known], padding=4)
    axes.set_xscale("log")
    axes.set_xlim(left=10 ** math.floor(math.log10(known[0][0]) - 0.3) if known else None)
    axes.margins(x=0.15)
    axes.set_title(title, loc="left")
    axes.grid(axis="x", alpha=0.3)
    axes.grid(axis="y", visible=False)
    _save(figure, file)


def _curves(file: Path, curves: dict[str, dict[int, float | None]], across: str, up: str) -> None:
    figure, axes = _axes(5.2)
    others = [name for name in curves if name not in OURS and not PEERS[name].is_limit]
    points: list[int] = []
    for name, curve in curves.items():
        known = [(x, y) for x, y in curve.items() if y]
        if not known:
            continue
        points = sorted({*points, *curve})
        own = name in OURS
        axes.plot(
            *zip(*known, strict=True),
            color=_colour(name, others),
            marker="o" if own or name not in others else MARKS[others.index(name) % len(MARKS)],
            linestyle=STYLES.get(name, "-"),
            linewidth=2.4 if own else 1.3,
            markersize=5,
            label=name,
            zorder=3 if own else 2,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(points, [f"{point:,}" for point in points])
    axes.minorticks_off()
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(alpha=0.3)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, handlelength=3.5)
    _save(figure, file)


def _axes(height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure as Canvas

    figure = Canvas(figsize=(9, height), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure: Any, file: Path) -> None:
    figure.savefig(file, metadata={"Software": None})
