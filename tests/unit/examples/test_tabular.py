"""The plug that trains any estimator by its name."""
# ruff: noqa: E501  sentences stand here as a person reads them

import json
import logging
from pathlib import Path

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from examples.tabular import artifact, estimators
from examples.tabular.inference import Served
from tests.server import ROOT
from tests.unit.examples.jobs import FREE, PEOPLE, ask, load, tabular
from tiffin.errors import BadJob, BadPayload, NoModel

CUSTOMERS = (ROOT / "examples" / "tabular" / "data" / "customers.csv").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return load(tabular(tmp_path_factory.mktemp("people"), PEOPLE, FREE))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("LogisticRegression", "is no full name of a class such as sklearn.linear_model.LogisticRegression"),
        ("", "is no full name of a class such as sklearn.linear_model.LogisticRegression"),
        ("os.system", "is of the package 'os'; allowed are sklearn, xgboost, lightgbm"),
        ("sklearn; import os", "is no full name of a class such as sklearn.linear_model.LogisticRegression"),
        ("sklearn.linear_model._base.LinearModel", "is not public: a part of it begins with an underscore"),
        ("sklearn.nowhere.A", "is in a module that is not there, sklearn.nowhere"),
        (
            "sklearn.linear_model.LogisticRegresion",
            "is not there: sklearn.linear_model has no LogisticRegresion; "
            "did you mean sklearn.linear_model.LogisticRegression?",
        ),
        ("sklearn.metrics.accuracy_score", "is no estimator: a function that cannot be fitted to data"),
        ("sklearn.base.ClassifierMixin", "is no estimator: a type that cannot be fitted to data"),
        ("xgboost.XGBClassifier", "needs the package xgboost, which this image does not have"),
        (
            "sklearn.model_selection.GridSearchCV",
            "is built around 'estimator', which a hyperparameter cannot give; name what is inside",
        ),
    ],
)
def test_names_that_are_refused(name: str, sentence: str) -> None:
    with pytest.raises(BadJob) as raised:
        estimators.build(name, {}, 0)
    assert str(raised.value) == f"hyperparameter estimator={name!r} {sentence}"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"estimator.Cc": "1"}, "hyperparameter 'estimator.Cc' is unknown; did you mean 'estimator.C'?"),
        ({"estimator.fit_intercept": "3"}, "hyperparameter estimator.fit_intercept=3 is neither true nor false"),
        (
            {"estimator.C": "-1"},
            "hyperparameters estimator.…: The 'C' parameter of LogisticRegression must be a float in the range "
            "(0.0, inf]. Got -1 instead.",
        ),
        ({"target": "gone"}, "hyperparameter target: there is no column 'gone'; there are age, plan, news, spend, left"),
        ({"ignore": "age,x"}, "hyperparameter ignore: there is no column 'x'; there are age, plan, news, spend, left"),
        (
            {"target": ""},
            "hyperparameter 'target' is missing: sklearn.linear_model.LogisticRegression learns from a column that it is "
            "to predict; there are age, plan, news, spend, left",
        ),
        (
            {"estimator": "sklearn.cluster.DBSCAN"},
            "hyperparameter estimator: DBSCAN has neither predict nor transform, so that it cannot answer rows it was not "
            "fitted to",
        ),
        (
            {"estimator": "sklearn.cluster.KMeans"},
            "hyperparameter target='left': sklearn.cluster.KMeans learns without one; leave it out, or name the column in "
            "ignore",
        ),
        ({"estimator": "sklearn.feature_extraction.text.CountVectorizer"},
         "hyperparameter estimator: CountVectorizer takes no table of columns"),
        (
            {"estimator": "sklearn.linear_model.LinearRegression", "target": "plan"},
            "train/rows.csv, line 2, column 'plan': 'basic' is not a number",
        ),
        (
            {"categorical": "spend", "max_categories": "10"},
            "column 'spend' has 40 different texts, such as '0.0': an id or free text is no category. Name it in ignore, "
            "or raise max_categories=10",
        ),
        (
            {"estimator": "sklearn.ensemble.RandomForestClassifier"},
            "skops does not vouch for sklearn.tree._tree.Tree, which RandomForestClassifier holds; set format=joblib to "
            "store it all the same; joblib is pickle: whoever can change the file can run code in the server that loads it",
        ),
    ],
)  # fmt: skip
def test_jobs_that_are_refused(tmp_path: Path, given: dict[str, str], sentence: str) -> None:
    with pytest.raises(BadJob) as raised:
        tabular(tmp_path, PEOPLE, {name: text for name, text in (FREE | given).items() if text})
    assert str(raised.value) == sentence


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("a,b\n1,x\n2", "train/rows.csv, line 3: has 1 columns where others have 2"),
        ("a,A,b\n1,2,x", "train/rows.csv, line 1: the header has 'A' twice"),
        ("a,,b\n1,2,x", "train/rows.csv, line 1: the header's name of column 2 is empty"),
        ("1,x\n2,y", "train/rows.csv, line 1: the header has a number, '1', where names are; if the files have no header, "
         "set header=false"),
        ("a,b", "channel 'train': the CSV files have no rows"),
        ("a,b\n1,x\n2,", "train/rows.csv, line 3, column 'b': the target is empty"),
        ("a,b\n1,x\n2,x\n3,x", "column 'b': every row has the label 'x'; two or more are needed"),
        ("a,b\n,x\n,y", "column 'a' is empty in every row; leave it out, or name it in ignore"),
        ("b\nx\ny", "there is no column to learn from but the target and those to ignore"),
        ("a,b\n1,x\n2,y", "there are 2 rows; 4 are the least to hold some out, or send a channel 'test'"),
        ('a,b\n"1,x', "train/rows.csv, line 2: not CSV: a quote is opened and never closed"),
    ],
)  # fmt: skip
def test_training_files_that_are_refused(tmp_path: Path, rows: str, sentence: str) -> None:
    with pytest.raises(BadJob) as raised:
        tabular(tmp_path, rows, FREE | {"target": "b"})
    assert str(raised.value) == sentence


