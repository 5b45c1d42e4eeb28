"""One module per format, each with a `decode` to a Table and an `encode` from one: of text, or of bytes.

A format is chosen by media type. JSON keeps the request's envelope: one object in, one value out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

from tiffin import media
from tiffin.bad_rows import BadRows
from tiffin.codecs import csv, json, jsonlines, npy, npz, recordio
from tiffin.errors import BadPayload, NotAcceptable, UnsupportedMediaType
from tiffin.media import MediaType
from tiffin.table import Table

_EMPTY = "the body is empty; send at least one row"


@dataclass(frozen=True)
class Codec:
    """`decode` gets the content type, for its parameters, and where to keep bad rows; `encode` gets the Accept."""

    decode: Callable[[bytes, MediaType, BadRows | None], Table]
    encode: Callable[[Table, MediaType], bytes]
    extra: str = ""  # what has to be installed for it


def _text(decode: Callable[[str, BadRows | None], Table], encode: Callable[[Table], str]) -> Codec:
    return Codec(
        lambda body, kind, bad: _read(as_text(body, kind), lambda text: decode(text, bad)),
        lambda table, _: encode(table).encode(),
    )


def _binary(decode: Callable[[bytes], Table], encode: Callable[[Table], bytes]) -> Codec:
    return Codec(lambda body, _, __: decode(_not_empty(body)), lambda table, _: encode(table))


def _read(text: str, decode: Callable[[str], Table]) -> Table:
    table = decode(text)
    if not table.rows and not text.strip():
        raise BadPayload(_EMPTY)
    return table


def _not_empty(body: bytes) -> bytes:
    if not body:
        raise BadPayload(_EMPTY)
    return body


def _decode_csv(body: bytes, kind: MediaType, bad: BadRows | None) -> Table:
    has_header = kind.has_header
    return _read(as_text(body, kind), lambda text: csv.decode(text, has_header, bad))


def _encode_csv(table: Table, accept: MediaType) -> bytes:
    return csv.encode(table, accept.has_header).encode()


def _decode_parquet(body: bytes, _: MediaType, __: BadRows | None) -> Table:
    from tiffin.codecs import arrow

    return arrow.decode_parquet(_not_empty(body))


def _encode_parquet(table: Table, _: MediaType) -> bytes:
    from tiffin.codecs import arrow

    return arrow.encode_parquet(table)


def _decode_stream(body: bytes, _: MediaType, __: BadRows | None) -> Table:
    from tiffin.codecs import arrow

    return arrow.decode_stream(_not_empty(body))


def _encode_stream(table: Table, _: MediaType) -> bytes:
    from tiffin.codecs import arrow

    return arrow.encode_stream(table)


CODECS: Mapping[MediaType, Codec] = {
    media.CSV: Codec(_decode_csv, _encode_csv),
    media.JSON: _text(json.decode, json.encode),
    media.JSON_LINES: _text(jsonlines.decode, jsonlines.encode),
    media.NPY: _binary(npy.decode, npy.encode),
    media.NPZ: _binary(npz.decode, npz.encode),
    media.RECORDIO: _binary(recordio.decode, recordio.encode),
    media.PARQUET: Codec(_decode_parquet, _encode_parquet, "pyarrow"),
    media.ARROW_STREAM: Codec(_decode_stream, _encode_stream, "pyarrow"),
}
# What callers write for the same formats. The answer carries the canonical name.
ALIASES: Mapping[MediaType, MediaType] = {
    MediaType("application", "csv"): media.CSV,
    MediaType("application", "x-ndjson"): media.JSON_LINES,
    MediaType("application", "jsonl"): media.JSON_LINES,
    MediaType("application", "x-jsonlines"): media.JSON_LINES,
    MediaType("application", "npy"): media.NPY,
    MediaType("application", "npz"): media.NPZ,
    MediaType("application", "parquet"): media.PARQUET,
    MediaType("application", "vnd.apache.parquet"): media.PARQUET,
    MediaType("application", "x-vnd.apache.arrow.stream"): media.ARROW_STREAM,
}
FORMATS = tuple(CODECS)


@cache
def offered() -> tuple[MediaType, ...]:
    """The formats that can be read and written here. What an extra brings is looked for, and not imported."""
    return tuple(known for known, codec in CODECS.items() if not codec.extra or find_spec(codec.extra) is not None)


def canonical(content_type: MediaType, others: Sequence[MediaType] = ()) -> MediaType:
    """The format a content type names; raises UnsupportedMediaType listing the formats, and `others` that are taken."""
    known = ALIASES.get(content_type, content_type)
    if known in CODECS and known not in offered():
        raise UnsupportedMediaType(
            f"{content_type} needs {CODECS[known].extra}, which is not installed here: build the image with "
            f"EXTRAS=arrow, or pip install pyarrow; or send one of {listed(offered())}"
        )
    if known not in CODECS:
        raise UnsupportedMediaType(f"{content_type} is not accepted; send one of {listed((*offered(), *others))}")
    return known


def listed(formats: Sequence[MediaType]) -> str:
    return ", ".join(map(str, formats))


def negotiate(accept: str | None, request_format: MediaType) -> MediaType:
    """The format to answer in: the request's own where the caller has no other wish; raises NotAcceptable."""
    return checked(media.negotiate(accept, [request_format, *(f for f in offered() if f != request_format)], ALIASES))


def checked(chosen: MediaType) -> MediaType:
    """Raises NotAcceptable for a parameter of Accept that means nothing."""
    if chosen == media.CSV:
        try:
            chosen.has_header  # noqa: B018  it raises
        except UnsupportedMediaType as error:
            raise NotAcceptable(f"Accept: {error}") from None
    return chosen


def decode(body: bytes, content_type: MediaType, bad: BadRows | None = None) -> Table:
    """Raises UnsupportedMediaType for a format or charset, BadPayload for a body that is not in it.

    With `bad`, rows that their format refuses are kept there, and the table has the others.
    """
    return CODECS[canonical(content_type)].decode(body, content_type, bad)


def as_text(body: bytes, content_type: MediaType) -> str:
    """By the content type's charset, without a byte order mark; raises as `decode` does."""
    charset = content_type.charset
    try:
        return body.decode(charset).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise BadPayload(f"the body is not {charset} at byte {error.start}") from None


def encode(table: Table, accept: MediaType) -> bytes:
    """Raises NotAcceptable where the format cannot hold the answer."""
    return CODECS[accept].encode(table, accept)


def full_name(accept: MediaType) -> str:
    """The answer's Content-Type, which a pipeline's next container goes by (P-01)."""
    return f"{accept}; header=present" if accept == media.CSV and accept.has_header else str(accept)
