"""Fitted trees as plain arrays: what a server walks, with no scikit-learn to import.

The nodes of all trees lie in one table, parents before children; a leaf's `feature` is -1. A walk compares as
scikit-learn does, a feature rounded to float32 against a float64 threshold, so that it ends in the same leaf.
"""

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tiffin.table import Floats

Ints = npt.NDArray[np.int32]

LEAF = -1
_FEW = 64  # rows that Python walks sooner than numpy does


@dataclass(frozen=True)
class Trees:
    roots: Ints  # (trees,)
    feature: Ints  # (nodes,), LEAF at a leaf
    threshold: Floats  # (nodes,)
    left: Ints  # (nodes,): where `feature <= threshold` goes on
    right: Ints  # (nodes,)
    shares: Floats  # (nodes, labels): of the training rows in a node, the share of each label
    rows: Ints  # (nodes,): how many training rows

    @classmethod
    def of(cls, estimator: Any) -> "Trees":
        """Of a fitted DecisionTreeClassifier or RandomForestClassifier."""
        tables = [member.tree_ for member in getattr(estimator, "estimators_", [estimator])]
        roots = np.cumsum([0, *(table.node_count for table in tables[:-1])]).astype(np.int32)
        inner = [table.children_left >= 0 for table in tables]
        pieces = list(zip(tables, inner, roots, strict=True))
        return cls(
            roots=roots,
            feature=np.concatenate([np.where(i, t.feature, LEAF) for t, i, _ in pieces]).astype(np.int32),
            threshold=np.concatenate([np.where(i, t.threshold, 0.0) for t, i, _ in pieces]),
            left=np.concatenate([np.where(i, t.children_left + r, 0) for t, i, r in pieces]).astype(np.int32),
            right=np.concatenate([np.where(i, t.children_right + r, 0) for t, i, r in pieces]).astype(np.int32),
            shares=np.concatenate([t.value[:, 0, :] for t in tables]),
            rows=np.concatenate([t.n_node_samples for t in tables]).astype(np.int32),
        )

    @classmethod
    def read(cls, file: Path, features: int, labels: int) -> "Trees":
        """Raises OSError or ValueError for a file that is not whole, or whose walks would leave the arrays."""
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            try:
                trees = cls(**{name: stored[name] for name in cls.__dataclass_fields__})
            except KeyError as error:
                raise ValueError(f"it has no array {error}") from None
        trees._check(features, labels)
        return trees

    def write(self, file: Path) -> None:
        np.savez_compressed(file, allow_pickle=False, **asdict(self))

    @property
    def is_single(self) -> bool:
        return len(self.roots) == 1

    @property
    def leaves(self) -> int:
        return int((self.feature == LEAF).sum())

    def shares_of(self, features: Floats) -> Floats:
        """(n, features) -> (n, labels), the mean over the trees; sums in the trees' order, as scikit-learn does."""
        rounded = features.astype(np.float32)
        total = np.zeros((len(features), self.shares.shape[1]))
        for root in self.roots.tolist():
            total += self.shares[self._leaves_of(rounded, root)]
        total /= len(self.roots)
        return total

    def _leaves_of(self, rounded: npt.NDArray[np.float32], root: int) -> npt.NDArray[np.intp]:
        if len(rounded) <= _FEW:
            return np.array([self._leaf_of(row, root) for row in rounded.tolist()], dtype=np.intp)
        node = np.full(len(rounded), root, dtype=np.intp)
        walking = np.arange(len(rounded))
        while len(walking):
            at = node[walking]
            feature = self.feature[at]
            inner = feature != LEAF
            walking, at, feature = walking[inner], at[inner], feature[inner]
            goes_left = rounded[walking, feature] <= self.threshold[at]
            node[walking] = np.where(goes_left, self.left[at], self.right[at])
        return node

    def _leaf_of(self, row: list[float], node: int) -> int:
        features, thresholds, left, right = self._lists
        while (feature := features[node]) != LEAF:
            node = left[node] if row[feature] <= thresholds[node] else right[node]
        return node

    @cached_property
    def _lists(self) -> tuple[list[int], list[float], list[int], list[int]]:
        return self.feature.tolist(), self.threshold.tolist(), self.left.tolist(), self.right.tolist()

    def _check(self, features: int, labels: int) -> None:
        nodes = len(self.feature)
        for name, kind, shape in (
            ("feature", np.int32, (nodes,)),
            ("threshold", np.float64, (nodes,)),
            ("left", np.int32, (nodes,)),
            ("right", np.int32, (nodes,)),
            ("shares", np.float64, (nodes, labels)),
            ("rows", np.int32, (nodes,)),
            ("roots", np.int32, (len(self.roots),)),
        ):
            array = getattr(self, name)
            if array.dtype != kind or array.shape != shape:
                raise ValueError(f"its {name} is {array.dtype} of shape {array.shape}, not {np.dtype(kind)} of {shape}")
        if not len(self.roots) or not ((self.roots >= 0) & (self.roots < nodes)).all():
            raise ValueError("it holds no tree")
        inner = self.feature != LEAF
        own = np.flatnonzero(inner)
        if not ((self.feature[inner] >= 0) & (self.feature[inner] < features)).all():
            raise ValueError("a tree asks for features there are none of")
        for children in (self.left[inner], self.right[inner]):
            if not ((children > own) & (children < nodes)).all():
                raise ValueError("a tree's nodes point outside it")
        if not np.isfinite(self.shares).all() or not np.isfinite(self.threshold).all():
            raise ValueError("a share or a threshold is no number")
