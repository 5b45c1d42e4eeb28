"""What a photo costs on one core, and how near its colours lie, beside scikit-learn's k-means.

    python bench/photos.py [ROUNDS]

One picture is a thousand pixels square, as JPEG: each of the photos inside scikit-image and scikit-learn, made as large
as that. Both columns read it by the same code; theirs then clusters the same histogram by sklearn.cluster.KMeans, and
the last by clustering every pixel that is looked at. Run as a script of its own: `bench` imports nothing of ours.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

MEASURE = """
import io, sys, threading, time
import numpy as np
from PIL import Image
from sklearn.cluster import KMeans
from model import colour, palette
from model.photos import ANY, Photos
from tests.pictures import PHOTOS, encoded, packaged, product

rounds = int(sys.argv[1])
photos = Photos(threading.Lock())

def square(name):
    with Image.open(packaged(name)) as opened:
        return opened.convert("RGB").resize((1000, 1000))

def ours(pixels):
    return palette.of_pixels(pixels).rgb

def theirs(pixels):
    palette.clusters = lambda points, weights, count: (
        KMeans(min(count, len(points)), n_init=1, random_state=0).fit(points, sample_weight=weights).labels_)
    try:
        return ours(pixels)
    finally:
        palette.clusters = own

def whole(pixels):
    rgb = pixels.rgb.reshape(-1, 3).astype(float)
    labels = KMeans(palette.COLOURS, n_init=1, random_state=0).fit(colour.lab(rgb)).labels_
    return np.array([rgb[labels == label].mean(axis=0) for label in range(palette.COLOURS)])

own = palette.clusters
ways = {"ours": ours, "KMeans, histogram": theirs, "KMeans, pixels": whole}
print(f"{'':16}{'kB':>6}{'read':>8}" + "".join(f"{way:>28}" for way in ways))
pictures = {name: square(name) for name in PHOTOS} | {"product shot": product((190, 30, 40), (250, 250, 250))}
for name, picture in pictures.items():
    body = encoded(picture, quality=85)
    points = colour.lab(np.asarray(picture).reshape(-1, 3)[::37].astype(float))
    times = {way: [] for way in ("read", *ways)}
    near = {}
    for number in range(rounds):
        for way, colours_of in ways.items():  # turn about, so that what else the machine does meets all alike
            started = time.perf_counter()
            pixels = photos.pixels(body, ANY)
            times["read"].append(time.perf_counter() - started)
            rgb = colours_of(pixels)
            times[way].append(time.perf_counter() - started)
            near[way] = np.sqrt(((points[:, None] - colour.lab(rgb)) ** 2).sum(axis=2)).min(axis=1).mean()
    middle = {way: 1e3 * sorted(taken)[len(taken) // 2] for way, taken in times.items()}
    row = "".join(f"{middle[way]:>12.1f} ms, {near[way]:>7.2f} dE" for way in ways)
    print(f"{name:16}{len(body) / 1e3:>6.0f}{middle['read']:>5.1f} ms{row}")
"""


def main() -> int:
    rounds = sys.argv[1] if len(sys.argv) > 1 else "50"
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    environ = {**os.environ, **one_thread, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    command = [sys.executable, "-c", MEASURE, rounds]
    return subprocess.run(["taskset", "--cpu-list", "0", *command], env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
