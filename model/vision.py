"""Google Vision's answer to IMAGE_PROPERTIES: the dominant colours of one picture, or of several.

It comes wrapped as {"responses": [{…}]}, as {"imagePropertiesAnnotation": {…}}, as {"dominantColors": {…}} or as the
bare {"colors": […]} in that; with the Python client's names too, image_properties_annotation. JSON of proto3 leaves out
what is zero: a missing `red`, `score` or `pixelFraction` is 0, and black is `"color": {}`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from model.palette import Palette
from tiffin.errors import BadPayload
from tiffin.table import Envelope, shortened

RESPONSES, ANNOTATION, COLOURS = "responses", "imagePropertiesAnnotation", "dominantColors"
_CHANNELS = ("red", "green", "blue")
_OF_ROWS = frozenset({"r", "g", "b", "hex", "instances", "inputs", "dataframe_records", "dataframe_split", "data"})


@dataclass(frozen=True)
class Answer:
    palettes: Sequence[Palette]
    envelope: Envelope


def answer_of(document: Any) -> Answer | None:
    """None for a document that is not Vision's; raises BadPayload with the place of what is wrong in one that is."""
    if not isinstance(document, dict) or {str(name).lower() for name in document} & _OF_ROWS:
        return None
    if RESPONSES in document:
        responses = document[RESPONSES]
        if not isinstance(responses, list):
            raise BadPayload(f"{RESPONSES} is {shortened(responses)}, not a list of Google Vision's answers")
        return Answer([_response(response, row) for row, response in enumerate(responses, 1)], Envelope.MANY)
    if any(_has(document, name) for name in (ANNOTATION, COLOURS)):
        return Answer([_response(document, 1)], Envelope.ONE)
    colours = document.get("colors")
    if isinstance(colours, list) and any(isinstance(entry, dict) for entry in colours):
        return Answer([_palette(colours, "colors", 1)], Envelope.ONE)
    return None


def _response(response: Any, row: int) -> Palette:
    if not isinstance(response, dict):
        raise BadPayload(f"is {shortened(response)}, not an answer of Google Vision", row=row)
    error = response.get("error")
    if isinstance(error, dict) and (error.get("code") or error.get("message")):
        raise BadPayload(f"Google Vision answered an error: {shortened(error.get('message', error), 200)}", row=row)
    holder, place = response, ""
    if _has(response, ANNOTATION):
        holder, place = _object(response, ANNOTATION, "", row)
    elif not _has(response, COLOURS):
        raise BadPayload(f"has no {ANNOTATION}; ask Google Vision for the feature IMAGE_PROPERTIES", row=row)
    if not _has(holder, COLOURS):
        raise BadPayload(f"{place} has no {COLOURS}", row=row)
    dominant, place = _object(holder, COLOURS, place, row)
    colours, place = dominant.get("colors"), f"{place}.colors"
    if not isinstance(colours, list):
        raise BadPayload(f"{place} is {shortened(colours)}, not a list of colours", row=row)
    return _palette(colours, place, row)


def _palette(colours: list[Any], place: str, row: int) -> Palette:
    """The best first, by score: the backdrop of a product has most of the pixels and next to none of the score."""
    if not colours:
        raise BadPayload(f"{place} is empty: there is no colour to name", row=row)
    rgb, shares, scores = np.empty((len(colours), 3)), np.empty(len(colours)), np.empty(len(colours))
    for index, entry in enumerate(colours):
        here = f"{place}[{index}]"
        if not isinstance(entry, dict):
            raise BadPayload(
                f"{here} is {shortened(entry)}, not an object with color, score and pixelFraction", row=row
            )
        if not _has(entry, "color"):
            raise BadPayload(f"{here} has no color", row=row)
        channels, of_channels = _object(entry, "color", here, row)
        rgb[index] = [_number(channels, name, 255, of_channels, row) for name in _CHANNELS]
        scores[index] = _number(entry, "score", 1, here, row)
        shares[index] = _number(entry, "pixelFraction", 1, here, row)
    order = np.lexsort((-shares, -scores))
    return Palette(rgb[order], shares[order], scores[order])


def _object(holder: dict[str, Any], name: str, place: str, row: int) -> tuple[dict[str, Any], str]:
    value, place = _member(holder, name, place, row), f"{place}.{name}".lstrip(".")
    if not isinstance(value, dict):
        raise BadPayload(f"{place} is {shortened(value)}, not an object", row=row)
    return value, place


def _number(holder: dict[str, Any], name: str, most: int, place: str, row: int) -> float:
    value = _member(holder, name, place, row)
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise BadPayload(f"{place}.{name} is {shortened(value)}, not a number of 0 to {most}", row=row)
    return float(value)


def _member(holder: dict[str, Any], name: str, place: str, row: int) -> Any:
    snake = _snake(name)
    if snake != name and snake in holder and name in holder:
        raise BadPayload(f"{place or 'it'} has both {name} and {snake}; send one of them", row=row)
    return holder.get(name, holder.get(snake))


def _has(holder: dict[str, Any], name: str) -> bool:
    return name in holder or _snake(name) in holder


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
