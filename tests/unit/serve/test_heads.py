"""What the loop makes of a head. What it does with real ones is in tests/http/test_raw.py."""

import random
from collections.abc import Iterator

import pytest
from gunicorn.config import Config
from gunicorn.http.parser import RequestParser

from serve import heads
from serve.heads import Head, Heads, Kind
from tiffin.settings import Settings

INVOCATION, PING, OTHER = Kind.INVOCATION, Kind.PING, Kind.OTHER
MIB = 2**20


def known(environ: dict[str, str] | None = None) -> Heads:
    return Heads(Config(), Settings.from_environ({"SAGEMAKER_MAX_PAYLOAD_IN_MB": "1", **(environ or {})}))


def head(start: str = "POST /invocations HTTP/1.1", *headers: str, length: object = 8, kind: str = "text/csv") -> bytes:
    lines = [start, f"Content-Type: {kind}", f"Content-Length: {length}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (head(), Head(INVOCATION, 8)),
        (head(length="0008"), Head(INVOCATION, 8)),
        (head(length=MIB), Head(INVOCATION, MIB)),
        (head(kind="Text/CSV; charset=UTF-8"), Head(INVOCATION, 8)),
        (head(kind="text/csv; header=absent"), Head(INVOCATION, 8)),
        (head("POST /invocations HTTP/1.1", "Accept: application/json;q=0.1, text/csv"), Head(INVOCATION, 8)),
        (head("POST /invocations HTTP/1.1", "Connection: Keep-Alive"), Head(INVOCATION, 8)),
        (b"GET /ping HTTP/1.1\r\n\r\n", Head(PING, 0)),
        (b"POST /ping HTTP/1.1\r\nContent-Length: 0\r\n\r\n", Head(PING, 0)),
    ],
)
def test_plain(sent: bytes, expected: Head) -> None:
    assert known().learn(sent) == expected


@pytest.mark.parametrize(
    "sent",
    [
        head("POST /invocations HTTP/1.0"),
        head("PUT /invocations HTTP/1.1"),
        head("POST /invocations?a=b HTTP/1.1"),
        head("POST /ping HTTP/1.1"),
        head("GET /ping HTTP/1.1"),
        head("POST /invocations HTTP/1.1", "Connection: close"),
        head("POST /invocations HTTP/1.1", "Accept: application/json"),
        head("POST /invocations HTTP/1.1", "Accept: image/png"),
        head("POST /invocations HTTP/1.1", "Content-Encoding: gzip"),
        head("POST /invocations HTTP/1.1", "X-Amzn-SageMaker-Custom-Attributes: a=b"),
        head("POST /invocations HTTP/1.1", "X-Amzn-SageMaker-Inference-Id: a"),
        head("POST /invocations HTTP/1.1", "X-A: 1", "X-A: 2"),
        head("POST /invocations HTTP/1.1", "SCRIPT_NAME: /x"),
        head(kind="application/json"),
        head(kind="text/csv; charset=latin-1"),
        head(kind="text/csv; header=present"),
        head(kind="text/csv; header=maybe"),
        head("POST /invocations HTTP/1.1", "Accept: text/csv; header=present"),
        head("POST /invocations HTTP/1.1", "Accept: text/csv; bad-rows=null"),
        head(kind="application/x-npy"),
    ],
)
def test_other_is_waited_for_where_its_length_is_known(sent: bytes) -> None:
    assert known().learn(sent) == Head(OTHER, 8)


@pytest.mark.parametrize(
    "sent",
    [
        head("POST /invocations HTTP/1.1", "Expect: 100-continue"),
        head(length=MIB + 1),
        head(length="+8"),
        head(length="8, 8"),
        head(length=""),
        head(length="9" * 5000),
        head("POST /invocations HTTP/1.1", "Content-Length: 8"),
        head("POST /invocations HTTP/1.1", "Transfer-Encoding: chunked"),
        b"POST /invocations HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nContent-Type: text/csv\r\nContent-Length : 8\r\n\r\n",
        b"POST /invocations HTTP/1.1\nContent-Length: 8\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nContent-Length:\r\n 8\r\n\r\n",
        b"\r\n\r\n",
        b"\x00\xff\r\n\r\n",
        b"GET /ping HTTP/0.9\r\n\r\n",
    ],
)
def test_what_cannot_be_waited_for_or_read_is_gunicorns_at_once(sent: bytes) -> None:
    assert known().learn(sent) == Head(OTHER, 0)


