"""A small colour classifier, made in a moment: the label of a colour is the largest of its R, G, B."""

from collections.abc import Sequence

import numpy as np

from model import artifact, colour
from model.artifact import ColourModel
from model.dataset import Dataset
from model.estimators import fit

SCORES = {"test": {"accuracy": 0.9}}
LABELS = ("red", "green", "blue")


def dataset(count: int = 300, labels: Sequence[str] = LABELS, seed: int = 0) -> Dataset:
    rgb = np.random.default_rng(seed).integers(0, 256, (count, 3)).astype(np.float64)
    return Dataset(rgb, np.array(labels)[rgb.argmax(axis=1)], tuple(f"colour {n}" for n in range(count)))


def fitted(algorithm: str = "tree", color_space: str = "lab", labels: Sequence[str] = LABELS) -> ColourModel:
    data = dataset(labels=labels)
    own = {"max_leaf_nodes": 15} | ({"n_estimators": 5} if algorithm == "forest" else {})
    estimator = fit(algorithm, colour.to_features(data.rgb, color_space), data.labels, 0, **own)
    return artifact.model_of(estimator, algorithm, color_space, {"seed": 0})
