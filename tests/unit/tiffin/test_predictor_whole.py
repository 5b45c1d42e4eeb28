# ruff: noqa: ARG005  handlers have the signatures that AWS gave them
"""Answers that are no list of rows."""

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tiffin.context import Context
from tiffin.predictor import HandlerPredictor, Handlers
from tiffin.settings import Settings
from tiffin.table import Table

CONTEXT = Context(Settings())


@pytest.mark.parametrize(
    ("prediction", "body"),
    [
        (Table([["blue"]]), b"blue"),
        ("blue", b"blue"),
        (0.5, b"0.5"),
        (np.array(0.5), b"0.5"),
        ({"share": np.float32(0.5)}, b'{"share":0.5}'),
    ],
)
def test_one_row_may_be_answered_without_a_list(prediction: Any, body: bytes) -> None:
    module = ModuleType("inference")
    vars(module).update(model_fn=lambda model_dir: None, predict_fn=lambda data, model: prediction)
    serving = HandlerPredictor(Handlers.of(module), None)
    assert serving.predict(b"1\n", "text/csv", None, CONTEXT).body == body + b"\n"
