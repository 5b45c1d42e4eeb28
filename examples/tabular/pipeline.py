"""What stands before the estimator: missing numbers filled, numbers scaled, categories spread over columns."""

from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from .schema import Schema


def pipeline(schema: Schema, estimator: BaseEstimator) -> Pipeline:
    """Takes the schema's codes. A missing category is none of the categories: zeros in each of its columns."""
    columns = list(enumerate(schema.columns))
    numbers = [i for i, column in columns if column.type == "number"]
    booleans = [i for i, column in columns if column.type == "boolean"]
    categories = [(i, column) for i, column in columns if column.type == "category"]
    # what takes no negative numbers gets those of 0 to 1
    scaler = MinMaxScaler if estimator.__sklearn_tags__().input_tags.positive_only else StandardScaler
    steps = []
    if numbers:
        filled = Pipeline([("fill", SimpleImputer(strategy="median")), ("scale", scaler())])
        steps.append(("numbers", filled, numbers))
    if booleans:
        steps.append(("booleans", SimpleImputer(strategy="most_frequent"), booleans))
    if categories:
        known = [[float(code) for code in range(len(column.categories))] for _, column in categories]
        spread = OneHotEncoder(categories=known, handle_unknown="ignore", sparse_output=False)
        steps.append(("categories", spread, [i for i, _ in categories]))
    return Pipeline([("columns", ColumnTransformer(steps, sparse_threshold=0.0)), ("estimator", estimator)])
