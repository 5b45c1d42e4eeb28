"""Heads of requests, understood by gunicorn's own parser and remembered by their bytes.

Callers send the same few heads again and again, so that the parser runs once for each and a dictionary answers the
rest. Heads that differ by a value that decides nothing, such as a trace id, have one outline and are understood once.
Nothing here reads HTTP: what gunicorn refuses is for gunicorn to refuse, aloud.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any

from gunicorn.http.errors import NoMoreData
from gunicorn.http.parser import RequestParser

from tiffin import shortway
from tiffin.settings import Settings

END = b"\r\n\r\n"
LONGEST = 16 * 1024  # a longer head goes to gunicorn, which has limits of its own
_REMEMBERED, _REMEMBERED_BYTES = 4096, 2048  # heads and outlines, and bytes of one: 8 MiB at most, whoever calls
_PEER = ("127.0.0.1", 0)

# Headers that ask for more than a prediction in the request's own format. Custom attributes may hold a plug's options.
_UNUSUAL = frozenset(
    {
        "CONTENT-ENCODING",
        "TRAILER",
        "UPGRADE",
        "X-AMZN-SAGEMAKER-CUSTOM-ATTRIBUTES",
        "X-AMZN-SAGEMAKER-INFERENCE-ID",
        "X-AMZN-SAGEMAKER-SESSION-ID",
    }
)


# The body's end is not known, or the caller waits for a word before it sends one.
_NOT_TO_WAIT_FOR = frozenset({"EXPECT", "TRANSFER-ENCODING"})

# Their values are looked at, here or by gunicorn; of all others it matters only that they are there.
_READ = _NOT_TO_WAIT_FOR | {"ACCEPT", "CONNECTION", "CONTENT-LENGTH", "CONTENT-TYPE", "HOST", "UPGRADE"}
_NAMES = 256  # names of such others that are known, each as it is spelled
_NAME = re.compile(rb"[A-Za-z0-9-]+:")
_PRINTABLE = bytes(range(0x20, 0x7F))
_CRLF = b"\r\n"


class Kind(Enum):
    INVOCATION = "a plain one: CSV in, CSV out"
    PING = "GET or POST /ping without a body"
    UPGRADE = "a GET that asks for a WebSocket"
    OTHER = "anything else that gunicorn can read, for Flask"


@dataclass(frozen=True)
class Head:
    """`length` is that of the body to wait for before the request is dealt with; 0 where it is not known."""

    kind: Kind
    length: int


_OTHER = Head(Kind.OTHER, 0)


class Heads:
    def __init__(self, config: Any, settings: Settings) -> None:
        self._config = config
        self._limit = settings.max_payload or float("inf")
        self._default_accept = settings.default_accept
        self._read = _READ | set(config.secure_scheme_headers)  # by which gunicorn may refuse a request
        self._unread: dict[bytes, bytes] = {}  # names with their colons
        self._known: dict[bytes, Head] = {}  # by the bytes of a head, and by its outline
        self.get = self._known.get

    def learn(self, head: bytes) -> Head:
        """`head` ends in its blank line. Never raises: what cannot be read is OTHER."""
        if len(head) > _REMEMBERED_BYTES:
            return self._understand(head)
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        found = self._known.get(self._outline(head))
        if found is None:
            found = self._understand(head)
            self._known[self._outline(head)] = found
        if found.kind is not Kind.UPGRADE:  # each of those has a key of its own, and comes once
            self._known[head] = found
        return found

    def _outline(self, head: bytes) -> bytes:
        """`head` without the values that decide nothing; as it is, where a control character or another alphabet is."""
        lines = head.split(_CRLF)
        if head.translate(None, _PRINTABLE) != _CRLF * (len(lines) - 1):
            return head
        known = self._unread.get
        return b"\n".join([known(line[: line.find(b":") + 1], line) for line in lines])

    def _learn_names(self, head: bytes) -> None:
        """`head` is one that gunicorn takes."""
        for line in head.split(_CRLF)[1:]:
            name = line[: line.find(b":") + 1]
            if _NAME.fullmatch(name) and name[:-1].decode().upper() not in self._read and len(self._unread) < _NAMES:
                self._unread[name] = name

    def refuses(self, start: bytes) -> bool:
        """Whether gunicorn refuses a head by its `start` already, so that nobody waits for the rest."""
        try:
            next(RequestParser(self._config, iter([start]), _PEER))
        except (NoMoreData, StopIteration):
            return False
        except Exception:  # noqa: BLE001  gunicorn's many ways to refuse
            return True
        return False

    def _understand(self, head: bytes) -> Head:
        try:
            request = next(RequestParser(self._config, iter([head]), _PEER))
        except Exception:  # noqa: BLE001  gunicorn's many ways to refuse; it answers this one when it is handed over
            return _OTHER
        self._learn_names(head)
        headers = dict(request.headers)
        length = headers.get("CONTENT-LENGTH", "0")
        if _NOT_TO_WAIT_FOR & headers.keys() or not length.isdecimal() or int(length) > self._limit:
            return _OTHER
        unusual = (
            len(request.headers) != len(headers)
            or bool(_UNUSUAL & headers.keys())
            or any("_" in name for name in headers)  # SCRIPT_NAME and the like, which a trusted peer may send
            or headers.get("CONNECTION", "keep-alive").lower() != "keep-alive"
            or request.version != (1, 1)
        )
        if unusual:
            upgrade = headers.get("UPGRADE", "").lower() == "websocket" and request.method == "GET" and length == "0"
            return Head(Kind.UPGRADE if upgrade else Kind.OTHER, int(length))
        if request.uri == "/ping" and request.method in ("GET", "POST") and length == "0":
            return Head(Kind.PING, 0)
        invoked = request.uri == "/invocations" and request.method == "POST" and int(length)
        if invoked and shortway.is_plain_csv(headers.get("CONTENT-TYPE"), headers.get("ACCEPT", self._default_accept)):
            return Head(Kind.INVOCATION, int(length))
        return Head(Kind.OTHER, int(length))
