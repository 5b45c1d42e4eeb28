"""The artifact: the fitted trees, and the record of what they were fitted to.

    colour.json   algorithm, colour space, feature names, labels, versions, scores, and a probe
    trees.npz     the trees as arrays; loading them runs no code and imports no scikit-learn

The probe is a grid of colours with the features and labels they had at training time. A server computes both again
before it says that it is ready: an artifact trained in one colour space and served in another cannot pass.
"""

import json
import logging
import platform
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model import colour
from model.trees import Trees
from tiffin import __version__, versions
from tiffin.errors import NoModel
from tiffin.table import Floats

log = logging.getLogger(__name__)

FORMAT = 1
RECORD, TREES = "colour.json", "trees.npz"
TOLERANCE = 1e-6  # far above rounding, far below what another colour space or constant makes
_PROBE = np.array(list(product((0, 96, 160, 255), repeat=3)), dtype=np.float64)

Labels = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Record:
    algorithm: str
    color_space: str
    features: list[str]
    labels: list[str]
    hyperparameters: dict[str, Any]
    scores: dict[str, dict[str, float]]
    versions: dict[str, str]
    probe: dict[str, list[Any]]
    format: int = FORMAT


@dataclass(frozen=True)
class ColourModel:
    record: Record
    trees: Trees

    def predict(self, rgb: Floats) -> Labels:
        """(n, 3) of 0 to 255 -> (n,) labels."""
        names = np.array(self.record.labels)
        labels: Labels = names[self.probabilities(rgb).argmax(axis=1)]
        return labels

    def probabilities(self, rgb: Floats) -> Floats:
        """(n, 3) of 0 to 255 -> (n, labels), in the order of `record.labels`; each row sums to 1."""
        return self.trees.shares_of(colour.to_features(rgb, self.record.color_space))


def model_of(estimator: Any, algorithm: str, color_space: str, hyperparameters: dict[str, Any]) -> ColourModel:
    """A fitted estimator with the record of what it was fitted on; its scores are not known yet."""
    features = colour.to_features(_PROBE, color_space)
    record = Record(
        algorithm=algorithm,
        color_space=color_space,
        features=list(colour.SPACES[color_space].features),
        labels=[str(label) for label in estimator.classes_],
        hyperparameters=hyperparameters,
        scores={},
        versions=_versions(),
        probe={
            "rgb": _PROBE.tolist(),
            "features": features.tolist(),
            "labels": estimator.predict(features).tolist(),
        },
    )
    return ColourModel(record, Trees.of(estimator))


def save(folder: Path, model: ColourModel, scores: dict[str, dict[str, float]]) -> None:
    model.trees.write(folder / TREES)
    record = json.dumps(asdict(replace(model.record, scores=scores)), indent=1, ensure_ascii=False)
    (folder / RECORD).write_text(record + "\n", encoding="utf-8")


def load(folder: Path, allow_version_mismatch: bool = False) -> ColourModel:
    """Raises NoModel with what does not fit and what would mend it."""
    record = _read_record(folder)
    try:
        versions.check("scikit-learn", record.versions.get("scikit-learn", "unknown"), allow_version_mismatch)
        _check_features(record)
        model = ColourModel(record, _read_trees(folder, record))
        _check_labels(model)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:  # a part of the wrong type or shape
        reason = f"{type(error).__name__}: {error}"
        raise NoModel(f"{folder} holds no whole artifact of the colour classifier: {reason}; train again") from error
    return model


def _versions() -> dict[str, str]:
    packages = ("numpy", "scikit-learn")
    return {"python": platform.python_version(), "tiffin": __version__} | {p: metadata.version(p) for p in packages}


def _read_record(folder: Path) -> Record:
    file = folder / RECORD
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NoModel(f"{folder} holds no {RECORD}: it is no artifact of the colour classifier; run train") from None
    except (OSError, ValueError) as error:
        raise NoModel(f"{file} cannot be read: {error}") from None
    version = document.get("format") if isinstance(document, dict) else None
    if version != FORMAT:
        raise NoModel(
            f"{file} has format {version}; this server reads format {FORMAT}: train again, or take its release"
        )
    try:
        return Record(**document)
    except TypeError as error:
        raise NoModel(f"{file} is not whole: {error}") from None


def _check_features(record: Record) -> None:
    space = colour.SPACES.get(record.color_space)
    if space is None:
        raise NoModel(
            f"the artifact's color_space {record.color_space!r} is unknown here; known are {', '.join(colour.SPACES)}"
        )
    if tuple(record.features) != space.features:
        raise NoModel(
            f"the artifact was trained on the features {', '.join(record.features)}, but color_space "
            f"{record.color_space!r} gives {', '.join(space.features)}: train again in the space that is served"
        )
    try:
        here = colour.to_features(np.array(record.probe["rgb"]), record.color_space)
    except ValueError as error:
        raise NoModel(f"the artifact's color_space {record.color_space!r} cannot be computed here: {error}") from None
    off = np.abs(here - np.array(record.probe["features"])).max(axis=0)
    if not (off <= TOLERANCE).all():
        worst = int(off.argmax())
        raise NoModel(
            f"color_space {record.color_space!r} is computed otherwise here than at training: "
            f"{record.features[worst]} differs by up to {off[worst]:.3g}. Train again with this version"
        )


def _read_trees(folder: Path, record: Record) -> Trees:
    file = folder / TREES
    if not file.is_file():
        raise NoModel(f"{folder} holds {RECORD} but no {TREES}: the artifact is not whole; train again")
    try:
        return Trees.read(file, len(record.features), len(record.labels))
    except Exception as error:  # a torn file fails in as many ways as there are formats inside it
        raise NoModel(f"{file} cannot be read: {error}; train again") from error


def _check_labels(model: ColourModel) -> None:
    if model.predict(np.array(model.record.probe["rgb"])).tolist() != model.record.probe["labels"]:
        raise NoModel(f"{TREES} labels the probe colours otherwise than at training: it is of another training")
