"""The artifact: the fitted estimator, and the record of what it was trained on.

    colour.json       algorithm, colour space, feature names, labels, versions, scores, and a probe
    estimator.skops   the scikit-learn estimator; loading it runs no code

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
from zipfile import ZIP_DEFLATED

import numpy as np
import numpy.typing as npt

from model import colour
from tiffin import __version__
from tiffin.errors import NoModel

log = logging.getLogger(__name__)

FORMAT = 1
RECORD, ESTIMATOR = "colour.json", "estimator.skops"
TOLERANCE = 1e-6  # far above rounding, far below what another colour space or constant makes
# skops asks for trust in a tree's node table, since a forged one can point outside its arrays; `_check_trees` looks.
TRUSTED = ["sklearn.tree._tree.Tree"]
_PROBE = np.array(list(product((0, 96, 160, 255), repeat=3)), dtype=np.float64)

Labels = npt.NDArray[np.str_]
Floats = npt.NDArray[np.float64]


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
    estimator: Any

    def predict(self, rgb: Floats) -> Labels:
        """(n, 3) of 0 to 255 -> (n,) labels."""
        if not len(rgb):
            return np.empty(0, dtype=np.str_)
        labels: Labels = self.estimator.predict(colour.to_features(rgb, self.record.color_space))
        return labels

    def probabilities(self, rgb: Floats) -> Floats:
        """(n, 3) of 0 to 255 -> (n, labels), in the order of `record.labels`; each row sums to 1."""
        if not len(rgb):
            return np.empty((0, len(self.record.labels)))
        shares: Floats = self.estimator.predict_proba(colour.to_features(rgb, self.record.color_space))
        return shares


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
    return ColourModel(record, estimator)


def save(folder: Path, model: ColourModel, scores: dict[str, dict[str, float]]) -> None:
    import skops.io

    # compressed: a forest is 59 MB as it is and 7 MB so
    skops.io.dump(model.estimator, folder / ESTIMATOR, compression=ZIP_DEFLATED)
    record = json.dumps(asdict(replace(model.record, scores=scores)), indent=1, ensure_ascii=False)
    (folder / RECORD).write_text(record + "\n", encoding="utf-8")


def load(folder: Path, allow_version_mismatch: bool = False) -> ColourModel:
    """Raises NoModel with what does not fit and what would mend it."""
    record = _read_record(folder)
    try:
        _check_versions(record, allow_version_mismatch)
        _check_features(record)
        model = ColourModel(record, _read_estimator(folder))
        _check_estimator(model)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:  # a part of the wrong type or shape
        reason = f"{type(error).__name__}: {error}"
        raise NoModel(f"{folder} holds no whole artifact of the colour classifier: {reason}; train again") from error
    return model


def _versions() -> dict[str, str]:
    packages = ("numpy", "scikit-learn", "skops")
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


def _check_versions(record: Record, allow_mismatch: bool) -> None:
    trained, here = record.versions.get("scikit-learn", "unknown"), metadata.version("scikit-learn")
    if trained == here:
        return
    if trained.split(".")[:2] == here.split(".")[:2]:
        log.warning("trained with scikit-learn %s, served with %s: a patch apart", trained, here)
        return
    reason = f"the artifact was trained with scikit-learn {trained}, this server has {here}"
    if not allow_mismatch:
        raise NoModel(
            f"{reason}: answers may differ. Train again with {here}, install {trained}, "
            "or set TIFFIN_ALLOW_VERSION_MISMATCH=true to serve it all the same"
        )
    log.warning("%s; served all the same, as TIFFIN_ALLOW_VERSION_MISMATCH asks", reason)


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


def _read_estimator(folder: Path) -> Any:
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    file = folder / ESTIMATOR
    if not file.is_file():
        raise NoModel(f"{folder} holds {RECORD} but no {ESTIMATOR}: the artifact is not whole; train again")
    try:
        return skops.io.load(file, trusted=TRUSTED)
    except UntrustedTypesFoundException as error:
        raise NoModel(f"{file} holds types that a colour classifier does not: {error}") from None
    except Exception as error:  # a torn file fails in as many ways as there are formats inside it
        raise NoModel(f"{file} cannot be read: {type(error).__name__}: {error}") from error


def _check_trees(estimator: Any) -> None:
    """Children come after their parent and within the table, and features exist: no walk leaves the arrays."""
    for member in getattr(estimator, "estimators_", [estimator]):
        table = member.tree_
        if not table.node_count:
            raise NoModel(f"{ESTIMATOR} holds a tree without nodes; train again")
        nodes = np.arange(table.node_count)
        inner = table.children_left != -1
        for children in (table.children_left, table.children_right):
            if len(children) != len(nodes) or not ((children > nodes) & (children < len(nodes)))[inner].all():
                raise NoModel(f"{ESTIMATOR} holds a tree whose nodes point outside it; train again")
        if not ((table.feature >= 0) & (table.feature < estimator.n_features_in_))[inner].all():
            raise NoModel(f"{ESTIMATOR} holds a tree that asks for features there are none of; train again")


def _check_estimator(model: ColourModel) -> None:
    record, estimator = model.record, model.estimator
    if getattr(estimator, "n_features_in_", None) != len(record.features):
        raise NoModel(f"{ESTIMATOR} takes {estimator.n_features_in_} features, {RECORD} names {len(record.features)}")
    if [str(label) for label in estimator.classes_] != record.labels:
        raise NoModel(f"{ESTIMATOR} and {RECORD} disagree about the labels: they are of two trainings")
    _check_trees(estimator)
    if model.predict(np.array(record.probe["rgb"])).tolist() != record.probe["labels"]:
        raise NoModel(f"{ESTIMATOR} labels the probe colours otherwise than at training: it is of another training")
