"""A model file that someone already has, served with no code: `model.joblib`, `model.skops` or `model.onnx`.

The libraries that read them are imported here, when such a file is there, and are no dependency of Tiffin.
"""

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from tiffin import versions
from tiffin.errors import NoModel, TiffinError
from tiffin.table import Array, Floats

log = logging.getLogger(__name__)

_TENSORS = MappingProxyType({"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64})


def find(folder: Path) -> Path | None:
    """Raises NoModel where there are several: none is chosen by guess."""
    found = [folder / name for name in NAMES if (folder / name).is_file()]
    if len(found) > 1:
        raise NoModel(f"{folder} holds {' and '.join(file.name for file in found)}: ship one, or code/inference.py")
    return found[0] if found else None


def load(file: Path, allow_version_mismatch: bool) -> Any:
    """What it holds, which has a `predict`. Raises NoModel with the reason and what would mend it."""
    read, package = _READERS[file.name]
    with _mending(file, package):
        model = read(file, allow_version_mismatch)
    if not callable(getattr(model, "predict", None)):
        raise NoModel(
            f"{file.name} holds {_a(type(model).__name__)}, which has no predict(data); ship code/inference.py with it"
        )
    log.info("model: %s, %s, by its own predict; there is no model code", file, _a(type(model).__name__))
    return model


@contextmanager
def _mending(file: Path, package: str) -> Iterator[None]:
    try:
        yield
    except TiffinError:
        raise
    except ModuleNotFoundError as error:
        missing = (error.name or package).partition(".")[0]
        if missing == "__main__":
            raise
        raise NoModel(
            f"{file.name} needs the package {missing}, which this server does not have; install it in an image of your "
            "own: FROM this one, and a RUN line (docs/05-bring-your-own-model.md)"
        ) from error
    except Exception as error:  # a foreign file fails in as many ways as there are types inside it
        hint = ""
        if isinstance(error, AttributeError) and "__main__" in str(error):
            hint = (
                "; a class or function of the script that saved it is not in the file: ship code/inference.py with it"
            )
        raise NoModel(f"{file.name} cannot be loaded: {type(error).__name__}: {error}{hint}") from error


def _joblib(file: Path, allow_version_mismatch: bool) -> Any:
    import joblib

    log.warning(
        "%s is pickle: loading it runs whatever code was put into it; serve only files that you trust", file.name
    )
    with _versions_checked(allow_version_mismatch):
        return joblib.load(file)


def _skops(file: Path, allow_version_mismatch: bool) -> Any:
    from skops import io

    unknown = [name for name in io.get_untrusted_types(file=file) if name not in _ONLY_DATA]
    if unknown:
        raise NoModel(
            f"{file.name} holds types that skops does not vouch for: {', '.join(unknown)}. If you trust the file, ship "
            "code/inference.py whose model_fn calls skops.io.load(file, trusted=[...]) with them"
        )
    log.info("%s holds only types that skops vouches for", file.name)
    with _versions_checked(allow_version_mismatch):
        return io.load(file, trusted=list(_ONLY_DATA))


def _onnx(file: Path, _: bool) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # the server's processes are its parallelism
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    log.info("%s: a graph of operators, no code of its own", file.name)
    return OnnxModel(session, file.name)


class OnnxModel:
    """An ONNX graph as an estimator: its first output, which sklearn-onnx makes the label or the number."""

    def __init__(self, session: Any, name: str) -> None:
        """Raises NoModel for inputs that rows of numbers do not fit."""
        self._session = session
        self._inputs = [(entry.name, _TENSORS.get(entry.type), entry.shape) for entry in session.get_inputs()]
        for (what, kind, shape), entry in zip(self._inputs, session.get_inputs(), strict=True):
            if kind is None or len(shape) != 2:  # noqa: PLR2004
                raise NoModel(
                    f"{name}: its input {what!r} is {entry.type} of shape {shape}, where rows of numbers are given; "
                    "ship code/inference.py with it"
                )
        self._output = session.get_outputs()[0].name
        widths = [shape[1] for _, _, shape in self._inputs]
        if all(isinstance(width, int) for width in widths):
            self.n_features_in_ = sum(widths)
        elif len(widths) > 1:
            raise NoModel(f"{name}: its inputs do not say how many columns each takes; ship code/inference.py with it")
        if len(widths) > 1 and set(widths) == {1}:  # an input for each column, called as the column
            self.feature_names_in_ = [what for what, _, _ in self._inputs]

    def predict(self, rows: Floats) -> Array:
        width = getattr(self, "n_features_in_", rows.shape[1])
        if rows.shape[1] != width:
            raise ValueError(f"X has {rows.shape[1]} features, but the model expects {width}")
        feed, start = {}, 0
        for name, kind, shape in self._inputs:
            end = start + shape[1] if isinstance(shape[1], int) else rows.shape[1]
            feed[name] = rows[:, start:end].astype(kind)
            start = end
        found = np.asarray(self._session.run([self._output], feed)[0])
        if found.dtype == object:  # text
            found = found.astype(np.str_)
        return found[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found  # noqa: PLR2004


@contextmanager
def _versions_checked(allow_mismatch: bool) -> Iterator[None]:
    """scikit-learn warns while it is read of a file that another version wrote, and says which."""
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        yield
    told: dict[str, None] = {}
    for warning in raised:
        written = getattr(warning.message, "original_sklearn_version", None)
        if written is not None:
            told[str(written)] = None
        else:
            log.warning("%s", warning.message)
    for written in told:
        versions.check("scikit-learn", written, allow_mismatch)


def _a(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"


# What skops does not vouch for by itself and is only data: how SimpleImputer notes the type of its numbers.
_ONLY_DATA = ("numpy.dtype",)
_READERS: Mapping[str, tuple[Callable[[Path, bool], Any], str]] = MappingProxyType(
    {
        "model.joblib": (_joblib, "joblib"),
        "model.skops": (_skops, "skops"),
        "model.onnx": (_onnx, "onnxruntime"),
    }
)
NAMES = tuple(_READERS)
