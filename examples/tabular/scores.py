"""How well a fitted model does on rows, by its task."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn import metrics
from sklearn.pipeline import Pipeline

from tiffin.table import Floats

_FEW = 2000  # rows that silhouettes, which look at each pair, are taken of


def of(task: str, model: Pipeline, rows: Floats, target: Any) -> dict[str, float]:
    """Finite numbers only: a score that cannot be computed on these rows is left out."""
    found = _SCORES[task](model, rows, target)
    return {name: float(value) for name, value in found.items() if math.isfinite(value)}


def of_answers(task: str, target: Any, answers: Any) -> dict[str, float]:
    """Of a classification or a regression, without the model."""
    if task == "classification":
        return {
            "accuracy": float(metrics.accuracy_score(target, answers)),
            "f1_macro": float(metrics.f1_score(target, answers, average="macro", zero_division=0.0)),
        }
    return {
        "rmse": float(metrics.root_mean_squared_error(target, answers)),
        "mae": float(metrics.mean_absolute_error(target, answers)),
        "r2": float(metrics.r2_score(target, answers)) if len(target) > 1 else math.nan,
    }


def _classification(model: Pipeline, rows: Floats, target: Any) -> dict[str, float]:
    return of_answers("classification", target, model.predict(rows))


def _regression(model: Pipeline, rows: Floats, target: Any) -> dict[str, float]:
    return of_answers("regression", target, np.asarray(model.predict(rows)).reshape(-1))


def _clustering(model: Pipeline, rows: Floats, _: Any) -> dict[str, float]:
    answers = model.predict(rows)
    clusters = len(np.unique(answers))
    few = slice(0, _FEW)
    features = model[:-1].transform(rows)
    can = 1 < len(np.unique(answers[few])) < len(answers[few])
    silhouette = metrics.silhouette_score(features[few], answers[few]) if can else math.nan
    return {"clusters": clusters, "silhouette": silhouette}


def _outliers(model: Pipeline, rows: Floats, _: Any) -> dict[str, float]:
    return {"outlier_share": float(np.mean(model.predict(rows) == -1))}


def _decomposition(model: Pipeline, rows: Floats, _: Any) -> dict[str, float]:
    features, answers = model[:-1].transform(rows), model.transform(rows)
    found = {"components": float(answers.shape[1] if answers.ndim > 1 else 1)}
    explained = getattr(model[-1], "explained_variance_ratio_", None)
    if explained is not None:
        found["explained_variance"] = float(np.sum(explained))
        back = model[-1].inverse_transform(answers) if hasattr(model[-1], "inverse_transform") else None
        if back is not None and back.shape == features.shape:
            found["reconstruction_rmse"] = float(np.sqrt(np.mean((back - features) ** 2)))
    return found


_SCORES: Mapping[str, Callable[[Pipeline, Floats, Any], dict[str, float]]] = {
    "classification": _classification,
    "regression": _regression,
    "clustering": _clustering,
    "outliers": _outliers,
    "decomposition": _decomposition,
}
