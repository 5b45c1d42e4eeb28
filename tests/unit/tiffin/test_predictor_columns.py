"""Columns with names: which of them an estimator gets, and how they go out."""
# ruff: noqa: ARG005

from types import SimpleNamespace

import numpy as np

from tests.unit.tiffin.test_predictor import answer, failure, predictor
from tiffin.table import Table


def test_named_columns_are_selected_by_the_estimators_names() -> None:
    model = SimpleNamespace(feature_names_in_=np.array(["a", "b"], dtype=object), predict=lambda rows: rows)
    assert answer(predictor(model), b'{"b":2,"x":"?","a":1}', "application/json", "text/csv")[0] == b"1.0,2.0\n"
    assert answer(predictor(model), b"x,b,a\n?,2,1\n", "text/csv; header=present")[0] == b"1.0,2.0\n"
    assert answer(predictor(model), b"1,2\n")[0] == b"1.0,2.0\n"
    error = failure(predictor(model), b'{"b":2}', "application/json")
    assert str(error) == "column 'a': is missing; this model takes a, b"


def test_P01_the_answers_content_type_says_that_it_has_a_header() -> None:
    serving = predictor(predict_fn=lambda data, model: Table([[1], [2]], ("n",)))
    first = answer(serving, accept="text/csv; header=present")
    assert first == (b"n\n1\n2\n", "text/csv; header=present")
    second = predictor(predict_fn=lambda data, model: data.select(["n"]))
    assert answer(second, *first, accept="application/json")[0] == b'[{"n":"1"},{"n":"2"}]\n'
    assert failure(serving, accept="text/csv; header=often").status == 406
