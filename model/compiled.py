"""The compiled pass, where it was built: CSV bytes in, labels out, for a single tree in a space of plain arithmetic."""

import numpy as np
import numpy.typing as npt

from model import colour
from model.artifact import ColourModel
from tiffin import codecs, media
from tiffin.predictor import Raw
from tiffin.table import Table

_BYTES = np.arange(256.0)
_CURVES = {"rgb": _BYTES, "lab": colour.to_linear(_BYTES / 255), "lab-linear": _BYTES / 255}


def compiled(model: ColourModel) -> Raw | None:
    """None where it was not built (no compiler here) or does not know the model's kind."""
    try:
        from model.colourpass import Pass
    except ImportError:
        return None
    record, trees = model.record, model.trees
    if not trees.is_single or record.color_space not in _CURVES:
        return None
    constants = [*colour.LINEAR_TO_XYZ.ravel(), *colour.WHITE, colour.EPSILON, colour.KAPPA]
    raw: Raw = Pass(
        record.color_space != "rgb",
        _floats(_CURVES[record.color_space]),
        _floats(constants),
        [_line(label) for label in record.labels],
        _ints(trees.feature),
        _floats(trees.threshold),
        _ints(trees.left),
        _ints(trees.right),
        _ints(trees.shares.argmax(axis=1)),
    ).raw
    return raw


def _line(label: str) -> bytes:
    """As the CSV codec writes it."""
    return codecs.encode(Table([[label]]), media.CSV)


def _floats(values: npt.ArrayLike) -> bytes:
    return np.ascontiguousarray(values, dtype=np.float64).tobytes()


def _ints(values: npt.ArrayLike) -> bytes:
    return np.ascontiguousarray(values, dtype=np.int32).tobytes()
