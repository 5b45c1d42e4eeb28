"""Trees as arrays answer what scikit-learn answers."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model import colour
from model.estimators import fit
from model.trees import Trees
from tests.handson import handson_rows

GRID = np.array(list(product(range(0, 256, 8), repeat=3)), dtype=np.float64)  # 2^15 colours of 5 bits


@pytest.fixture(scope="module", params=["tree", "forest"])
def fitted(request: pytest.FixtureRequest) -> Any:
    rows = handson_rows(seed=0)
    rgb = np.array([row[2:5] for row in rows], dtype=np.float64)
    own = {"n_estimators": 20} if request.param == "forest" else {"max_leaf_nodes": 90}
    return fit(request.param, colour.to_features(rgb, "lab"), np.array([row[5] for row in rows]), 0, **own)


def test_probabilities_and_labels_are_scikit_learns_to_the_last_bit(fitted: Any) -> None:
    features = colour.to_features(GRID, "lab")
    shares = Trees.of(fitted).shares_of(features)
    np.testing.assert_array_equal(shares, fitted.predict_proba(features))
    np.testing.assert_array_equal(fitted.classes_[shares.argmax(axis=1)], fitted.predict(features))


def test_few_rows_and_many_take_two_ways_to_the_same_leaf(fitted: Any) -> None:
    features, trees = colour.to_features(GRID[::7], "lab"), Trees.of(fitted)
    together = trees.shares_of(features)
    for start in range(0, 640, 64):
        np.testing.assert_array_equal(trees.shares_of(features[start : start + 64]), together[start : start + 64])


def test_no_rows(fitted: Any) -> None:
    assert Trees.of(fitted).shares_of(np.empty((0, 3))).shape == (0, len(fitted.classes_))


def test_written_and_read(fitted: Any, tmp_path: Path) -> None:
    trees = Trees.of(fitted)
    trees.write(tmp_path / "trees.npz")
    again = Trees.read(tmp_path / "trees.npz", 3, len(fitted.classes_))
    for name in Trees.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(again, name), getattr(trees, name))
    assert again.leaves == sum(member.get_n_leaves() for member in getattr(fitted, "estimators_", [fitted]))
