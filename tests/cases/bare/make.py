"""Make the ONNX files here anew, in an environment of their own: pip install scikit-learn skl2onnx

Each has a JSON beside it: rows, and what plain scikit-learn answers.
"""

import json
from pathlib import Path

import numpy as np
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

HERE = Path(__file__).parent


def main() -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(60, 3)).astype(np.float32)
    names = np.array(["high" if row.sum() > 0 else "낮음" for row in rows])
    columns = [(name, FloatTensorType([None, 1])) for name in ("age", "months", "spend")]
    spread = ColumnTransformer([(name, StandardScaler(), [i]) for i, (name, _) in enumerate(columns)])
    table = {
        "text-labels": (LogisticRegression().fit(rows, names), None),
        "whole-labels": (DecisionTreeClassifier(random_state=0).fit(rows, (rows[:, 0] > 0).astype(int)), None),
        "number": (LinearRegression().fit(rows, rows @ [1, 2, 3]), None),
        "named-columns": (make_pipeline(spread, LogisticRegression()).fit(rows, names), columns),
    }
    for name, (model, inputs) in table.items():
        graph = to_onnx(model, None if inputs else rows[:1], initial_types=inputs, options={"zipmap": False}
                        if hasattr(model, "predict_proba") else None)  # fmt: skip
        (HERE / f"{name}.onnx").write_bytes(graph.SerializeToString())
        answers = model.predict(rows[:5]).tolist()
        document = {"rows": rows[:5].tolist(), "answers": answers}
        (HERE / f"{name}.json").write_text(json.dumps(document, ensure_ascii=False) + "\n", encoding="utf-8")
    words = np.array([["a"], ["b"], ["a"]])
    model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(words, [0, 1, 0])
    graph = to_onnx(model, initial_types=[("word", StringTensorType([None, 1]))])
    (HERE / "takes-text.onnx").write_bytes(graph.SerializeToString())


if __name__ == "__main__":
    main()
