"""The report: one page that needs nothing else, and figures that agree with each other."""

import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, precision_recall_fscore_support

from model import artifact, drawing, report
from model.artifact import ColourModel
from model.dataset import Dataset
from model.estimators import fit
from tests.unit.model.fitted import dataset, fitted

SCRIPT = "<script>alert(1)</script>"


def written(folder: Path, model: ColourModel, **held_out: Dataset) -> tuple[str, dict[str, Any]]:
    """report.html and report.json of a model that was trained on what `fitted` trains on."""
    training = dataset()
    evaluations = [report.evaluate(name, model, data) for name, data in {"train": training, **held_out}.items()]
    page = report.write(folder, model, training, evaluations, "by hand")
    return page.read_text(encoding="utf-8"), json.loads((folder / "report.json").read_text(encoding="utf-8"))


class Links(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.targets: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.targets += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]


def test_the_page_needs_no_other_file(tmp_path: Path) -> None:
    page, _ = written(tmp_path, fitted(), test=dataset(seed=1))
    links = Links(page)
    assert len(links.targets) == 3
    assert all(target.startswith("data:image/png;base64,") for target in links.targets)
    assert not {"script", "link", "iframe", "object"} & set(links.tags)
    assert not re.search(r"https?:|url\(|@import", page)


def test_pictures_are_images_and_the_same_in_the_page(tmp_path: Path) -> None:
    page, _ = written(tmp_path, fitted(), test=dataset(seed=1))
    inside = {base64.b64decode(target.partition(",")[2]) for target in Links(page).targets}
    pictures = {path.name: path for path in tmp_path.glob("*.png")}
    assert set(pictures) == {"label_counts.png", "confusion_matrix.png", "mistakes.png", "tree.png"}
    assert inside == {path.read_bytes() for name, path in pictures.items() if name != "mistakes.png"}
    for path in pictures.values():
        height, width, _ = matplotlib.image.imread(path).shape
        assert min(height, width) > 50


def test_figures_agree_with_each_other_and_with_scikit_learn(tmp_path: Path) -> None:
    model, test = fitted(), dataset(seed=1)
    page, figures = written(tmp_path, model, test=test)
    assert figures["training_rows"] == sum(figures["label_counts"].values()) == 300
    for name, data in (("train", dataset()), ("test", test)):
        evaluation = figures["evaluations"][name]
        matrix, labels = np.array(evaluation["confusion_matrix"]), evaluation["labels"]
        assert evaluation["rows"] == matrix.sum() == len(data)
        assert matrix.sum(axis=1).tolist() == [row["rows"] for row in evaluation["per_class"]]
        assert len(evaluation["mistakes"]) == matrix.sum() - np.trace(matrix)
        assert evaluation["scores"]["accuracy"] == pytest.approx(np.trace(matrix) / matrix.sum())
        predicted = model.predict(data.rgb)
        assert evaluation["scores"]["balanced_accuracy"] == pytest.approx(
            balanced_accuracy_score(data.labels, predicted)
        )
        per_class = precision_recall_fscore_support(data.labels, predicted, labels=labels)
        for column, values in zip(("precision", "recall", "f1", "rows"), per_class, strict=True):
            assert [row[column] for row in evaluation["per_class"]] == pytest.approx(values.tolist())
        assert evaluation["scores"]["macro_f1"] == pytest.approx(per_class[2].mean())
    scores = figures["evaluations"]["test"]["scores"]
    assert f"<b>{scores['accuracy']:.1%}</b><span>accuracy" in page
    assert f"<b>{len(figures['evaluations']['test']['mistakes'])}</b><span>colours wrong" in page


def test_a_label_that_training_never_saw(tmp_path: Path) -> None:
    test = replace(dataset(seed=1), labels=np.array(["mauve"] + ["red"] * 299))
    page, figures = written(tmp_path, fitted(), test=test)
    mauve = next(row for row in figures["evaluations"]["test"]["per_class"] if row["label"] == "mauve")
    assert mauve == {"label": "mauve", "rows": 1, "precision": 0.0, "recall": 0.0, "f1": 0.0}
    assert "is mauve, called " in page


# A label is drawn, too: `$` would begin a formula, and a page of text is wider than a picture can be.
@pytest.mark.parametrize("label", [SCRIPT, "not a colour", "none", r"$\frac{$", "_hidden", "a" * 5000, "0.5", "'\""])
def test_any_label(label: str, tmp_path: Path) -> None:
    labels = (label, "green", "blue")
    test = dataset(seed=1, labels=labels)
    test = replace(test, names=(SCRIPT,) * len(test))
    page, figures = written(tmp_path, fitted(labels=labels), test=test)
    assert label in figures["evaluations"]["test"]["labels"]
    assert {row["name"] for row in figures["evaluations"]["test"]["mistakes"]} == {SCRIPT}
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


@given(st.text() | st.sampled_from(["Blue", "grey", "r", "C0", "tab:blue", "none", "0.5", "#abc", "#11223344"]))
def test_a_swatch_is_a_colour_to_every_browser(label: str) -> None:
    assert re.fullmatch("#[0-9a-f]{6}", drawing.swatch_of(label))


def test_colour_words_in_any_case() -> None:
    assert drawing.swatch_of("Blue") == drawing.swatch_of("blue")
    assert drawing.swatch_of("purple") == "#800080"


def test_more_mistakes_than_are_shown(tmp_path: Path) -> None:
    data = dataset(count=400, seed=1)
    wrong = replace(data, labels=np.array(["red", "blue"])[(data.labels == "red").astype(int)])
    page, figures = written(tmp_path, fitted(), test=wrong)
    mistakes = figures["evaluations"]["test"]["mistakes"]
    assert len(mistakes) > report.MISTAKES_SHOWN
    assert page.count("<figure>") == report.MISTAKES_SHOWN == 120
    assert f"… and {len(mistakes) - 120} more, in report.json." in page


def test_no_mistakes(tmp_path: Path) -> None:
    model = fitted()
    data = dataset(seed=1)
    page, figures = written(tmp_path, model, test=replace(data, labels=model.predict(data.rgb)))
    assert "None: every colour got its own label." in page
    assert figures["evaluations"]["test"]["scores"] == {"accuracy": 1, "balanced_accuracy": 1, "macro_f1": 1}


def test_one_row_of_each_label(tmp_path: Path) -> None:
    test = Dataset(np.diag([250.0, 250.0, 250.0]), np.array(["red", "green", "blue"]), ("a", "b", "c"))
    _, figures = written(tmp_path, fitted(), test=test)
    assert figures["evaluations"]["test"]["rows"] == 3


def test_a_forest_has_no_tree_to_draw(tmp_path: Path) -> None:
    page, _ = written(tmp_path, fitted("forest"), test=dataset(seed=1))
    assert "Not drawn: it is no single tree" in page
    assert not (tmp_path / "tree.png").exists()


def test_a_tree_too_large_to_draw(tmp_path: Path) -> None:
    data = dataset(count=3000, seed=2)
    noise = np.random.default_rng(0).choice(["red", "blue"], 3000)
    estimator = fit("tree", data.rgb, noise, 0, max_leaf_nodes=2000)
    assert estimator.get_n_leaves() > 1000
    page, _ = written(tmp_path, artifact.model_of(estimator, "tree", "rgb", {}), test=dataset(count=50, seed=1))
    assert "or too large a one" in page
