from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tiffin import media
from tiffin.codecs import FORMATS
from tiffin.errors import NotAcceptable, UnsupportedMediaType
from tiffin.media import CSV, JSON, JSON_LINES, MediaType

# What a header is made of, so that a search meets more than text that is none.
HEADERS = st.one_of(
    st.text(),
    st.lists(
        st.sampled_from(
            [*"/;,=\"'*\\ \t\r\n\0", "text", "csv", "application/json", "q", "0.5", "nan", "charset", "*0", "*1*", "é"]
        )
    ).map("".join),
)


@pytest.mark.parametrize(
    ("text", "name", "parameters"),
    [
        ("text/csv", "text/csv", {}),
        ("TEXT/CSV", "text/csv", {}),
        (" text/csv ", "text/csv", {}),
        ("text/csv;charset=UTF-8", "text/csv", {"charset": "UTF-8"}),
        ("text/csv ; Charset = utf-8 ; Header=absent", "text/csv", {"charset": "utf-8", "header": "absent"}),
        ('text/csv; charset="utf-8"', "text/csv", {"charset": "utf-8"}),
        ('text/csv; a="b;c,d=e"', "text/csv", {"a": "b;c,d=e"}),
        ('text/csv; a="', "text/csv", {"a": '"'}),
        ("text/csv;;flag;", "text/csv", {"flag": ""}),
        ("text/csv; charset*=utf-8''x; charset*0=y", "text/csv", {"charset*": "utf-8''x", "charset*0": "y"}),
        ("application/vnd.a+json", "application/vnd.a+json", {}),
        ("*/*;q=0.1", "*/*", {"q": "0.1"}),
    ],
)
def test_parse(text: str, name: str, parameters: dict[str, str]) -> None:
    parsed = media.parse(text)
    assert (str(parsed), parsed.parameters) == (name, parameters)


@pytest.mark.parametrize(
    "text", ["", "csv", "/", "text/", "/csv", "text/csv/x", "text csv", "te xt/csv", "a/b, c/d", ";"]
)
def test_what_is_no_media_type(text: str) -> None:
    with pytest.raises(ValueError, match="is not a media type such as text/csv"):
        media.parse(text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "the request has no Content-Type; send one of text/csv, application/json, application/jsonlines"),
        (" ", "the request has no Content-Type; send one of text/csv, application/json, application/jsonlines"),
        ("csv", "Content-Type: 'csv' is not a media type such as text/csv; send one of text/csv, application/json, "),
    ],
)
def test_no_content_type_is_415_and_lists_what_is_accepted(text: str | None, sentence: str) -> None:
    with pytest.raises(UnsupportedMediaType) as raised:
        media.parse_content_type(text, FORMATS)
    assert str(raised.value).startswith(sentence)


def test_parameters_compare_for_nothing() -> None:  # H-13
    assert media.parse("text/csv; charset=utf-8") == CSV
    assert {media.parse("text/csv; header=absent"): 1}[CSV] == 1


@pytest.mark.parametrize(
    ("given", "python"),
    [
        ("utf-8", "utf-8"),
        ("UTF8", "utf-8"),
        ("utf_8", "utf-8"),
        ("us-ascii", "ascii"),
        ("ISO-8859-1", "iso8859-1"),
        ("latin1", "iso8859-1"),
        ("UTF-16", "utf-16"),
        ("utf-16le", "utf-16-le"),
    ],
)
def test_charset(given: str, python: str) -> None:
    charset = MediaType("text", "csv", {"charset": given}).charset
    assert charset == python
    assert "".encode(charset) in (b"", b"\xff\xfe")


def test_charset_is_utf_8_unless_said() -> None:
    assert CSV.charset == "utf-8"


