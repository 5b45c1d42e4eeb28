"""Which estimators a hyperparameter may name, and the parameters it may give them.

A name is imported only from the packages listed here: whoever may start a job could otherwise run any code by its name.
"""

import contextlib
import difflib
import importlib
import inspect
import json
from collections.abc import Mapping
from typing import Any

from sklearn.base import BaseEstimator, is_classifier, is_clusterer, is_outlier_detector, is_regressor

from tiffin.errors import BadJob

PACKAGES = ("sklearn", "xgboost", "lightgbm")
_EXAMPLE = "sklearn.linear_model.LogisticRegression"


def resolve(name: str) -> type[BaseEstimator]:
    """Raises BadJob for all that is no estimator of an allowed package."""
    module_name, dot, class_name = name.strip().rpartition(".")
    package = module_name.partition(".")[0]
    if not dot or not all(part.isidentifier() for part in name.strip().split(".")):
        raise _refused(name, f"is no full name of a class such as {_EXAMPLE}")
    if package not in PACKAGES:
        raise _refused(name, f"is of the package {package!r}; allowed are {', '.join(PACKAGES)}")
    if any(part.startswith("_") for part in name.split(".")):
        raise _refused(name, "is not public: a part of it begins with an underscore")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name == package:
            raise _refused(name, f"needs the package {package}, which this image does not have") from None
        raise _refused(name, f"is in a module that is not there, {error.name}") from None
    found = getattr(module, class_name, None)
    if found is None:
        near = difflib.get_close_matches(class_name, dir(module), n=1)
        hint = f"; did you mean {module_name}.{near[0]}?" if near else ""
        raise _refused(name, f"is not there: {module_name} has no {class_name}{hint}")
    if not inspect.isclass(found) or not issubclass(found, BaseEstimator) or not hasattr(found, "fit"):
        raise _refused(name, f"is no estimator: a {type(found).__name__} that cannot be fitted to data")
    if found.__module__.partition(".")[0] not in PACKAGES:  # what the module has only imported
        raise _refused(name, f"is of {found.__module__}; allowed are {', '.join(PACKAGES)}")
    estimator: type[BaseEstimator] = found
    return estimator


def build(name: str, parameters: Mapping[str, Any], seed: int) -> BaseEstimator:
    """Not fitted yet. Raises BadJob naming the parameter that is unknown, or what the estimator says of its value."""
    kind = resolve(name)
    needed = [p.name for p in inspect.signature(kind).parameters.values() if _is_needed(p)]
    if needed:
        raise _refused(name, f"is built around {needed[0]!r}, which a hyperparameter cannot give; name what is inside")
    estimator = kind()
    known = estimator.get_params(deep=False)
    for given in parameters:
        if given not in known:
            raise BadJob(f"hyperparameter 'estimator.{given}' is unknown; {_nearest(given, known, kind.__name__)}")
    values = {given: _value(given, value, known[given]) for given, value in parameters.items()}
    if "random_state" in known:
        values = {"random_state": seed} | values
    try:
        estimator.set_params(**values)
        if hasattr(estimator, "_parameter_constraints"):  # scikit-learn's own, before the data are read
            estimator._validate_params()
    except (TypeError, ValueError) as error:
        raise BadJob(f"hyperparameters estimator.…: {error}") from None
    return estimator


def task(estimator: BaseEstimator) -> str:
    """What the estimator does with a row. Raises BadJob for one that takes no table, or cannot answer new rows."""
    name = type(estimator).__name__
    if not estimator.__sklearn_tags__().input_tags.two_d_array:
        raise BadJob(f"hyperparameter estimator: {name} takes no table of columns")
    if is_classifier(estimator):
        return "classification"
    if is_regressor(estimator):
        return "regression"
    if is_outlier_detector(estimator) and hasattr(estimator, "predict"):
        return "outliers"
    if is_clusterer(estimator) and hasattr(estimator, "predict"):
        return "clustering"
    if hasattr(estimator, "transform"):
        return "decomposition"
    if hasattr(estimator, "predict"):  # mixtures
        return "clustering"
    raise BadJob(
        f"hyperparameter estimator: {name} has neither predict nor transform, so that it cannot answer rows it was not "
        "fitted to"
    )


def _is_needed(parameter: inspect.Parameter) -> bool:
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return parameter.default is inspect.Parameter.empty and parameter.kind in kinds


def _refused(name: str, why: str) -> BadJob:
    return BadJob(f"hyperparameter estimator={name!r} {why}")


def _nearest(given: str, known: Mapping[str, Any], estimator: str) -> str:
    near = difflib.get_close_matches(given, list(known), n=1, cutoff=0.5)
    return f"did you mean 'estimator.{near[0]}'?" if near else f"{estimator} has {', '.join(sorted(known)) or 'none'}"


def _value(name: str, value: Any, default: Any) -> Any:
    """By the default's type; Python's own spelling of True, False and None counts too."""
    if isinstance(value, str) and not isinstance(default, str):
        text = {"True": "true", "False": "false", "None": "null"}.get(value.strip(), value)
        with contextlib.suppress(ValueError):  # a word, such as max_features="sqrt" where the default is a number
            value = json.loads(text)
    if isinstance(default, bool) and not isinstance(value, bool | str):
        raise BadJob(f"hyperparameter estimator.{name}={value!r} is neither true nor false")
    if isinstance(default, int) and not isinstance(default, bool) and isinstance(value, float) and value == int(value):
        return int(value)  # tuners send 10.0
    if isinstance(default, tuple) and isinstance(value, list):
        return tuple(value)
    return value
