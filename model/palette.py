"""The dominant colours of a picture: k-means in Lab over a histogram, and how much each draws the eye.

Every colour falls into one of 2^15 bins, so that the clustering sees a few thousand weighted points and not every
pixel. scikit-learn finds the same colours (bench/photos.py compares), and costs a server its import.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model import colour
from tiffin.table import Floats

Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]

COLOURS = 8
BINS = 1 << 15
ROUNDS = 8
TRIES = 8  # seeds drawn for one that is kept
SAME = 5.0  # distance in Lab of what is one colour to the eye, seen apart
KIN = 18.0  # distance of two shades of one thing
BACKDROP = 18.0  # how far a backdrop's colours lie from their middle
EVEN = 0.7  # of the border, what has to be alike to be a backdrop
BEHIND = 0.04  # what a pixel of the backdrop counts, one of the subject being 1
COARSE = 4  # pixels: the side of a cell of the map on which the backdrop is found


@dataclass(frozen=True)
class Palette:
    """The colours of one picture, the best first: `scores` falls."""

    rgb: Floats  # (n, 3), 0 to 255
    shares: Floats  # (n,), of the pixels
    scores: Floats  # (n,), of the attention


@dataclass(frozen=True)
class Pixels:
    rgb: Bytes  # (height, width, 3), sRGB
    opaque: Mask  # (height, width); at least one is


def of_pixels(pixels: Pixels, count: int = COLOURS) -> Palette:
    """At most `count` colours; `shares` sum to 1, and so do `scores`."""
    codes = _codes(pixels.rgb)
    every = bool(pixels.opaque.all())
    seen = codes.ravel() if every else codes[pixels.opaque]
    channels = (pixels.rgb.reshape(-1, 3) if every else pixels.rgb[pixels.opaque]).T
    counts = np.bincount(seen, minlength=BINS)
    bins = np.flatnonzero(counts)
    weights = counts[bins].astype(np.float64)
    means = np.stack([np.bincount(seen, channel, BINS)[bins] for channel in channels], axis=1) / weights[:, None]
    points = colour.lab(means)
    nearest = _merged(points, weights, clusters(points, weights, count))

    number = np.zeros(BINS, dtype=np.intp)  # of a bin among those that are used
    number[bins] = np.arange(len(bins))
    attention = _attention(points, number[codes], pixels.opaque)
    seen_by = np.bincount(seen, (attention if every else attention[pixels.opaque]).ravel(), BINS)[bins]

    mass = np.bincount(nearest, weights)
    rgb = _means(means, weights, nearest, len(mass))
    scores = _with_kin(rgb, np.bincount(nearest, seen_by).astype(np.float64))
    order = np.lexsort((-mass, -scores))
    return Palette(rgb[order], mass[order] / mass.sum(), scores[order])


def clusters(points: Floats, weights: Floats, count: int) -> Indices:
    """(n, d) weighted points to the number of each one's cluster, by k-means; the same every time."""
    centres = _seeds(points, weights, min(count, len(points)))
    nearest = np.zeros(len(points), dtype=np.intp)
    for _ in range(ROUNDS):
        before, nearest = nearest, ((centres**2).sum(axis=1)[:, None] - 2 * centres @ points.T).argmin(axis=0)
        if (before == nearest).all():
            break
        kept = np.bincount(nearest, weights, len(centres)) > 0
        centres[kept] = _means(points, weights, nearest, len(centres))[kept]
    return nearest


def _means(points: Floats, weights: Floats, nearest: Indices, count: int) -> Floats:
    """(count, d): the middle of each cluster; 0 for one that is empty."""
    mass = np.bincount(nearest, weights, count)
    sums = np.stack([np.bincount(nearest, weights * axis, count) for axis in points.T], axis=1)
    return sums / np.maximum(mass, 1)[:, None]