def test_default_accept_counts_where_none_is_sent() -> None:
    assert known({"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "application/json"}).learn(head()).kind is OTHER


def test_without_a_limit_any_length_is_waited_for() -> None:
    assert known({"SAGEMAKER_MAX_PAYLOAD_IN_MB": "0"}).learn(head(length=2**40)) == Head(INVOCATION, 2**40)


@pytest.mark.parametrize(
    ("start", "headers", "kind"),
    [
        ("GET /any?a=b HTTP/1.1", ("Upgrade: WebSocket", "Connection: keep-alive, Upgrade"), Kind.UPGRADE),
        ("GET /any HTTP/1.1", ("Upgrade: websocket", "Connection: Upgrade", "Content-Length: 0"), Kind.UPGRADE),
        ("GET /any HTTP/1.1", ("Upgrade: h2c", "Connection: Upgrade"), OTHER),
        ("GET /any HTTP/1.1", ("Upgrade: websocket", "Connection: Upgrade", "Content-Length: 8"), OTHER),
        ("POST /any HTTP/1.1", ("Upgrade: websocket", "Connection: Upgrade"), OTHER),
    ],
)
def test_an_upgrade_is_known_but_not_remembered(start: str, headers: tuple[str, ...], kind: Kind) -> None:
    some, sent = known(), "\r\n".join((start, *headers, "", "")).encode()
    assert some.learn(sent).kind is kind
    assert (some.get(sent) is None) == (kind is Kind.UPGRADE)  # each has a key of its own


def test_remembers_so_many_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "_REMEMBERED", 6)  # each is remembered with its outline
    some = known()
    assert some.get(head(length=1)) is None
    for length in (1, 2, 3, 4):
        some.learn(head(length=length))
    assert [some.get(head(length=length)) for length in (1, 2, 3, 4)] == [None] * 3 + [Head(INVOCATION, 4)]


@pytest.mark.parametrize(
    ("start", "refused"),
    [
        (b"G", False),
        (b"\r", False),
        (b"\r\n", False),
        (b"GET /ping HTTP/1.1\r\nHost: x\r\n", False),
        (b"GET /ping HTTP/1.1\r\nHost: x\r", False),
        (b"GET /ping\r\n", True),
        (b"GET /ping HTTP/1.1\n", True),
        (b"GET /ping HTTP/1.1\r\nHost: x\n", True),
        (b"GET /" + b"a" * 5000, True),
        (b"\n", True),
    ],
)
def test_refuses_what_can_never_become_a_head(start: bytes, refused: bool) -> None:
    assert known().refuses(start) is refused


ODD = [
    *("\r\n", "\r", "\n", " ", "\t", ":", ": ", ",", "_", "\x00", "\x7f", "\xff", "\r\n ", "1", "x", "X-Trace: 1\r\n"),
    *("Content-Length: 9\r\n", "Content-Type: text/csv\r\n", "Accept: text/csv\r\n", "Accept: image/png\r\n"),
    *(
        "Transfer-Encoding: chunked\r\n",
        "Expect: 100-continue\r\n",
        "X-Forwarded-Proto: https\r\n",
        "SCRIPT_NAME: /x\r\n",
    ),
    *("X-Forwarded-Ssl: off\r\n", "Connection: close\r\n", "Upgrade: x\r\n", "X-Amzn-SageMaker-Inference-Id: 1\r\n"),
]


def test_heads_that_differ_by_a_value_that_decides_nothing_are_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    some, parsed = known(), []

    def parser(config: object, pieces: Iterator[bytes], peer: object) -> object:
        parsed.append(peer)
        return RequestParser(config, pieces, peer)

    monkeypatch.setattr(heads, "RequestParser", parser)
    for number in range(100):
        traced = head(
            "POST /invocations HTTP/1.1", f"X-Amzn-Trace-Id: Root={number}", "Other: 1", length=8 + number % 3
        )
        assert some.learn(traced) == Head(INVOCATION, 8 + number % 3)
    assert len(parsed) == 3, "once for each length"


def test_schemes_that_contradict_each_other_are_gunicorns_to_refuse() -> None:
    some = known()
    start, secure = "POST /invocations HTTP/1.1", "X-Forwarded-Proto: https"
    assert some.learn(head(start, secure, "X-Forwarded-Ssl: on")) == Head(INVOCATION, 8)
    assert some.learn(head(start, secure, "X-Forwarded-Ssl: off")) == Head(OTHER, 0)


def test_an_upgrade_to_something_else_is_not_taken_for_a_websocket() -> None:
    some, start = known(), "GET /any HTTP/1.1"
    assert some.learn(head(start, "Connection: Upgrade", "Upgrade: h2c", length=0)).kind is OTHER
    assert some.learn(head(start, "Connection: Upgrade", "Upgrade: websocket", length=0)).kind is Kind.UPGRADE


def test_what_was_learnt_of_others_changes_no_head() -> None:
    """Any head is understood as by somebody who has seen no other."""
    chance = random.Random(7)  # noqa: S311
    used, kinds = known(), set()
    plain = head("POST /invocations HTTP/1.1", "X-Trace: 1", "Host: x", "Other-1: a", "Accept: */*").decode()
    used.learn(plain.encode())
    for _ in range(3000):
        text = plain
        for _ in range(chance.choice((1, 1, 2))):
            at = chance.randrange(len(text) - 4)
            text = text[:at] + chance.choice(ODD) + text[at + chance.choice((0, 0, 1, 3)) :]
        sent = text.encode("latin-1")
        sent = sent[: sent.find(heads.END) + len(heads.END)]
        found = used.learn(sent)
        assert found == known().learn(sent), sent
        kinds.add(found.kind)
    assert kinds == {INVOCATION, OTHER}
