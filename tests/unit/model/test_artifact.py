"""The artifact that training writes is the one that serves; any other is refused with what does not fit."""

import json
import logging
import shutil
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model import artifact, colour
from model.artifact import RECORD, TREES
from tests.unit.model.fitted import SCORES, fitted
from tiffin.errors import NoModel


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(saved, tmp_path / "model"))


def edit(folder: Path, **changes: Any) -> None:
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    (folder / RECORD).write_text(json.dumps(record | changes), encoding="utf-8")


@pytest.mark.parametrize("algorithm", ["tree", "forest"])
@pytest.mark.parametrize("color_space", ["rgb", "lab", "hsv"])
def test_round_trip(algorithm: str, color_space: str, tmp_path: Path) -> None:
    model = fitted(algorithm, color_space)
    artifact.save(tmp_path, model, SCORES)
    assert {path.name for path in tmp_path.iterdir()} == {RECORD, TREES}
    loaded = artifact.load(tmp_path)
    assert loaded.record.scores == SCORES
    assert loaded.record.labels == ["blue", "green", "red"]
    assert loaded.record.versions["scikit-learn"] == metadata.version("scikit-learn")
    rgb = np.random.default_rng(1).uniform(0, 255, (100, 3))
    np.testing.assert_array_equal(loaded.predict(rgb), model.predict(rgb))
    np.testing.assert_array_equal(loaded.probabilities(rgb), model.probabilities(rgb))
    np.testing.assert_allclose(loaded.probabilities(rgb).sum(axis=1), 1)


def test_no_rows(saved: Path) -> None:
    model = artifact.load(saved)
    assert model.predict(np.empty((0, 3))).tolist() == []
    assert model.probabilities(np.empty((0, 3))).shape == (0, 3)


# --- what is refused


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"features": ["R", "G", "B"]}, "trained on the features R, G, B, but color_space 'lab' gives L, A, B"),
        ({"color_space": "cmyk"}, "color_space 'cmyk' is unknown here; known are rgb, lab, lab-linear"),
        ({"color_space": "lab-linear"}, r"color_space 'lab-linear' is computed otherwise here .* differs by up to \d+"),
        ({"color_space": "rgb"}, "but color_space 'rgb' gives R, G, B"),
        ({"labels": ["blue", "green", "pink"]}, "labels the probe colours otherwise than at training"),
        ({"format": 2}, "has format 2; this server reads format 1"),
        ({"format": None}, "has format None"),
        ({"surprise": 1}, "is not whole: .*surprise"),
        ({"versions": None}, "no whole artifact of the colour classifier: AttributeError"),
        ({"probe": {}}, "no whole artifact of the colour classifier: KeyError: 'rgb'"),
        ({"probe": {"rgb": [[1, 2, 3]], "features": [[1, 2]]}}, "no whole artifact of the colour classifier: Value"),
        ({"features": 3}, "no whole artifact of the colour classifier: TypeError"),
    ],
)
def test_a_record_that_does_not_fit(changes: dict[str, Any], reason: str, folder: Path) -> None:
    edit(folder, **changes)
    with pytest.raises(NoModel, match=reason):
        artifact.load(folder)


def test_a_record_that_is_none(folder: Path) -> None:
    (folder / RECORD).write_text("[1]")
    with pytest.raises(NoModel, match="has format None"):
        artifact.load(folder)
    (folder / RECORD).write_text('{"format": 1')
    with pytest.raises(NoModel, match=r"colour\.json cannot be read"):
        artifact.load(folder)
    (folder / RECORD).write_text('{"format": 1}')
    with pytest.raises(NoModel, match=r"is not whole: .*missing"):
        artifact.load(folder)
    (folder / RECORD).unlink()
    with pytest.raises(NoModel, match=r"holds no colour\.json: it is no artifact of the colour classifier; run train"):
        artifact.load(folder)