def _seeds(points: Floats, weights: Floats, count: int) -> Floats:
    """k-means++: each seed is drawn by its squared distance to those before it; the best of a few draws is kept."""
    chance = np.random.default_rng(0)
    chosen = [int(weights.argmax())]
    squares = (points**2).sum(axis=1)
    distance = ((points - points[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < count:
        reach = np.cumsum(weights * distance)
        drawn = np.searchsorted(reach, chance.random(TRIES) * reach[-1]).clip(max=len(points) - 1)
        apart = squares[drawn][:, None] + squares - 2 * points[drawn] @ points.T
        closer = np.minimum(distance, np.maximum(apart, 0))
        best = int((closer @ weights).argmin())
        chosen.append(int(drawn[best]))
        distance = closer[best]
    return points[chosen].copy()


def _merged(points: Floats, weights: Floats, nearest: Indices) -> Indices:
    """Clusters that the eye takes for one are made one; the numbers that are left have no gaps."""
    while True:
        _, nearest = np.unique(nearest, return_inverse=True)
        mass = np.bincount(nearest, weights)
        centres = _means(points, weights, nearest, len(mass))
        apart = np.sqrt(((centres[:, None] - centres) ** 2).sum(axis=2))
        np.fill_diagonal(apart, np.inf)
        if len(mass) == 1 or apart.min() >= SAME:
            return nearest
        first, second = np.unravel_index(apart.argmin(), apart.shape)
        nearest = np.where(nearest == second, first, nearest)


def _codes(rgb: Bytes) -> Indices:
    """(h, w, 3) to (h, w): five bits of each channel."""
    high = (rgb >> 3).astype(np.intp)
    return (high[..., 0] << 10) | (high[..., 1] << 5) | high[..., 2]


def _attention(points: Floats, of_pixel: Indices, opaque: Mask) -> Floats:
    """(h, w): what a pixel counts: the middle more than the rim, colour more than grey, the backdrop hardly."""
    height, width = of_pixel.shape
    down, across = np.linspace(-1, 1, height)[:, None] ** 2, np.linspace(-1, 1, width) ** 2
    middle = np.exp(-(down if height > 1 else 0) - (across if width > 1 else 0))
    chroma = np.hypot(points[:, 1], points[:, 2])
    weight = middle * (0.4 + np.minimum(chroma / 60, 1))[of_pixel]
    weight[_backdrop(points, of_pixel, opaque)] *= BEHIND
    return np.asarray(weight)


def _backdrop(points: Floats, of_pixel: Indices, opaque: Mask) -> Mask:
    """(h, w): the pixels of an even background that reach the border; none where the border is not even."""
    frame = np.ones_like(opaque)
    frame[1:-1, 1:-1] = False
    rim = of_pixel[frame & opaque]
    if len(rim) * 2 < frame.sum():  # cut out already
        return np.zeros_like(opaque)
    like = ((points - np.median(points[rim], axis=0)) ** 2).sum(axis=1) < BACKDROP**2
    if like[rim].mean() < EVEN:
        return np.zeros_like(opaque)
    alike: Mask = like[of_pixel] & opaque
    reached = _reached(alike[::COARSE, ::COARSE])
    height, width = opaque.shape
    wide: Mask = reached.repeat(COARSE, axis=0).repeat(COARSE, axis=1)[:height, :width]
    return alike & wide


def _reached(alike: Mask) -> Mask:
    """The cells that are joined to the border through cells that are alike, and the cells next to them."""
    wide = np.pad(alike, 1, constant_values=True)
    found = np.zeros_like(wide)
    found[[0, -1], :] = found[:, [0, -1]] = True
    while True:
        grown = _grown(found) & wide
        if (grown == found).all():
            break
        found = grown
    inside: Mask = _grown(found)[1:-1, 1:-1]
    return inside


def _grown(mask: Mask) -> Mask:
    grown = mask.copy()
    grown[1:] |= mask[:-1]
    grown[:-1] |= mask[1:]
    grown[:, 1:] |= mask[:, :-1]
    grown[:, :-1] |= mask[:, 1:]
    return grown


def _with_kin(rgb: Floats, scores: Floats) -> Floats:
    """Shades of one thing speak for each other: a shirt in light and shadow comes before the label on it. Sums to 1."""
    points = colour.lab(rgb) * (0.5, 1, 1)  # light and shadow part lightness more than hue
    apart = ((points[:, None] - points) ** 2).sum(axis=2)
    spoken = np.exp(-apart / (2 * (KIN / 2) ** 2)) @ scores
    spoken *= scores  # a shade of which there is little does not come first by its neighbours
    spoken = np.sqrt(spoken)
    return np.asarray(spoken / spoken.sum())
