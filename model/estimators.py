"""The classifiers a training job can choose by name, and their defaults.

Where the defaults come from: mean accuracy of stratified 70/30 splits, on the shipped colours and on files
like the hands-on's (tests/handson.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:  # scikit-learn takes a second to import: a job whose settings or data are wrong ends before
    from sklearn.base import ClassifierMixin

# The best size is 20 to 60 leaves where an axis-parallel rule made the labels, 90 to 130 for colour names;
# chosen by cross-validation a tree loses nothing against 30 on the one (.932) and gains .02 on the other.
TREE_SIZES = (20, 30, 40, 60, 90, 130, 200)
FOLDS = 5


@dataclass(frozen=True)
class Algorithm:
    build: Callable[[Mapping[str, int | float], int], "ClassifierMixin"]  # own hyperparameters, seed
    hyperparameters: tuple[str, ...]


def build(algorithm: str, seed: int, **own: int | float | None) -> "ClassifierMixin":
    """Not fitted yet; None means the default. Raises ValueError. To train, call `fit`."""
    if algorithm not in ALGORITHMS:
        raise ValueError(f"algorithm {algorithm!r} is none of {', '.join(ALGORITHMS)}")
    chosen = ALGORITHMS[algorithm]
    given = {name: value for name, value in own.items() if value is not None}
    for name in given:
        if name not in chosen.hyperparameters:
            raise ValueError(
                f"{name} is not a hyperparameter of algorithm {algorithm!r}, which has "
                + ", ".join(chosen.hyperparameters)
            )
    return chosen.build(given, seed)


def fit(
    algorithm: str,
    features: npt.NDArray[np.float64],
    labels: npt.NDArray[np.str_],
    seed: int,
    **own: int | float | None,
) -> "ClassifierMixin":
    """A fitted estimator, ready to be stored: any search is unwrapped, prediction uses one thread."""
    from sklearn.model_selection import GridSearchCV

    if algorithm == "tree" and own.get("max_leaf_nodes") is None and len(labels) <= TREE_SIZES[0]:
        own["max_leaf_nodes"] = TREE_SIZES[0]  # no search: so few rows make the same tree at every size
    estimator = build(algorithm, seed, **own).fit(features, labels)
    if isinstance(estimator, GridSearchCV):
        estimator = estimator.best_estimator_
    if "n_jobs" in estimator.get_params():
        # threads would add up the votes in any order, so a tie could fall either way
        estimator.set_params(n_jobs=None)
    return estimator


def _tree(own: Mapping[str, int | float], seed: int) -> "ClassifierMixin":
    from sklearn.model_selection import GridSearchCV, KFold
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(random_state=seed, **own)
    if "max_leaf_nodes" in own:
        return tree
    # KFold, not its stratified sister: that one warns of or refuses a label with few rows
    folds = KFold(FOLDS, shuffle=True, random_state=seed)
    return GridSearchCV(tree, {"max_leaf_nodes": list(TREE_SIZES)}, cv=folds)


def _forest(own: Mapping[str, int | float], seed: int) -> "ClassifierMixin":
    from sklearn.ensemble import RandomForestClassifier

    # joblib runs a forest's jobs in threads, never in processes
    return RandomForestClassifier(**({"n_estimators": 200} | dict(own)), random_state=seed, n_jobs=-1)


# Tried and left out, as none beat the forest on both files: ExtraTrees, HistGradientBoosting, kNN, SVC, and
# soft votes of the forest with the first three (the best: +.006 on the names, +.002 at most on the other).
ALGORITHMS: Mapping[str, Algorithm] = MappingProxyType(
    {
        "tree": Algorithm(_tree, ("max_leaf_nodes", "max_depth", "min_samples_leaf")),
        "forest": Algorithm(_forest, ("n_estimators", "max_leaf_nodes", "max_depth", "min_samples_leaf")),
    }
)