@pytest.mark.parametrize(
    ("body", "header", "sentence"),
    [
        ("30,basic,true", False, "row 1: has 3 columns, not 4: age,plan,news,spend"),
        ("30,basic,true,1\nx,pro,true,1", False, "row 2, column 'age': 'x' is not a number"),
        ("1_0,basic,true,1", False, "row 1, column 'age': '1_0' is not a number"),
        ("inf,basic,true,1", False, "row 1, column 'age': 'inf' is not a finite number"),
        ("30,Pro,true,1", False,
         "row 1, column 'plan': 'Pro' is no category that the model was trained on; did you mean 'pro'?"),
        ("30,gold,true,1", False,
         "row 1, column 'plan': 'gold' is no category that the model was trained on: basic, pro"),
        ("30,,true,1", False, "row 1, column 'plan': is empty; the training data had a value in every row"),
        ("30,pro,maybe,1", False, "row 1, column 'news': 'maybe' is neither true nor false"),
        ("age,plan,news,spend\n30,pro,true,1", False, "row 1, column 'age': 'age' is not a number; row 1 is a header: say "
         "so with Content-Type: text/csv; header=present"),
        ("age,plan,news\n30,pro,true", True, "column 'spend': is missing; this model takes age, plan, news, spend"),
        ("age,plan,news,spend,x\n30,pro,true,1,2", True,
         "column 'x': is no column of this model, which takes age, plan, news, spend"),
        ("age,plan,news,spend,left\n30,pro,true,1,no", True, "column 'left': is what the model answers; leave it out"),
    ],
)  # fmt: skip
def test_requests_that_are_refused(served: Served, body: str, header: bool, sentence: str) -> None:
    with pytest.raises(BadPayload) as raised:
        ask(served, body, header)
    assert str(raised.value) == sentence


def test_columns_are_taken_by_name_and_a_missing_value_where_there_was_one(served: Served) -> None:
    assert ask(served, "30,pro,true,1\n,basic,FALSE,55") == [["yes"], ["no"]]
    assert ask(served, "SPEND,news,plan,age\n1,1,pro,30", header=True) == [["yes"]]


def test_probabilities(served: Served) -> None:
    ((label, no, yes),) = ask(served, "30,pro,true,1", accept="text/csv; probabilities=true")
    assert label == "yes"
    assert yes > 0.5
    assert no + yes == pytest.approx(1)


def test_an_estimator_without_probabilities_says_so(tmp_path: Path) -> None:
    model = load(tabular(tmp_path, PEOPLE, FREE | {"estimator": "sklearn.svm.LinearSVC"}))
    with pytest.raises(BadPayload, match=r"sklearn\.svm\.LinearSVC gives none; ask without it"):
        ask(model, "30,pro,true,1", accept="text/csv; probabilities=true")


