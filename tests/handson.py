"""A stand-in for the csv of the hands-on, which has no licence and so is not here.

It imitates what was measured on that file, and nothing more: its number of rows and class sizes (but for
rounding 2,808 to 2,800), its share of exact duplicates, light neutrals, where its labels come from.
PRODUCT rows are labelled by a 30-leaf axis-parallel rule in Lab of the bytes taken as LINEAR light; 3 % of
them have a neighbour's label. REFERENCE rows, 213 paints, come first; they are labelled by hue, as people do,
and contradict the rule in more than every third row. The two together are the 5 to 6 % no tree learns.
Scores on it come near the original's; what it cannot tell is anything about real products.
"""

import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model.colour import Floats, to_features

Row = tuple[str, str, int, int, int, str, str]
Labels = npt.NDArray[np.str_]
Rng = np.random.Generator

HEADER = ("NAME", "COL", "R", "G", "B", "LABEL", "SOURCE")
ROWS = 2800
CLASS_SIZES = {
    "gray": 819,
    "yellow": 723,
    "brown": 464,
    "black": 186,
    "white": 185,
    "green": 147,
    "blue": 116,
    "red": 75,
    "orange": 47,
    "violet": 46,
}  # of the original's 2,808
PAINTS = {
    "gray": 38,
    "green": 36,
    "yellow": 30,
    "red": 25,
    "blue": 25,
    "brown": 20,
    "orange": 13,
    "violet": 12,
    "white": 8,
    "black": 6,
}
NOISE = 0.03
COPIES = 0.12  # photos that repeat a colour exactly

Rule = str | tuple[str, float, "Rule", "Rule"]  # feature, threshold, at most it, above it

# a tree fitted once to colour names with the original's habits: beige and cream are yellow, off-white gray
RULE: Rule = (
    "B", 4.5,
    ("A", 3.0,
        ("A", -2.2,
            ("B", -0.8, ("L", 49.9, "black", "blue"), ("L", 41.9, "black", "green")),
            ("L", 59.4, "black",
                ("L", 97.3, ("B", -3.5, ("B", -5.9, "blue", "gray"), "gray"), "white"))),
        ("L", 47.7, ("A", 14.5, "black", "violet"),
            ("B", -1.2,
                ("B", -26.1, ("A", 22.7, "blue", "violet"), "violet"),
                ("A", 8.9, "violet", "red")))),
    ("L", 84.2,
        ("A", -0.5, ("L", 37.3, "black", "green"),
            ("A", 15.1,
                ("L", 42.1, "black", ("B", 6.9, ("A", 1.2, "gray", "brown"), "brown")),
                "red")),
        ("A", -2.0,
            ("A", -4.2, "green", ("B", 13.8, "green", "yellow")),
            ("A", 5.4, ("A", -0.5, ("L", 89.9, "green", "yellow"), "yellow"), "orange"))))  # fmt: skip


def handson_file(path: Path, seed: int = 0) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(handson_rows(seed))
    return path


def handson_rows(seed: int = 0) -> list[Row]:
    rng = np.random.default_rng(seed)
    photos, labels = _products(rng)
    paints, names = _paints(rng)
    sizes = {label: round(size * ROWS / sum(CLASS_SIZES.values())) for label, size in CLASS_SIZES.items()}
    sizes["gray"] += ROWS - sum(sizes.values())
    wanted = {label: size - PAINTS[label] for label, size in sizes.items()}
    kept = np.concatenate([np.flatnonzero(labels == label)[:size] for label, size in wanted.items()])
    rng.shuffle(kept)
    chosen = np.concatenate([np.flatnonzero(names == label)[:size] for label, size in PAINTS.items()])
    return [
        *_rows("paint", paints[chosen], names[chosen], "REFERENCE"),
        *_rows("product", photos[kept], labels[kept], "PRODUCT"),
    ]