@pytest.mark.parametrize(
    "name", ["klingon", "", "hex", "zlib", "idna", "utf-7", "unicode-escape", "a\0b", "é", "\ud800"]
)
def test_charset_that_is_not_accepted_is_415(name: str) -> None:
    with pytest.raises(UnsupportedMediaType, match="is not accepted; send utf-8"):
        _ = MediaType("text", "csv", {"charset": name}).charset


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, CSV),
        ("", CSV),
        (" ", CSV),
        (",", CSV),
        ("*/*", CSV),
        ("text/*", CSV),
        ("application/*", JSON),
        ("APPLICATION/JSON", JSON),
        ("application/json; charset=utf-8", JSON),
        ("text/html, application/json;q=0.9, */*;q=0.1", JSON),
        ("application/json;q=0.5, application/jsonlines", JSON_LINES),
        ("application/json, text/csv", CSV),  # equal wishes: the first offer
        ("text/csv;q=0, */*", JSON),  # the more specific range decides
        ("text/csv;Q=0, */*", JSON),
        ("*/*, text/csv;q=0.1", JSON),
        ("text/*;q=0.1, */*;q=0.5", JSON),
        ("text/csv;q=7", CSV),
        ('text/html;a="x,y", application/json', JSON),
    ],
)
def test_negotiate(accept: str | None, chosen: MediaType) -> None:
    assert media.negotiate(accept, FORMATS) == chosen


def test_the_callers_parameters_are_on_what_is_chosen() -> None:
    chosen = media.negotiate("text/csv; probabilities=true; q=0.5", FORMATS)
    assert chosen.parameters == {"probabilities": "true"}


def test_an_alias_stands_for_its_offer() -> None:
    aliases = {MediaType("application", "jsonl"): JSON_LINES}
    assert media.negotiate("application/jsonl;a=b", FORMATS, aliases).parameters == {"a": "b"}
    assert media.negotiate("application/jsonl, */*;q=0.1", FORMATS, aliases) == JSON_LINES
    assert media.negotiate("application/jsonl;q=0, application/jsonlines;q=0, */*;q=0.1", FORMATS, aliases) == CSV


@pytest.mark.parametrize(
    ("accept", "sentence"),
    [
        ("text/html", "cannot answer 'text/html'; can answer text/csv, application/json, application/jsonlines"),
        ("*/*;q=0", "cannot answer '*/*;q=0'; can answer text/csv, application/json, application/jsonlines"),
        ("text/csv;q=-1", "cannot answer 'text/csv;q=-1'; can answer "),
        ("json", "Accept: 'json' is not a media type such as text/csv"),
        ("text/csv, json", "Accept: 'json' is not a media type such as text/csv"),
        ("text/csv;q=high", "Accept: the q of 'text/csv;q=high' is not a number from 0 to 1"),
        ("text/csv;q=nan", "Accept: the q of 'text/csv;q=nan' is not a number from 0 to 1"),
        ("text/csv;q", "Accept: the q of 'text/csv;q' is not a number from 0 to 1"),
    ],
)
def test_what_cannot_be_answered_is_406(accept: str, sentence: str) -> None:
    with pytest.raises(NotAcceptable) as raised:
        media.negotiate(accept, FORMATS)
    assert str(raised.value).startswith(sentence)


def test_preferences_come_best_first() -> None:
    best_first = [str(p.media) for p in media.parse_accept("*/*, a/b;q=0.1, c/d, e/*;q=0.5")]
    assert best_first == ["c/d", "*/*", "e/*", "a/b"]


@given(HEADERS)
@example("text/csv; charset*=a; charset*0=b")
def test_any_accept_is_an_offer_or_406(accept: str) -> None:
    with suppress(NotAcceptable):
        assert media.negotiate(accept, FORMATS) in FORMATS


@given(HEADERS)
@example("text/csv; charset*=utf-8''utf-8")
@example("text/csv; charset*=a; charset*0=b")
@example("text/csv; charset=a\0b")
def test_any_content_type_is_one_or_415(text: str) -> None:
    with suppress(UnsupportedMediaType):
        charset = media.parse_content_type(text, FORMATS).charset
        assert "1".encode(charset)


@pytest.mark.parametrize(("name", "told"), [("a.CSV", "text/csv"), ("b.npy", "application/x-npy"), ("README.md", None)])
def test_a_files_name_tells_its_content_type(name: str, told: str | None) -> None:
    assert media.of_file(Path(name)) == told
