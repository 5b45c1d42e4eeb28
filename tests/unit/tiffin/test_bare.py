"""A model file with no code beside it."""

import json
import logging
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.cluster import DBSCAN
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from tests.server import ROOT
from tiffin import loader
from tiffin.context import Context
from tiffin.errors import BadPayload, NoModel
from tiffin.settings import Settings

CASES = ROOT / "tests" / "cases" / "bare"
ROWS = np.arange(12.0).reshape(6, 2)
LABELS = np.array(["low"] * 3 + ["high"] * 3)
FITTED = LogisticRegression().fit(ROWS, LABELS)


class Absent:
    def __reduce__(self) -> Any:
        return (__import__, ("tiffin_has_no_such_package.inner",))


@pytest.fixture(autouse=True)
def modules_as_they_were(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in {"inference"} & (sys.modules.keys() - before):
        del sys.modules[name]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "model").mkdir()
    return Settings(base_dir=tmp_path, plug=tmp_path / "no-plug")


def of_another_version(monkeypatch: pytest.MonkeyPatch, save: Any, file: Path) -> None:
    """As scikit-learn 0.20.2 would have written it."""
    import sklearn.base

    with monkeypatch.context() as patch:
        patch.setattr(sklearn.base, "__version__", "0.20.2")
        save(FITTED, file)


def answer(settings: Settings, body: bytes, content_type: str = "text/csv") -> bytes:
    return loader.load_predictor(settings).predict(body, content_type, None, Context(settings)).body


def refusal(settings: Settings) -> str:
    with pytest.raises(NoModel) as raised:
        loader.load_predictor(settings)
    return str(raised.value)


