"""Any scikit-learn estimator, loaded as everybody does it and asked by its own `predict`: a Pipeline on R,G,B."""

from pathlib import Path
from typing import Any

import joblib
from colour_tree import features
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer


def model_fn(model_dir: str) -> Any:
    return make_pipeline(FunctionTransformer(features), joblib.load(Path(model_dir) / "tree.joblib"))
