"""Serve what `training.py` made: rows of the training data's columns in, by name or in their order; answers out.

With the option `probabilities=true` a classifier's row is the label and then the probability of each label.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

from tiffin.context import Context
from tiffin.errors import BadPayload
from tiffin.joined import joined
from tiffin.predictor import Raw
from tiffin.table import Array, Cell, Floats, Table

from . import artifact
from .artifact import TabularModel

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Served:
    """`raw`: the short way, where every column is a number."""

    model: TabularModel
    raw: Raw | None


def model_fn(model_dir: str, context: Context) -> Served:
    model = artifact.load(Path(model_dir), context.settings.allow_version_mismatch)
    log.info("%s (%s) of the columns %s", model.estimator, model.task, ", ".join(model.schema.names))
    width = len(model.schema.columns)

    def is_plain(rows: Floats) -> bool:
        return bool(rows.shape[1] == width)

    return Served(model, joined(model.answers, is_plain) if model.schema.is_of_numbers else None)


def raw_fn(bodies: list[bytes], served: Served) -> list[bytes | None]:
    return served.raw(bodies) if served.raw is not None else [None] * len(bodies)


def predict_fn(table: Table, served: Served, context: Context) -> Table | Array:
    model = served.model
    wants = _wants_probabilities(context)
    rows = model.schema.features(table)
    if not wants:
        return model.answers(rows)
    shares = model.probabilities(rows)
    if shares is None:
        raise BadPayload(f"the option probabilities: {model.estimator} gives none; ask without it")
    pairs = zip(model.answers(rows).tolist(), shares.tolist(), strict=True)
    answer: list[list[Cell]] = [[label, *row] for label, row in pairs]
    return Table(answer, ("label", *map(str, model.labels)))


def _wants_probabilities(context: Context) -> bool:
    asked = context.option("probabilities")
    match (asked or "false").lower():
        case "true" | "1":
            return True
        case "false" | "0":
            return False
    raise BadPayload(f"the option probabilities={asked!r} is neither true nor false")