def test_labels_are_those_of_plain_scikit_learn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head, *lines = CUSTOMERS.splitlines()
    rows = [line.split(",") for line in lines]
    plain = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), [0, 3, 4]),
            ("booleans", "passthrough", [5]),
            ("categories", OneHotEncoder(sparse_output=False), [1, 2]),
        ]
    )
    cells = np.array(
        [[float(r[0] or "nan"), r[1], r[2], float(r[3]), float(r[4]), float(r[5] == "true")] for r in rows],
        dtype=object,
    )
    whole = np.array([bool(r[2]) for r in rows])  # the plain encoder would make a missing city a category
    text = "\n".join([head, *(line for line, keep in zip(lines, whole, strict=True) if keep)])
    model = load(tabular(tmp_path, text, FREE | {"target": "churned", "estimator.C": "0.5"}))
    expected = make_pipeline(plain, LogisticRegression(C=0.5, random_state=0)).fit(
        cells[whole], np.array([r[6] for r in rows])[whole]
    )
    body = "\n".join(",".join(r[:6]) for r, keep in zip(rows, whole, strict=True) if keep)
    assert [row[0] for row in ask(model, body)] == expected.predict(cells[whole]).tolist()
    assert "test_accuracy=0." in capsys.readouterr().out


def test_a_headerless_file_has_its_label_first_as_the_built_in_algorithms_have_it(tmp_path: Path) -> None:
    rows = "\n".join(f"{int(i > 10)},{i},{i * 2}" for i in range(21))
    model = load(tabular(tmp_path, rows, {"estimator": FREE["estimator"], "header": "false"}))
    assert ask(model, "1,2\n20,40") == [[0], [1]]
    with pytest.raises(BadPayload, match="row 1: has 3 columns, not 2: 2,3"):
        ask(model, "1,1,2")


@pytest.mark.parametrize(
    ("given", "width", "metric"),
    [
        ({"estimator": "sklearn.cluster.KMeans", "estimator.n_clusters": "3"}, 1, "test_silhouette="),
        ({"estimator": "sklearn.decomposition.PCA", "estimator.n_components": "2"}, 2, "test_explained_variance="),
        ({"estimator": "sklearn.covariance.EllipticEnvelope", "ignore": "plan,news,left"}, 1, "test_outlier_share="),
        ({"estimator": "sklearn.linear_model.Ridge", "target": "spend"}, 1, "test_rmse="),
        ({"estimator": "sklearn.ensemble.RandomForestClassifier", "target": "left", "format": "joblib",
          "estimator.n_estimators": '"5"'}, 1, "test_f1_macro="),
    ],
)  # fmt: skip
def test_every_task_answers_and_prints_its_scores(
    tmp_path: Path, given: dict[str, str], width: int, metric: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model = load(tabular(tmp_path, PEOPLE, given))
    head, first, second = PEOPLE.splitlines()[:3]
    names = head.split(",")
    wanted = [names.index(name) for name in model.model.schema.names]
    body = "\n".join(",".join(line.split(",")[i] for i in wanted) for line in (first, second))
    assert [len(row) for row in ask(model, body)] == [width, width]
    assert metric in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"sha256": "0"}, "is not the file that schema.json was written with"),
        ({"format": 2}, "has format 2; this server reads format 1: train again"),
        (
            {"versions": {"scikit-learn": "0.20.2"}},
            "the artifact was trained with scikit-learn 0.20.2, this server has",
        ),
        ({"columns": 3}, "is not whole: TypeError"),
        ({"file": "../other.skops"}, "cannot be read: No such file or directory; train again"),
    ],
)
def test_artifacts_that_do_not_fit(tmp_path: Path, change: dict[str, object], sentence: str) -> None:
    model = tabular(tmp_path, PEOPLE, FREE)
    schema = json.loads((model / "schema.json").read_text()) | change
    (model / "schema.json").write_text(json.dumps(schema))
    with pytest.raises(NoModel) as raised:
        artifact.load(model)
    assert sentence in str(raised.value)


def test_another_version_is_served_where_the_setting_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = tabular(tmp_path, PEOPLE, FREE)
    schema = json.loads((model / "schema.json").read_text()) | {"versions": {"scikit-learn": "0.20.2"}}
    (model / "schema.json").write_text(json.dumps(schema))
    with caplog.at_level(logging.WARNING):
        artifact.load(model, allow_version_mismatch=True)
    assert "served all the same, as TIFFIN_ALLOW_VERSION_MISMATCH asks" in caplog.text
