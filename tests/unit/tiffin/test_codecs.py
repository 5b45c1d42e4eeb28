from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiffin import codecs, media
from tiffin.codecs import ALIASES, FORMATS
from tiffin.errors import BadPayload, NotAcceptable, PublicError, UnsupportedMediaType
from tiffin.media import MediaType
from tiffin.table import Table

TEXT = {media.CSV, media.JSON, media.JSON_LINES}
TYPES = st.sampled_from([*FORMATS, *ALIASES])
CHARSETS = st.sampled_from(["utf-8", "ascii", "latin-1", "utf-16", "utf-16le", "utf-16be", "klingon"])


def decoded(body: bytes, content_type: str) -> Table:
    return codecs.decode(body, media.parse(content_type))


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/csv", b"1,2\n"),
        ("text/csv", b"1,2"),
        ("text/csv", b"1,2\r\n"),
        ("application/csv", b"1,2\n"),
        ("text/csv; charset=utf-8", b"\xef\xbb\xbf1,2\n"),
        ("text/csv; charset=us-ascii", b"1,2\n"),
        ("text/csv; charset=utf-16", "1,2\n".encode("utf-16")),
        ("text/csv; charset=utf-16le", "\ufeff1,2\n".encode("utf-16-le")),
        ("text/csv; charset=utf-16be", "1,2\n".encode("utf-16-be")),
    ],
)
def test_the_same_rows(content_type: str, body: bytes) -> None:
    assert decoded(body, content_type).rows == [["1", "2"]]


@pytest.mark.parametrize("content_type", ["application/jsonlines", "application/jsonl", "application/x-ndjson"])
def test_json_lines_by_their_names(content_type: str) -> None:
    assert decoded(b"[1,2]\n[3,4]\n", content_type).rows == [[1, 2], [3, 4]]


def test_a_charset_is_obeyed() -> None:
    assert decoded(b"\xe9\n", "text/csv; charset=latin-1").rows == [["é"]]
    assert decoded("é\n".encode(), "text/csv").rows == [["é"]]


@pytest.mark.parametrize(
    ("body", "content_type", "status", "sentence"),
    [
        (b"", "text/csv", 400, "the body is empty; send at least one row"),
        (b"\n\r\n", "text/csv", 400, "the body is empty; send at least one row"),
        (b"\xef\xbb\xbf", "text/csv", 400, "the body is empty; send at least one row"),
        (b" \n", "application/json", 400, "the body is empty; send at least one row"),
        (b"\n \n", "application/jsonlines", 400, "the body is empty; send at least one row"),
        (b"1,\xff\n", "text/csv", 400, "the body is not utf-8 at byte 2"),
        (b"abc", "text/csv; charset=utf-16", 400, "the body is not utf-16 at byte 2"),
        (b"1", "text/csv; charset=hex", 415, "the charset 'hex' is not accepted; send utf-8"),
        (
            b"1",
            "image/png",
            415,
            "image/png is not accepted; send one of text/csv, application/json, application/jsonl",
        ),
        (b"1", "*/*", 415, "*/* is not accepted; send one of text/csv, application/json, application/jsonlines"),
    ],
)
def test_what_cannot_be_read(body: bytes, content_type: str, status: int, sentence: str) -> None:
    with pytest.raises(PublicError) as raised:
        decoded(body, content_type)
    assert raised.value.status == status
    assert str(raised.value).startswith(sentence)


@given(st.binary() | st.text().map(str.encode), TYPES, CHARSETS)
def test_any_body_is_a_table_or_a_public_error(body: bytes, kind: MediaType, charset: str) -> None:
    try:
        table = codecs.decode(body, MediaType(kind.type, kind.subtype, {"charset": charset}))
    except (BadPayload, UnsupportedMediaType):
        return
    assert all(len(row) == table.width for row in table.rows)
    for accept in TEXT:  # whatever was read can be written, so that a model may hand it on
        codecs.encode(table, accept)
    for accept in set(FORMATS) - TEXT:  # of one type a column, or refused
        with suppress(NotAcceptable):
            codecs.encode(table, accept)


@pytest.mark.parametrize(
    ("accept", "request_format", "answer"),
    [
        (None, media.JSON, media.JSON),
        ("*/*", media.JSON_LINES, media.JSON_LINES),
        ("text/csv", media.JSON, media.CSV),
        ("application/*", media.CSV, media.JSON),
        ("application/jsonl", media.CSV, media.JSON_LINES),  # B-09: a join needs Accept as Content-Type
        ("application/x-ndjson", media.JSON_LINES, media.JSON_LINES),
    ],
)
def test_the_answers_format(accept: str | None, request_format: MediaType, answer: MediaType) -> None:
    assert codecs.negotiate(accept, request_format) == answer


def test_no_format_of_ours_is_406() -> None:
    with pytest.raises(NotAcceptable, match="cannot answer 'image/png'; can answer application/json, text/csv, app"):
        codecs.negotiate("image/png", media.JSON)
