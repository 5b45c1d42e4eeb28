"""What stands before the estimator: missing numbers filled, numbers scaled, categories spread over columns."""

from typing import Any

from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from .schema import Schema


def pipeline(schema: Schema, estimator: BaseEstimator) -> Pipeline:
    """Takes the schema's codes."""
    return Pipeline([("columns", columns(schema, estimator)), ("estimator", estimator)])


def columns(schema: Schema, estimator: BaseEstimator) -> ColumnTransformer:
    """A missing category is none of the categories: zeros in each of its columns.

    Boosted trees take numbers as they are, missing ones too, so that before them nothing is learnt from the rows.
    """
    numbered = list(enumerate(schema.columns))
    numbers = [i for i, column in numbered if column.type == "number"]
    booleans = [i for i, column in numbered if column.type == "boolean"]
    categories = [(i, column) for i, column in numbered if column.type == "category"]
    as_they_are = type(estimator).__module__.partition(".")[0] in ("xgboost", "lightgbm")
    # what takes no negative numbers gets those of 0 to 1
    scaler = MinMaxScaler if estimator.__sklearn_tags__().input_tags.positive_only else StandardScaler
    filled = Pipeline([("fill", SimpleImputer(strategy="median")), ("scale", scaler())])
    steps: list[tuple[str, Any, list[int]]] = []
    if numbers:
        steps.append(("numbers", "passthrough" if as_they_are else filled, numbers))
    if booleans:
        steps.append(("booleans", "passthrough" if as_they_are else SimpleImputer(strategy="most_frequent"), booleans))
    if categories:
        known = [[float(code) for code in range(len(column.categories))] for _, column in categories]
        spread = OneHotEncoder(categories=known, handle_unknown="ignore", sparse_output=False)
        steps.append(("categories", spread, [i for i, _ in categories]))
    return ColumnTransformer(steps, sparse_threshold=0.0)
