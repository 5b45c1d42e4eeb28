"""The artifact: the fitted pipeline, and the schema that requests are checked against.

schema.json                        columns with their types, task, labels, versions, scores, the pipeline's SHA-256
estimator.skops, estimator.joblib  the pipeline; skops builds only types that it vouches for, joblib is pickle
"""

import hashlib
import json
import logging
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sklearn.pipeline import Pipeline

from tiffin import __version__, versions
from tiffin.errors import BadJob, NoModel
from tiffin.table import Array, Floats

from .schema import Schema

log = logging.getLogger(__name__)

FORMAT = 1
SCHEMA = "schema.json"
Stored = Literal["skops", "joblib"]
# What skops does not vouch for by itself and is only data: how SimpleImputer notes the type of its numbers.
VOUCHED = ("numpy.dtype",)
_PICKLE = "joblib is pickle: whoever can change the file can run code in the server that loads it"


@dataclass(frozen=True)
class TabularModel:
    estimator: str
    task: str
    schema: Schema
    labels: tuple[str | int, ...]
    pipeline: Pipeline

    def answers(self, rows: Floats) -> Array:
        """(rows, columns) of codes -> labels or numbers (rows,), or (rows, components)."""
        if self.task == "decomposition":
            found = self.pipeline.transform(rows)
            return np.asarray(found.toarray() if hasattr(found, "toarray") else found)
        found = np.asarray(self.pipeline.predict(rows))
        if self.task == "classification":
            return np.array(self.labels)[found.astype(np.int64)]
        return found.reshape(-1) if found.size == len(rows) else found

    def probabilities(self, rows: Floats) -> Floats | None:
        """(rows, labels) in the order of `labels`; None where the estimator has none."""
        if self.task != "classification" or not hasattr(self.pipeline, "predict_proba"):
            return None
        shares = np.zeros((len(rows), len(self.labels)))
        shares[:, self.pipeline.classes_.astype(np.int64)] = self.pipeline.predict_proba(rows)
        return shares


def require(stored: Stored) -> None:
    """Before hours of training: raises BadJob where the artifact could not be written."""
    if stored == "skops":
        try:
            import skops.io  # noqa: F401
        except ImportError:
            raise BadJob(
                "hyperparameter format='skops' needs the package skops, which this image does not have; build it with "
                f"requirements.txt, or set format=joblib ({_PICKLE})"
            ) from None


def save(folder: Path, model: TabularModel, stored: Stored, scores: dict[str, dict[str, float]]) -> None:
    """Raises BadJob for an estimator that skops cannot hold, or does not vouch for."""
    body = _as_skops(model) if stored == "skops" else None
    file = folder / f"estimator.{stored}"
    if body is None:
        import joblib

        log.warning("format=joblib: %s", _PICKLE)
        joblib.dump(model.pipeline, file, compress=3)
        body = file.read_bytes()
    else:
        file.write_bytes(body)
    document = {
        "format": FORMAT,
        "estimator": model.estimator,
        "task": model.task,
        "labels": list(model.labels),
        **asdict(model.schema),
        "file": file.name,
        "sha256": hashlib.sha256(body).hexdigest(),
        "versions": _versions(model.estimator),
        "scores": scores,
    }
    text = json.dumps(document, indent=1, ensure_ascii=False)
    (folder / SCHEMA).write_text(text + "\n", encoding="utf-8")


def load(folder: Path, allow_version_mismatch: bool = False) -> TabularModel:
    """Raises NoModel with what does not fit and what would mend it."""
    document = _read(folder / SCHEMA)
    try:
        name, kind = document["file"], Path(document["file"]).suffix
        file = folder / Path(name).name
        trained = document["versions"]
        schema = Schema.of(document)
        labels = tuple(document["labels"])
        estimator, task, digest = document["estimator"], document["task"], document["sha256"]
        for package in _packages(estimator):
            versions.check(package, trained[package], allow_version_mismatch)
    except (AttributeError, KeyError, TypeError) as error:
        raise NoModel(f"{folder / SCHEMA} is not whole: {type(error).__name__}: {error}; train again") from None
    try:
        body = file.read_bytes()
    except OSError as error:
        raise NoModel(f"{folder} holds {SCHEMA} but its {name} cannot be read: {error.strerror}; train again") from None
    if hashlib.sha256(body).hexdigest() != digest:
        raise NoModel(
            f"{file} is not the file that {SCHEMA} was written with: it is torn, changed or of another training"
        )
    pipeline = _from_skops(body, file) if kind == ".skops" else _from_joblib(file)
    return TabularModel(estimator, task, schema, labels, pipeline)


def _as_skops(model: TabularModel) -> bytes:
    from skops import io
    from skops.io.exceptions import UnsupportedTypeException

    kind = model.estimator.rpartition(".")[2]
    instead = f"set format=joblib to store it all the same; {_PICKLE}"
    try:
        body: bytes = io.dumps(model.pipeline)
        unknown = [name for name in io.get_untrusted_types(data=body) if name not in VOUCHED]
    except (UnsupportedTypeException, AttributeError, TypeError, ValueError) as error:
        raise BadJob(f"skops cannot store {kind} ({error}); {instead}") from None
    if unknown:
        raise BadJob(f"skops does not vouch for {', '.join(unknown)}, which {kind} holds; {instead}")
    return body


def _from_skops(body: bytes, file: Path) -> Pipeline:
    try:
        from skops import io
    except ImportError:
        raise NoModel(f"{file.name} needs the package skops, which this image does not have") from None
    try:
        return io.loads(body, trusted=list(VOUCHED))
    except Exception as error:  # a foreign file fails in as many ways as there are types inside it
        raise NoModel(f"{file} cannot be loaded: {type(error).__name__}: {error}") from error


def _from_joblib(file: Path) -> Pipeline:
    import joblib

    log.warning("%s: %s", file, _PICKLE)
    try:
        return joblib.load(file)
    except Exception as error:
        raise NoModel(f"{file} cannot be loaded: {type(error).__name__}: {error}") from error


def _packages(estimator: str) -> tuple[str, ...]:
    own = estimator.partition(".")[0]
    return ("scikit-learn",) if own == "sklearn" else ("scikit-learn", own)


def _versions(estimator: str) -> dict[str, str]:
    packages = ("numpy", *_packages(estimator))
    found = {package: versions.installed(package) or "" for package in packages}
    return {"python": platform.python_version(), "tiffin": __version__} | found


def _read(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NoModel(f"{file.parent} holds no {SCHEMA}: it is no artifact of this plug; run train") from None
    except (OSError, ValueError) as error:
        raise NoModel(f"{file} cannot be read: {error}") from None
    version = document.get("format") if isinstance(document, dict) else None
    if version != FORMAT:
        raise NoModel(f"{file} has format {version}; this server reads format {FORMAT}: train again")
    return dict(document)
