"""One module per format, each with `decode(text) -> Table` and `encode(table) -> str`.

A format is chosen by media type. JSON keeps the request's envelope: one object in, one value out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tiffin import media
from tiffin.codecs import csv, json, jsonlines
from tiffin.errors import BadPayload, UnsupportedMediaType
from tiffin.media import MediaType
from tiffin.table import Table


@dataclass(frozen=True)
class Codec:
    decode: Callable[[str], Table]
    encode: Callable[[Table], str]


CODECS: Mapping[MediaType, Codec] = {
    media.CSV: Codec(csv.decode, csv.encode),
    media.JSON: Codec(json.decode, json.encode),
    media.JSON_LINES: Codec(jsonlines.decode, jsonlines.encode),
}
# What callers write for the same formats. The answer carries the canonical name.
ALIASES: Mapping[MediaType, MediaType] = {
    MediaType("application", "csv"): media.CSV,
    MediaType("application", "x-ndjson"): media.JSON_LINES,
    MediaType("application", "jsonl"): media.JSON_LINES,
    MediaType("application", "x-jsonlines"): media.JSON_LINES,
}
FORMATS = tuple(CODECS)


def canonical(content_type: MediaType) -> MediaType:
    """The format a content type names; raises UnsupportedMediaType listing the formats."""
    known = ALIASES.get(content_type, content_type)
    if known not in CODECS:
        raise UnsupportedMediaType(f"{content_type} is not accepted; send one of {', '.join(map(str, FORMATS))}")
    return known


def negotiate(accept: str | None, request_format: MediaType) -> MediaType:
    """The format to answer in: the request's own where the caller has no other wish; raises NotAcceptable."""
    return media.negotiate(accept, [request_format, *(f for f in FORMATS if f != request_format)], ALIASES)


def decode(body: bytes, content_type: MediaType) -> Table:
    """Raises UnsupportedMediaType for a format or charset, BadPayload for a body that is not in it."""
    codec = CODECS[canonical(content_type)]
    text = as_text(body, content_type)
    table = codec.decode(text)
    if not table.rows and not text.strip():
        raise BadPayload("the body is empty; send at least one row")
    return table


def as_text(body: bytes, content_type: MediaType) -> str:
    """By the content type's charset, without a byte order mark; raises as `decode` does."""
    charset = content_type.charset
    try:
        return body.decode(charset).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise BadPayload(f"the body is not {charset} at byte {error.start}") from None


def encode(table: Table, accept: MediaType) -> bytes:
    return CODECS[accept].encode(table).encode()
