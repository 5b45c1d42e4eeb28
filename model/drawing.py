"""The report's pictures, as matplotlib figures that need no display."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.colors import is_color_like, to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from model.trees import LEAF, Trees

# Of each basic colour word, a colour that people agree on. A label that is none of them is drawn in the fallback.
_SWATCHES = {
    "black": "#111111",
    "white": "#fafafa",
    "gray": "#8c8c8c",
    "red": "#d62828",
    "orange": "#f48c06",
    "yellow": "#ffd60a",
    "green": "#2d9a3e",
    "blue": "#1f6fd6",
    "violet": "#8338ec",
    "brown": "#7f4f24",
}
_FALLBACK = "#c9b8d8"
_MANY_LEAVES = 60
_MOST_LEAVES, _MOST_LEVELS = 250, 60  # beyond, a drawing is unreadable, and soon larger than matplotlib can make


def swatch_of(label: str) -> str:
    """`#rrggbb`: not every word that matplotlib takes for a colour is one to a browser."""
    word = label.lower()
    return _SWATCHES.get(word) or (to_hex(word) if is_color_like(word) and word != "none" else _FALLBACK)


def _text(label: str) -> str:
    """As it is drawn: no longer than a picture stands, and a `$` begins no formula."""
    return (label if len(label) <= 24 else label[:23] + "…").replace("$", r"\$")  # noqa: PLR2004


def label_counts(training: Mapping[str, int], held_out: Mapping[str, Mapping[str, int]]) -> Figure:
    """Bars of each label: its rows in training, and beside them in each evaluation."""
    labels = sorted({*training, *(label for counts in held_out.values() for label in counts)})
    series = {"training": training, **{k: v for k, v in held_out.items() if k != "train"}}
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(series)
    for index, (name, counts) in enumerate(series.items()):
        places = np.arange(len(labels)) + (index - (len(series) - 1) / 2) * width
        heights = [counts.get(label, 0) for label in labels]
        bars = axes.bar(
            places,
            heights,
            width,
            color=[swatch_of(label) for label in labels],
            edgecolor="#555555",
            linewidth=0.6,
        )
        for bar in bars:
            bar.set_hatch("" if index == 0 else "//")
        axes.bar_label(bars, fontsize=8, color="#444444")
        axes.bar([0], [0], color="#ffffff", edgecolor="#555555", hatch="" if index == 0 else "//", label=name)
    axes.set_xticks(np.arange(len(labels)), [_text(label) for label in labels])
    axes.set_ylabel("rows")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def confusion_matrix(matrix: Any, labels: Sequence[str]) -> Figure:
    """(n, n) counts, actual by predicted; the shade is the share of the row, so that rare labels show too."""
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(7.5, 6.6), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.argwhere(matrix > 0):
        dark = shares[row, column] > 0.5  # noqa: PLR2004
        axes.text(
            column,
            row,
            str(matrix[row, column]),
            ha="center",
            va="center",
            fontsize=9,
            color="white" if dark else "black",
        )
    ticks, drawn = np.arange(len(labels)), [_text(label) for label in labels]
    axes.set_xticks(ticks, drawn, rotation=45, ha="right")
    axes.set_yticks(ticks, drawn)
    axes.set_xlabel("called")
    axes.set_ylabel("is")
    return figure


def mistakes(rows: Sequence[Mapping[str, str]], across: int = 12) -> Figure:
    """A swatch of each colour that was called by another label."""
    down = max(1, -(-len(rows) // across))
    figure = Figure(figsize=(across * 0.95, down * 0.95 + 0.2), layout="constrained")
    axes = figure.subplots()
    axes.set_xlim(0, across)
    axes.set_ylim(down, 0)
    axes.set_axis_off()
    for index, row in enumerate(rows):
        y, x = divmod(index, across)
        axes.add_patch(Rectangle((x + 0.05, y + 0.05), 0.9, 0.6, facecolor=row["hex"], edgecolor="#888888"))
        axes.text(x + 0.5, y + 0.76, _text(row["label"]), ha="center", va="center", fontsize=6.5)
        axes.text(
            x + 0.5,
            y + 0.92,
            f"→ {_text(row['predicted'])}",
            ha="center",
            va="center",
            fontsize=6.5,
            color="#b00020",
        )
    if not rows:
        axes.text(0.1, 0.5, "no mistakes")
    return figure


def tree(nodes: Trees, features: Sequence[str], labels: Sequence[str]) -> Figure | None:
    """A decision tree with its leaves in their colours; None for no single tree, or one too large to draw."""
    if not nodes.is_single:
        return None
    x, y = _places(nodes)
    leaves = int(x.max()) + 1
    if leaves > _MOST_LEAVES or y.max() > _MOST_LEVELS:
        return None
    figure = Figure(figsize=(max(7.0, leaves * 0.42), 1.6 + 0.85 * (y.max() + 1)), layout="constrained")
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set_xlim(-0.8, leaves - 0.2)
    axes.set_ylim(y.max() + 0.9, -0.5)
    size = 7.0 if leaves <= _MANY_LEAVES else 5.0
    for node, feature in enumerate(nodes.feature.tolist()):
        if feature == LEAF:
            label, rows = labels[int(nodes.shares[node].argmax())], int(nodes.rows[node])
            style: dict[str, Any] = {"edgecolor": "#555555", "linewidth": 0.6, "zorder": 2}
            axes.add_patch(Rectangle((x[node] - 0.4, y[node] - 0.1), 0.8, 0.32, facecolor=swatch_of(label), **style))
            axes.text(x[node], y[node] + 0.36, _text(label), ha="center", va="center", fontsize=size)
            axes.text(x[node], y[node] + 0.58, str(rows), ha="center", va="center", fontsize=size - 1, color="#666666")
            continue
        for child in (nodes.left[node], nodes.right[node]):
            axes.plot(
                [x[node], x[child], x[child]],
                [y[node], y[node], y[child]],
                color="#999999",
                linewidth=0.8,
                zorder=1,
            )
        question = f"{features[feature]} ≤ {nodes.threshold[node]:.1f}"
        box = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": "#999999", "linewidth": 0.6}
        axes.text(x[node], y[node], question, ha="center", va="center", fontsize=size, bbox=box, zorder=2)
    axes.set_title("left: yes, right: no; under each leaf its training rows", fontsize=8, color="#666666")
    return figure


def _places(nodes: Trees) -> tuple[Any, Any]:
    """Leaves side by side in order, each node above the middle of its own; y is the depth."""
    x, y = np.zeros(len(nodes.feature)), np.zeros(len(nodes.feature))
    leaf = 0
    stack = [(0, 0, False)]
    while stack:
        node, depth, children_placed = stack.pop()
        left, right = int(nodes.left[node]), int(nodes.right[node])
        y[node] = depth
        if nodes.feature[node] == LEAF:
            x[node] = leaf
            leaf += 1
        elif children_placed:
            x[node] = (x[left] + x[right]) / 2
        else:
            stack += [(node, depth, True), (right, depth + 1, False), (left, depth + 1, False)]
    return x, y
