"""A table where an array is expected (K-03, K-06): by scikit-learn, by numpy, and by a script that indexes it."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from tiffin import codecs, media
from tiffin.errors import BadPayload
from tiffin.table import ArrayRows, Table

X = np.array([[0.1, 0.2], [0.9, 0.3], [0.2, 0.8], [0.7, 0.7], [0.3, 0.1], [0.8, 0.9]])
Y = [0, 1, 0, 1, 0, 1]
CSV = b"0.1,0.2\n0.9,0.3\n"
ROWS = np.array([[0.1, 0.2], [0.9, 0.3]])


def table(body: bytes = CSV) -> Table:
    return codecs.decode(body, media.CSV)


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        LinearRegression(),
        DecisionTreeClassifier(random_state=0),
        RandomForestClassifier(5, random_state=0),
        HistGradientBoostingClassifier(min_samples_leaf=1),
        KNeighborsClassifier(1),
        SVC(),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_K03_an_estimator_takes_it_as_its_array(estimator: BaseEstimator) -> None:
    estimator.fit(X, Y)
    asked = [
        name for name in ("predict", "predict_proba", "decision_function", "transform") if hasattr(estimator, name)
    ]
    assert "predict" in asked
    for name in asked:
        np.testing.assert_array_equal(getattr(estimator, name)(table()), getattr(estimator, name)(ROWS))
    with pytest.raises(BadPayload, match="row 2, column '1': 'red' is not a number"):
        estimator.predict(table(b"1,2\nred,3\n"))


@pytest.mark.parametrize(
    "use",
    [
        np.asarray,
        np.array,
        lambda data: np.asarray(data, dtype=np.float32),
        lambda data: data.reshape(1, -1),
        lambda data: data[:, 0],
        lambda data: data[0],
        lambda data: data[-1, 1],
        lambda data: data[data > 0.25],
        lambda data: data.astype("float32"),
        lambda data: data.T @ data,
        lambda data: data / 2 + 1,
        lambda data: 1 - data,
        lambda data: -data,
        list,
        lambda data: [row.sum() for row in data],
        lambda data: data.shape,
        lambda data: (data.ndim, data.size, data.dtype),
        lambda data: data.mean(axis=0),
        lambda data: np.mean(data, axis=1),
        np.exp,
        lambda data: np.concatenate([data, data]),
        lambda data: np.vstack((data, np.ones(2))),
        lambda data: np.expand_dims(data, 0),
        lambda data: data.tolist(),
        lambda data: data.flatten(),
        len,
        np.add.reduce,
    ],
)
def test_K03_a_script_uses_it_as_its_array(use: Callable[[Any], Any]) -> None:
    np.testing.assert_array_equal(use(table()), use(ROWS))


def test_an_array_that_came_keeps_its_dimensions_and_nan() -> None:
    sent = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
    sent[0, 0, 0] = np.nan
    got = np.asarray(Table(ArrayRows(sent)))
    np.testing.assert_array_equal(got, sent)
    assert got.dtype == np.float32
    got[:] = 0  # a script's own to write into
    assert sent[1, 1, 1] == 7


@pytest.mark.parametrize(
    "use", [np.asarray, lambda data: data.shape, lambda data: data[0], list, lambda data: data + 1]
)
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"1,red\n", "row 1, column '2': 'red' is not a number"),
        (b"1,\n", "row 1, column '2': is empty where a number is needed"),
        (b"1,nan\n", "row 1, column '2': 'nan' is not a finite number"),
    ],
)
def test_K06_text_is_never_nan(use: Callable[[Any], Any], body: bytes, message: str) -> None:
    with pytest.raises(BadPayload) as raised:
        use(table(body))
    assert str(raised.value).startswith(message)


def test_it_is_still_a_table() -> None:
    data = table()
    assert data == table()
    assert data.rows == [["0.1", "0.2"], ["0.9", "0.3"]]
    assert copy.deepcopy(data) == pickle.loads(pickle.dumps(data)) == data  # noqa: S301
    for name in ("dtypes", "__dataframe__", "__array_interface__", "iloc", "fit"):
        assert not hasattr(data, name)
    with pytest.raises(TypeError, match="TIFFIN_JSON_BODIES=parsed"):
        data["inputs"]