def test_a_constant_changed_since_training(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(colour, "LINEAR_BELOW", 0.04045)  # the newer standard's: too little to see by eye
    artifact.load(saved)  # no probe colour lies between the two
    monkeypatch.setattr(colour, "WHITE", np.array([0.9505, 1.0, 1.089]))
    with pytest.raises(NoModel, match="is computed otherwise here than at training"):
        artifact.load(saved)


def test_labels_that_differ_on_the_probe(folder: Path) -> None:
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    edit(folder, probe=record["probe"] | {"labels": record["probe"]["labels"][::-1]})
    with pytest.raises(NoModel, match="labels the probe colours otherwise than at training"):
        artifact.load(folder)


def test_no_trees(folder: Path) -> None:
    (folder / TREES).unlink()
    with pytest.raises(NoModel, match=r"no trees\.npz: the artifact is not whole; train again"):
        artifact.load(folder)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_torn_trees(share: float, folder: Path) -> None:
    whole = (folder / TREES).read_bytes()
    (folder / TREES).write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(NoModel, match=r"trees\.npz cannot be read"):
        artifact.load(folder)


def test_objects_that_could_run_code(folder: Path) -> None:
    np.savez(folder / TREES, roots=np.array([Path("/")], dtype=object))
    with pytest.raises(NoModel, match="Object arrays cannot be loaded when allow_pickle=False"):
        artifact.load(folder)


# --- forged trees: walked they would leave the arrays, or never end


def child_outside(arrays: dict[str, Any]) -> None:
    arrays["left"][0] = 10**6


def child_negative(arrays: dict[str, Any]) -> None:
    arrays["right"][0] = -7


def a_loop(arrays: dict[str, Any]) -> None:
    arrays["left"][0] = 0


def feature_outside(arrays: dict[str, Any]) -> None:
    arrays["feature"][0] = 3


def feature_negative(arrays: dict[str, Any]) -> None:
    arrays["feature"][0] = -2


def no_tree(arrays: dict[str, Any]) -> None:
    arrays["roots"] = arrays["roots"][:0]


def root_outside(arrays: dict[str, Any]) -> None:
    arrays["roots"][-1] = len(arrays["feature"])


def no_nodes(arrays: dict[str, Any]) -> None:
    arrays |= {name: array[:0] for name, array in arrays.items() if name != "roots"}


def another_type(arrays: dict[str, Any]) -> None:
    arrays["left"] = arrays["left"].astype(np.float64)


def fewer_shares(arrays: dict[str, Any]) -> None:
    arrays["shares"] = arrays["shares"][:, 1:]


def a_share_that_is_none(arrays: dict[str, Any]) -> None:
    arrays["shares"][0, 0] = np.nan


def an_array_missing(arrays: dict[str, Any]) -> None:
    del arrays["right"]


FORGERIES = [
    *(child_outside, child_negative, a_loop, feature_outside, feature_negative, no_tree, root_outside, no_nodes),
    *(another_type, fewer_shares, a_share_that_is_none, an_array_missing),
]


@pytest.mark.parametrize("algorithm", ["tree", "forest"])
@pytest.mark.parametrize("change", FORGERIES, ids=lambda change: change.__name__)
def test_forged_trees(change: Callable[[dict[str, Any]], None], algorithm: str, tmp_path: Path) -> None:
    artifact.save(tmp_path, fitted(algorithm), SCORES)
    with np.load(tmp_path / TREES) as stored:
        arrays = {name: stored[name].copy() for name in stored}
    change(arrays)
    np.savez(tmp_path / TREES, **arrays)
    with pytest.raises(NoModel, match=r"trees\.npz cannot be read: .*train again"):
        artifact.load(tmp_path)


# --- versions


def another(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """This server has scikit-learn `version`."""
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: version if name == "scikit-learn" else real(name))


def test_another_minor_version_is_refused(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = metadata.version("scikit-learn")
    another(monkeypatch, "3.0.0")
    with pytest.raises(NoModel, match=f"trained with scikit-learn {trained}, this server has 3.0.0") as refused:
        artifact.load(saved)
    assert "TIFFIN_ALLOW_VERSION_MISMATCH=true" in str(refused.value)


def test_unless_it_is_allowed(saved: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    another(monkeypatch, "3.0.0")
    with caplog.at_level(logging.WARNING):
        assert len(artifact.load(saved, allow_version_mismatch=True).predict(np.zeros((2, 3)))) == 2
    assert "served all the same" in caplog.text


def test_another_patch_is_only_said(
    saved: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    another(monkeypatch, ".".join([*metadata.version("scikit-learn").split(".")[:2], "99"]))
    with caplog.at_level(logging.WARNING):
        artifact.load(saved)
    assert "a patch apart" in caplog.text


def test_an_unknown_version_is_another(folder: Path) -> None:
    edit(folder, versions={"python": "3.11"})
    with pytest.raises(NoModel, match="trained with scikit-learn unknown"):
        artifact.load(folder)
