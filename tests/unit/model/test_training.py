"""train_fn on small data: how rows are parted, what is refused, what is written."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import artifact, training
from model.training import Hyperparameters
from tests.job import colours
from tiffin.errors import BadJob
from tiffin.job import Channel, TrainingJob

SMALL = Hyperparameters(max_leaf_nodes=4)


def job(base: Path, hyperparameters: Hyperparameters = SMALL, **channels: str) -> TrainingJob:
    for name, content in channels.items():
        (base / name).mkdir()
        (base / name / "colours.csv").write_text(content)
    (base / "model").mkdir()
    return TrainingJob(
        hyperparameters=hyperparameters,
        channels={name: Channel(name, base / name) for name in channels},
        model_dir=base / "model",
        output_data_dir=base / "output",
        checkpoint_dir=base / "checkpoints",
    )


def report(base: Path) -> Any:
    return json.loads((base / "output" / "report.json").read_text(encoding="utf-8"))


def test_few_rows_need_no_hyperparameter(tmp_path: Path) -> None:
    """Fewer than the search of a tree's size has folds."""
    training.train_fn(job(tmp_path, Hyperparameters(), train=colours(2)))
    assert artifact.load(tmp_path / "model").predict(np.array([[200.0, 10, 10]])).tolist() == ["red"]


def test_channels_of_their_own_are_never_trained_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    test = "R,G,B,LABEL\n250,0,0,red\n0,0,250,violet\n"
    training.train_fn(job(tmp_path, train=colours(5), validation=colours(2), test=test))
    figures = report(tmp_path)
    assert figures["training_rows"] == 15
    assert figures["split"] == "channels of their own: validation, test"
    assert [(name, e["rows"]) for name, e in figures["evaluations"].items()] == [
        ("train", 15),
        ("validation", 6),
        ("test", 2),
    ]
    assert "test_accuracy=0.5;\n" in capsys.readouterr().out
    assert artifact.load(tmp_path / "model").record.labels == ["blue", "green", "red"]


@pytest.mark.parametrize("refit", [True, False])
def test_refit_changes_the_artifact_and_no_score(refit: bool, tmp_path: Path) -> None:
    training.train_fn(job(tmp_path, replace(SMALL, refit=refit), train=colours(10)))
    model = artifact.load(tmp_path / "model")
    assert model.trees.rows[0] == (30 if refit else 21)
    assert ("fitted to all 30 rows" in report(tmp_path)["split"]) == refit
    assert model.record.scores["test"] == report(tmp_path)["evaluations"]["test"]["scores"]


def test_the_same_job_twice_gives_the_same_artifact(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        training.train_fn(job(tmp_path / name, train=colours(10)))
    first, second = ((tmp_path / name / "model" / "colour.json").read_bytes() for name in ("a", "b"))
    assert first == second


def test_a_color_space_of_a_package_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "colorspace", None)
    with pytest.raises(BadJob, match=r"^hyperparameter color_space='luv': .* pip install colorspace$"):
        training.train_fn(job(tmp_path, Hyperparameters(color_space="luv"), train=colours(2)))


@given(
    st.lists(st.sampled_from("abcd"), max_size=40).map(lambda more: list("aabbccdd") + more),
    st.floats(0.05, 0.5),
    st.integers(0, 99),
)
def test_each_label_is_on_both_sides_of_the_split(labels: list[str], fraction: float, seed: int) -> None:
    array = np.array(labels)
    chosen, test = training._stratified(array, fraction, seed)
    assert sorted([*chosen, *test]) == list(range(len(labels)))
    assert set(array[chosen]) == set(array[test]) == set("abcd")
    assert len(test) <= len(labels) * 0.5 + 4