@pytest.mark.parametrize("name", ["model.joblib", "model.skops"])
def test_an_estimator_answers_by_its_own_predict(
    settings: Settings, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = settings.paths.model / name
    (joblib if name.endswith("joblib") else skops.io).dump(FITTED, file)
    with caplog.at_level(logging.INFO):
        predictor = loader.load_predictor(settings)
    assert f"model: {file}, a LogisticRegression, by its own predict; there is no model code" in caplog.text
    pickle_warning = "model.joblib is pickle: loading it runs whatever code was put into it"
    assert (pickle_warning in caplog.text) == (name == "model.joblib")
    predictor.warm_up()
    assert predictor.raw is not None
    assert predictor.raw([b"0,1\n10,11\n"]) == [b"low\nhigh\n"]
    reply = predictor.predict(b"0,1\n", "text/csv", "application/json", Context(settings))
    assert reply.body == b'["low"]\n'


@pytest.mark.parametrize("case", ["text-labels", "whole-labels", "number", "named-columns"])
def test_an_onnx_graph_answers_what_scikit_learn_does(settings: Settings, case: str) -> None:
    (settings.paths.model / "model.onnx").write_bytes((CASES / f"{case}.onnx").read_bytes())
    known = json.loads((CASES / f"{case}.json").read_text(encoding="utf-8"))
    predictor = loader.load_predictor(settings)
    predictor.warm_up()
    body = "".join(",".join(map(repr, row)) + "\n" for row in known["rows"]).encode()
    assert predictor.raw is not None
    (short,) = predictor.raw([body])
    assert short is not None
    long = predictor.predict(body, "text/csv", "application/json", Context(settings))
    found = json.loads(long.body)
    if isinstance(known["answers"][0], float):
        assert found == pytest.approx(known["answers"], rel=1e-5)
    else:
        assert found == known["answers"]
        assert short.decode().split() == list(map(str, known["answers"]))


def test_columns_of_an_onnx_graph_are_taken_by_name(settings: Settings) -> None:
    (settings.paths.model / "model.onnx").write_bytes((CASES / "named-columns.onnx").read_bytes())
    known = json.loads((CASES / "named-columns.json").read_text(encoding="utf-8"))
    lines = "\n".join(f"{spend},{age},{months}" for age, months, spend in known["rows"])
    found = answer(settings, f"spend,age,months\n{lines}".encode(), "text/csv; header=present")
    assert found.decode().split() == known["answers"]


def test_too_few_columns_are_a_sentence(settings: Settings) -> None:
    (settings.paths.model / "model.onnx").write_bytes((CASES / "number.onnx").read_bytes())
    with pytest.raises(BadPayload) as raised:
        answer(settings, b"1,2\n")
    assert str(raised.value) == "row 1: has 2 columns; this model takes 3"


@pytest.mark.parametrize("name", ["model.joblib", "model.skops"])
def test_another_version_is_refused_unless_it_is_allowed(
    settings: Settings, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = joblib.dump if name.endswith("joblib") else skops.io.dump
    of_another_version(monkeypatch, save, settings.paths.model / name)
    assert refusal(settings).startswith("the artifact was trained with scikit-learn 0.20.2, this server has 1.")
    allowed = Settings(base_dir=settings.base_dir, plug=settings.plug, allow_version_mismatch=True)
    assert answer(allowed, b"0,1\n") == b"low\n"


def test_files_that_are_refused(settings: Settings) -> None:
    model = settings.paths.model
    assert "or ship a fitted estimator by itself: model.joblib, model.skops or model.onnx" in refusal(settings)

    file = model / "model.joblib"
    joblib.dump(Absent(), file)
    assert refusal(settings) == (
        "model.joblib needs the package tiffin_has_no_such_package, which this server does not have; install it in an "
        "image of your own: FROM this one, and a RUN line (docs/05-bring-your-own-model.md)"
    )
    joblib.dump({"a": 1}, file)
    assert refusal(settings) == (
        "model.joblib holds a dict, which has no predict(data); ship code/inference.py with it"
    )
    joblib.dump(DBSCAN().fit(ROWS), file)
    assert refusal(settings) == (
        "model.joblib holds a DBSCAN, which has no predict(data); ship code/inference.py with it"
    )
    file.write_bytes(b"not a pickle")
    assert refusal(settings).startswith("model.joblib cannot be loaded: ")
    file.write_bytes(pickle.dumps(FITTED)[:40])
    assert refusal(settings).startswith("model.joblib cannot be loaded: ")
    file.write_bytes(b"c__main__\nNoSuchClass\n.")
    assert refusal(settings).endswith("is not in the file: ship code/inference.py with it")

    skops.io.dump(FITTED, model / "model.skops")
    assert refusal(settings) == (f"{model} holds model.joblib and model.skops: ship one, or code/inference.py")
    file.unlink()
    skops.io.dump(RandomForestClassifier(2).fit(ROWS, LABELS), model / "model.skops")
    assert refusal(settings).startswith(
        "model.skops holds types that skops does not vouch for: sklearn.tree._tree.Tree. If you trust the file, ship "
    )
    (model / "model.skops").write_bytes(b"torn")
    assert refusal(settings).startswith("model.skops cannot be loaded: ")
    (model / "model.skops").unlink()

    (model / "model.onnx").write_bytes(b"torn")
    assert refusal(settings).startswith("model.onnx cannot be loaded: ")
    (model / "model.onnx").write_bytes((CASES / "takes-text.onnx").read_bytes())
    assert refusal(settings) == (
        "model.onnx: its input 'word' is tensor(string) of shape [None, 1], where rows of numbers are given; ship "
        "code/inference.py with it"
    )


@pytest.mark.parametrize(("name", "package"), [("model.skops", "skops"), ("model.onnx", "onnxruntime")])
def test_a_missing_reader_is_named(
    settings: Settings, name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (settings.paths.model / name).write_bytes(b"")
    monkeypatch.setitem(sys.modules, package, None)
    assert refusal(settings).startswith(f"{name} needs the package {package}, which this server does not have; ")


def test_code_comes_before_a_bare_file(settings: Settings) -> None:
    joblib.dump(FITTED, settings.paths.model / "model.joblib")
    settings.paths.code.mkdir()
    (settings.paths.code / "inference.py").write_text(
        "def model_fn(model_dir): return None\ndef predict_fn(data, model): return ['code']\n"
    )
    assert answer(settings, b"1,2\n") == b"code\n"