def _rows(name: str, rgb: Floats, labels: Labels, source: str) -> list[Row]:
    return [
        (f"{name} {i}", f"#{red:02x}{green:02x}{blue:02x}", red, green, blue, str(label), source)
        for i, ((red, green, blue), label) in enumerate(zip(rgb.astype(int).tolist(), labels, strict=True), 1)
    ]


def _products(rng: Rng) -> tuple[Floats, Labels]:
    """More photos than any class needs: two of each product, in other light, some repeats."""
    rgb = _palette(rng, 30_000).repeat(2, axis=0)
    count = len(rgb)
    rgb = np.rint(np.clip(rgb + rng.normal(0, 18, (count, 1)) + rng.normal(0, 4, (count, 3)), 0, 255))
    again = np.flatnonzero(rng.uniform(size=count) < COPIES)
    rgb[again] = rgb[again - 1]
    lab = to_features(rgb, "lab-linear")
    labels = by_rule(lab)
    right = labels.copy()
    wrong = np.flatnonzero(rng.uniform(size=count) < NOISE)
    for _ in range(60):  # a few colours have no neighbour to be mistaken for: they stay right
        labels[wrong] = by_rule(lab[wrong] + rng.normal(0, 5, (len(wrong), 3)))
        wrong = wrong[labels[wrong] == right[wrong]]
    return rgb, labels


def _paints(rng: Rng) -> tuple[Floats, Labels]:
    count = 24_000
    strong = _from_hsv(rng.uniform(size=count), rng.beta(2.2, 2, count), rng.beta(3, 2.5, count))
    rgb = rng.permutation(np.rint(np.vstack([strong, _palette(rng, count // 4)])))
    return rgb, by_hue(rgb)


def _palette(rng: Rng, count: int) -> Floats:
    """Neutrals, cream and wood, browns, blacks, and every hue, in product catalogue proportions."""
    kind = rng.choice(5, count, p=[0.33, 0.27, 0.14, 0.06, 0.20])
    any_hue = rng.uniform(size=count)
    hues = [any_hue, rng.normal(0.1, 0.022, count) % 1, rng.normal(0.07, 0.02, count) % 1, any_hue, any_hue]
    saturations = [rng.beta(a, b, count) for a, b in [(1.2, 14), (2.2, 6), (4, 4), (1.5, 6), (3, 2.5)]]
    values = [rng.beta(a, b, count) for a, b in [(4, 1.6), (7, 1.8), (3, 3.5), (1.3, 10), (4, 2.5)]]
    return _from_hsv(np.choose(kind, hues), np.choose(kind, saturations), np.choose(kind, values))


def _from_hsv(hue: Floats, saturation: Floats, value: Floats) -> Floats:
    k = (np.array([5, 3, 1]) + 6 * hue[:, None]) % 6
    rgb: Floats = 255 * value[:, None] * (1 - saturation[:, None] * np.clip(np.minimum(k, 4 - k), 0, 1))
    return rgb


def by_rule(lab_linear: Floats, rule: Rule = RULE) -> Labels:
    if isinstance(rule, str):
        return np.full(len(lab_linear), rule, dtype="<U6")
    feature, threshold, low, high = rule
    below = lab_linear[:, "LAB".index(feature)] <= threshold
    return np.where(below, by_rule(lab_linear, low), by_rule(lab_linear, high))


def by_hue(rgb: Floats) -> Labels:
    lightness, a, b = to_features(rgb, "lab").T
    chroma, hue = np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360
    neutral, light = chroma < 10, lightness > 55
    cases = {
        "black": neutral & (lightness < 25),
        "white": neutral & (lightness > 85),
        "gray": neutral,
        "red": (hue < 40) | (hue >= 345),
        "orange": (hue < 70) & light,
        "yellow": (hue >= 70) & (hue < 105) & light,
        "brown": hue < 105,
        "green": hue < 195,
        "blue": hue < 290,
    }
    return np.select(list(cases.values()), list(cases), "violet")
