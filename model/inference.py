"""Serve the colour classifier: `73,84,116` in, `blue` out.

A row is R,G,B of 0 to 255, or one hex colour. A photo, or Google Vision's answer about one, is a row too: the label is
that of its best colour, and JSON lists all of them. With the option `probabilities=true` (in
X-Amzn-SageMaker-Custom-Attributes, or as a parameter of Accept) a row of the answer is the label and then the
probability of each label, in the alphabet's order.
"""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from model import artifact, colour, palette, photos, vision
from model.artifact import ColourModel
from model.compiled import compiled
from model.palette import Palette
from model.photos import Photos
from tiffin import media
from tiffin.context import Context
from tiffin.errors import BadPayload
from tiffin.joined import joined
from tiffin.predictor import Raw
from tiffin.table import Cell, Envelope, Floats, Table, shortened

log = logging.getLogger(__name__)

PASS_THROUGH = photos.MEDIA_TYPES
RGB = ("R", "G", "B")
HEX = "hex"


@dataclass(frozen=True)
class Served:
    """The model, and its short way for rows that are plainly R,G,B: the compiled pass where there is one."""

    model: ColourModel
    raw: Raw
    photos: Photos = field(default_factory=lambda: Photos(threading.Lock()))


def model_fn(model_dir: str, context: Context) -> Served:
    model = artifact.load(Path(model_dir), context.settings.allow_version_mismatch)
    raw = compiled(model)
    log.info("plain rows are answered by %s", "the compiled pass" if raw else "numpy: there is no compiled pass")
    return Served(model, raw or joined(model.predict, _are_colours))


def raw_fn(bodies: list[bytes], served: Served) -> list[bytes | None]:
    return served.raw(bodies)


def document_fn(document: Any, _: Served) -> vision.Answer | None:
    return vision.answer_of(document)


def predict_fn(data: Table | bytes | vision.Answer, served: Served, context: Context) -> Table:
    wanted = _wants_probabilities(context)
    match data:
        case bytes():
            pixels = served.photos.pixels(data, str(media.parse(context.headers["content-type"])))
            return _of_pictures([palette.of_pixels(pixels)], Envelope.ONE, served.model, wanted)
        case vision.Answer():
            return _of_pictures(data.palettes, data.envelope, served.model, wanted)
    return labelled(colours(data), served.model, wanted)


def labelled(rgb: Floats, model: ColourModel, with_probabilities: bool) -> Table:
    labels = model.predict(rgb).tolist()
    if not with_probabilities:
        return Table([[label] for label in labels])
    shares = model.probabilities(rgb).tolist()
    rows: list[list[Cell]] = [[label, *row] for label, row in zip(labels, shares, strict=True)]
    return Table(rows, ("label", *model.record.labels))


def _of_pictures(
    palettes: Sequence[Palette], envelope: Envelope, model: ColourModel, with_probabilities: bool
) -> Table:
    """A row a picture: that of its best colour; as JSON, all of them. All pictures are labelled in one call."""
    rgb = np.rint(np.concatenate([np.empty((0, 3)), *(each.rgb for each in palettes)]))  # as the hex says it
    table = labelled(rgb, model, with_probabilities)
    rows, documents, first = [], [], 0
    for each in palettes:
        own = list(table.rows[first : first + len(each.rgb)])
        described = [
            _described(*parts, model) for parts in zip(own, rgb[first:], each.shares, each.scores, strict=False)
        ]
        rows.append(own[0])
        documents.append({"label": own[0][0], "colors": described})
        first += len(own)
    return Table(rows, table.columns, envelope, documents=documents)


def _described(row: Sequence[Cell], rgb: Floats, share: float, score: float, model: ColourModel) -> dict[str, object]:
    label, *probabilities = row
    told: dict[str, object] = {
        "label": label,
        "hex": colour.as_hex(rgb),
        "share": round(float(share), 4),
        "score": round(float(score), 4),
    }
    return told | (
        {"probabilities": dict(zip(model.record.labels, probabilities, strict=True))} if probabilities else {}
    )


def _are_colours(rows: Floats) -> bool:
    return rows.shape[1] == len(RGB) and bool(((rows >= 0) & (rows <= 255)).all())  # noqa: PLR2004


def colours(table: Table) -> Floats:
    """(n, 3) of 0 to 255; raises BadPayload naming row and column."""
    if _is_hex(table):
        return _from_hex(table.select([HEX]) if table.columns else table)
    if table.columns is None and table.rows and tuple(str(cell).upper() for cell in table.rows[0]) == RGB:
        raise BadPayload("is the header R,G,B; send rows only", row=1)
    rgb = table.select([name.lower() for name in RGB] if table.columns else RGB).numbers()
    outside = np.argwhere((rgb < 0) | (rgb > 255))  # noqa: PLR2004
    if len(outside):
        row, column = outside[0]
        raise BadPayload(f"{rgb[row, column]:g} is not between 0 and 255", row=int(row) + 1, column=RGB[column])
    return rgb


def _is_hex(table: Table) -> bool:
    if table.columns is not None:
        return HEX in map(str.lower, table.columns)
    if table.rows and table.width not in (1, len(RGB)):
        raise BadPayload(f"has {table.width} columns; send R,G,B or one hex colour such as #495474", row=1)
    return table.width == 1


def _from_hex(table: Table) -> Floats:
    rgb = np.empty((len(table), 3))
    for index, (cell,) in enumerate(table.rows):
        try:
            rgb[index] = colour.parse_hex(cell if isinstance(cell, str) else str(cell))
        except ValueError:
            hint = "R,G,B are parted by commas" if ";" in str(cell) else "R,G,B are three columns"
            raise BadPayload(f"{shortened(cell)} is no hex colour such as #495474, and {hint}", row=index + 1) from None
    return rgb


def _wants_probabilities(context: Context) -> bool:
    asked = context.option("probabilities")
    match (asked or "false").lower():
        case "true" | "1":
            return True
        case "false" | "0":
            return False
    raise BadPayload(f"the option probabilities={asked!r} is neither true nor false")
