from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.model_selection import StratifiedShuffleSplit

from model.colour import Floats, to_features
from model.estimators import ALGORITHMS, TREE_SIZES, build, fit
from tests.handson import CLASS_SIZES, handson_file, handson_rows

Labels = npt.NDArray[np.str_]


@pytest.fixture(scope="module")
def colours() -> tuple[Floats, Labels]:
    rows = handson_rows(seed=0)
    return np.array([row[2:5] for row in rows], dtype=np.float64), np.array([row[5] for row in rows])


# The original file gave .938 and .919 (facts 2.2, other defaults for the tree).
@pytest.mark.parametrize(
    ("algorithm", "color_space", "floor"), [("tree", "lab-linear", 0.93), ("forest", "lab", 0.915)]
)
def test_mean_accuracy_of_ten_stratified_splits(
    algorithm: str, color_space: str, floor: float, colours: tuple[Floats, Labels]
) -> None:
    rgb, labels = colours
    features = to_features(rgb, color_space)
    splits = StratifiedShuffleSplit(10, test_size=0.3, random_state=0).split(features, labels)
    scores = [
        fit(algorithm, features[train], labels[train], seed).score(features[test], labels[test])
        for seed, (train, test) in enumerate(splits)
    ]
    assert np.mean(scores) >= floor


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_same_seed_gives_the_same_model(algorithm: str, colours: tuple[Floats, Labels]) -> None:
    rgb, labels = colours
    first, second = (fit(algorithm, rgb, labels, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.predict_proba(rgb), second.predict_proba(rgb))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_prediction_uses_one_thread(algorithm: str, colours: tuple[Floats, Labels]) -> None:
    rgb, labels = colours
    assert fit(algorithm, rgb, labels, seed=0).get_params().get("n_jobs") is None


def test_a_trees_size_is_searched_unless_given(colours: tuple[Floats, Labels]) -> None:
    rgb, labels = colours
    assert fit("tree", rgb, labels, seed=0).get_params()["max_leaf_nodes"] in TREE_SIZES
    assert fit("tree", rgb, labels, seed=0, max_leaf_nodes=None).get_n_leaves() in TREE_SIZES
    assert fit("tree", rgb, labels, seed=0, max_leaf_nodes=12).get_n_leaves() == 12


def test_own_hyperparameters_reach_the_estimator() -> None:
    forest = build("forest", 5, n_estimators=7, min_samples_leaf=2, max_depth=None).get_params()
    assert (forest["n_estimators"], forest["min_samples_leaf"], forest["random_state"]) == (7, 2, 5)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_label_with_one_row_is_no_obstacle(algorithm: str) -> None:
    rgb = np.arange(36.0).reshape(12, 3)
    labels = np.array(["red"] + ["blue"] * 11)
    assert fit(algorithm, rgb, labels, seed=0).predict(rgb[5:6]).tolist() == ["blue"]


def test_names_that_are_not_there() -> None:
    with pytest.raises(ValueError, match="'svm' is none of tree, forest"):
        build("svm", 0)
    with pytest.raises(ValueError, match="n_estimators is not a hyperparameter of algorithm 'tree'"):
        build("tree", 0, n_estimators=5)
    build("tree", 0, n_estimators=None)  # None is: not given


def test_the_file_like_the_hands_ons(tmp_path: Path) -> None:
    path, again = handson_file(tmp_path / "a.csv"), handson_file(tmp_path / "b.csv")
    assert path.read_bytes() == again.read_bytes()
    assert path.read_bytes() != handson_file(tmp_path / "c.csv", seed=1).read_bytes()
    rows = handson_rows()
    assert len(rows) == 2800
    assert sum(row[6] == "REFERENCE" for row in rows) == 213
    for label, size in CLASS_SIZES.items():
        assert abs(sum(row[5] == label for row in rows) - size * 2800 / 2808) < 2
    for _, col, red, green, blue, _, _ in rows:
        assert col == f"#{red:02x}{green:02x}{blue:02x}"
