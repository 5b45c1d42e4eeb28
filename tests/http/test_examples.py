"""The examples, trained and served by real processes; and bare model files, served."""
# ruff: noqa: E501  sentences stand here as a caller reads them

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

from tests import job
from tests.server import ROOT, Server, refused, serving

CASES = ROOT / "tests" / "cases" / "bare"
FOREST = {
    "estimator": "sklearn.ensemble.RandomForestClassifier",
    "estimator.n_estimators": "10",
    "target": "churned",
    "format": "joblib",
}
LINEAR = {"estimator": '"sklearn.linear_model.LogisticRegression"', "estimator.C": "0.5", "target": '"churned"'}


def trained(base: Path, example: str, data: str, given: Mapping[str, str]) -> dict[str, str]:
    """The environment of the plug that trained an artifact below `base`."""
    plug = {"TIFFIN_PLUG": str(ROOT / "examples" / example)}
    channel = job.channel(base)
    (channel / "data.csv").write_bytes((ROOT / "examples" / example / "data" / data).read_bytes())
    job.configure(base, hyperparameters=given, inputdataconfig={"train": {"TrainingInputMode": "File"}})
    ended = job.run(base, plug)
    assert ended.code == 0, ended.log
    return plug


@pytest.fixture(scope="module")
def tabular(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    base = tmp_path_factory.mktemp("tabular") / "ml"
    with serving(base, trained(base, "tabular", "customers.csv", LINEAR)) as server:
        yield server


@pytest.fixture(scope="module")
def recommender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    base = tmp_path_factory.mktemp("recommender") / "ml"
    with serving(base, trained(base, "recommender", "purchases.csv", {})) as server:
        yield server


def test_rows_by_position_and_by_name(tabular: Server) -> None:
    assert tabular.invoke(
        b"40,pro,Seoul,46,147.4,false\n,basic,\xec\x84\x9c\xea\xb7\x80\xed\x8f\xac,2,5,false\n"
    ).body == (b"no\nyes\n")
    row = {"spend": 5, "plan": "basic", "city": None, "months": 2, "newsletter": False, "age": 30}
    answer = tabular.invoke(json.dumps({"instances": [row]}).encode(), "application/json")
    assert json.loads(answer.body) == {"predictions": ["yes"]}
    answer = tabular.invoke(json.dumps(row).encode(), "application/json", Accept="text/csv; probabilities=true")
    label, no, yes = answer.body.decode().strip().split(",")
    assert label == "yes"
    assert float(no) + float(yes) == pytest.approx(1)


@pytest.mark.parametrize(
    ("body", "content_type", "message", "place"),
    [
        ('{"age": 3}', "application/json", "column 'plan': is missing; this model takes age, plan, city, months, spend, "
         "newsletter", (None, "plan")),
        ("40,gold,Seoul,4,1,true", "text/csv", "row 1, column 'plan': 'gold' is no category that the model was trained on: "
         "basic, family, pro", (1, "plan")),
        ("40,pro,Seoul,4,1,true\n40,pro,Seoul,many,1,true", "text/csv", "row 2, column 'months': 'many' is not a number",
         (2, "months")),
        ("1,2", "text/csv", "row 1: has 2 columns, not 6: age,plan,city,months,spend,newsletter", (1, None)),
    ],
)  # fmt: skip
def test_bad_rows_are_named(
    tabular: Server, body: str, content_type: str, message: str, place: tuple[int | None, str | None]
) -> None:
    answer = tabular.invoke(body.encode(), content_type)
    error = json.loads(answer.body)
    assert (answer.status, error["error"], error["message"]) == (400, "BadPayload", message)
    assert (error.get("row"), error.get("column")) == place


def test_a_forest_is_pickle_and_the_log_says_so(tmp_path: Path) -> None:
    base = tmp_path / "ml"
    with serving(base, trained(base, "tabular", "customers.csv", FOREST)) as server:
        assert server.invoke(b"40,pro,Seoul,46,147.4,false\n").body == b"no\n"
        assert "joblib is pickle: whoever can change the file can run code in the server that loads it" in server.log


def test_a_user_and_a_product_are_answered_by_a_double(recommender: Server) -> None:
    known, of_product = recommender.invoke(b"512505687,44600062\n1,44600062\n").body.split()
    assert float(known) != float(of_product)
    assert recommender.invoke(b'"512505687","44600062"\r\n').body == known + b"\n"
    assert recommender.invoke(b",44600062\n").body == of_product + b"\n"


def test_ten_thousand_rows_are_answered_as_one_by_one(recommender: Server) -> None:
    lines = [f"{512500000 + 2 * i},{44600000 + i % 9000}" for i in range(10_000)]
    answers = recommender.invoke("\n".join(lines).encode()).body.splitlines()
    assert len(answers) == 10_000
    for i in range(0, 10_000, 1234):
        assert recommender.invoke(lines[i].encode()).body == answers[i] + b"\n"


@pytest.mark.parametrize("name", ["model.joblib", "model.skops", "model.onnx"])
def test_a_bare_file_is_served_without_code(base: Path, name: str) -> None:
    """Each process answers: what was loaded before the fork works after it."""
    rows = np.arange(12.0).reshape(6, 2)
    fitted = LogisticRegression().fit(rows, ["low"] * 3 + ["high"] * 3)
    match name:
        case "model.joblib":
            joblib.dump(fitted, base / "model" / name)
        case "model.skops":
            skops.io.dump(fitted, base / "model" / name)
        case _:
            (base / "model" / name).write_bytes((CASES / "text-labels.onnx").read_bytes())
    known = json.loads((CASES / "text-labels.json").read_text(encoding="utf-8"))
    asked, wanted = (known["rows"], known["answers"]) if name == "model.onnx" else ([[0, 1], [10, 11]], ["low", "high"])
    with serving(base, {"TIFFIN_PLUG": str(base / "none")}) as server:
        for _ in range(20):
            answer = server.invoke(json.dumps(asked).encode(), "application/json")
            assert json.loads(answer.body) == wanted
        assert "there is no model code" in server.log
        assert server.invoke(b"x,1\n").status == 400
        assert server.invoke(b"1\n").status == 400
        assert server.stop() == 0


def test_a_bare_file_that_cannot_be_read_stops_the_start(base: Path) -> None:
    (base / "model" / "model.joblib").write_bytes(b"torn")
    code, log = refused(base, {"TIFFIN_PLUG": str(base / "none")})
    assert code == 1
    assert "cannot serve: model.joblib cannot be loaded: " in log
