"""A stream in both directions (section 3.1 of the contract): who claims it, and how its WebSocket behaves."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from local_test.verify.checks.check import Check
from local_test.verify.payload import Payload
from local_test.verify.server import Server
from local_test.verify.verdict import Seen, failed, passed, skipped, warned
from local_test.verify.websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Broken, Frame, Refusal, WebSocket

PATH = "/invocations-bidirectional-stream"
NOWHERE = "/nobody-knows-this-path"
LABEL = "bidirectional-streaming"
PIECES = 3
PATIENCE = 10.0  # seconds for a pong: a server that answers none in so long is idle, and never will
QUIET = 1.0  # seconds without a frame after which an answer is over
FIRST_WORD = 10.0  # seconds until it begins
BAD, ERROR, AWAY = 400, 500, 1001
UNCLAIMED = "the image's label does not claim it"
UNTAKEN = "no stream is taken (W-02)"


def _label(server: Server) -> bool:
    return server.court.claims(LABEL)


def label(server: Server) -> Seen:
    """Without it the platform opens no stream. Some servers take a WebSocket at any path, and mean nothing by it."""
    with WebSocket(server.address, PATH) as stream, WebSocket(server.address, NOWHERE) as elsewhere:
        if _label(server):
            return skipped("see W-02") if stream.refusal else passed("it says so, and a WebSocket is taken")
        if stream.refusal is None and elsewhere.refusal is not None:
            return warned(f"a WebSocket is taken at {PATH}, and the image's label does not say so")
    return skipped(UNCLAIMED)


def taken(server: Server) -> Seen:
    if not _label(server):
        return skipped(UNCLAIMED)
    with WebSocket(server.address, PATH) as stream, WebSocket(server.address, NOWHERE) as elsewhere:
        refusal = stream.refusal
        if refusal is None:
            return passed("a WebSocket is taken")
        if _says_why(refusal, elsewhere.refusal):
            return skipped(
                f"it can, and this model does not, as it says itself (give --model one that streams): {refusal}"
            )
    if not refusal.status:
        return failed(f"a WebSocket's handshake: {refusal}")
    return warned(f"the image's label claims it, but this server answers a handshake at {PATH} with {refusal}")


def _says_why(refusal: Refusal, elsewhere: Refusal | None) -> bool:
    """A sentence about this path: a server without any WebSocket says of it what it says of every path."""
    if not BAD <= refusal.status < ERROR or (elsewhere and _sentence(elsewhere) == _sentence(refusal)):
        return False
    return bool(_sentence(refusal)) and "<" not in refusal.body


def _sentence(refusal: Refusal) -> str:
    """Without the path, which many repeat, and what is of this request alone."""
    try:
        document = json.loads(refusal.body)
    except ValueError:
        document = None
    text = str(document["message"]) if isinstance(document, dict) and "message" in document else refusal.body
    return re.sub(f"{PATH}|{NOWHERE}|[0-9a-f-]{{8,}}", "", text).strip()


@dataclass(frozen=True)
class Said:
    """A stream's answer to one message: the data of its messages, and how it closed."""

    messages: tuple[bytes, ...]
    close: Frame | None

    def __str__(self) -> str:
        said = b" ".join(self.messages).decode(errors="replace")
        closed = f", and a close with {self.close.close_code}" if self.close else ""
        return f"{said[:80].strip()!r}{closed}"


def whole_messages(server: Server) -> Seen:
    """W-03: pieces of one message are one message, and its bytes are what came."""
    message = server.court.subject.message or server.payload
    if not _label(server):
        return skipped(UNCLAIMED)
    if message is None or len(message.body) < PIECES:
        return skipped("give --payload FILE or --message FILE")
    try:
        whole, again = _converse(server, message, 1), _converse(server, message, 1)
        if whole is None or whole != again or (not whole.messages and whole.close is None):
            return skipped(UNTAKEN if whole is None else "give --message FILE that its stream answers, always alike")
        pieces = _converse(server, message, PIECES)
    except Broken as error:
        return failed(str(error))
    if pieces != whole:
        return failed(f"a message in three frames is answered {pieces}; in one, {whole}")
    return passed(f"in one frame and in three a message is answered alike: {whole}")


def _converse(server: Server, message: Payload, pieces: int) -> Said | None:
    """None where no stream is taken. Raises Broken."""
    with WebSocket(server.address, PATH) as stream:
        if stream.refusal is not None:
            return None
        for index, piece in enumerate(_cut(message.body, pieces)):
            stream.send(CONTINUATION if index else _opcode(message), piece, index == pieces - 1)
        said: list[bytes] = []
        parts = b""
        while (frame := stream.receive(QUIET if said or parts else FIRST_WORD)) is not None:
            if frame.opcode == CLOSE:
                return Said(tuple(said), frame)
            if frame.opcode in (TEXT, BINARY, CONTINUATION):
                parts += frame.data
                if frame.is_last:
                    said.append(parts)
                    parts = b""
        return Said(tuple(said), None)


def _opcode(message: Payload) -> int:
    """PayloadPart's UTF8 is a text frame, BINARY a binary one."""
    try:
        message.body.decode()
    except UnicodeDecodeError:
        return BINARY
    return TEXT


def _cut(body: bytes, pieces: int) -> Sequence[bytes]:
    size = len(body) // pieces
    return [body[index * size : (index + 1) * size if index < pieces - 1 else None] for index in range(pieces)]


def pongs(server: Server) -> Seen:
    """W-04: every 60 s the platform asks, and five without an answer end the stream."""
    if not _label(server):
        return skipped(UNCLAIMED)
    with WebSocket(server.address, PATH) as stream:
        if stream.refusal is not None:
            return skipped(UNTAKEN)
        try:
            for data in (b"lunch", b""):  # a pong has the ping's bytes
                stream.send(PING, data)
                seen = _pong(stream, data)
                if seen is not None:
                    return seen
            stream.send(CLOSE, AWAY.to_bytes(2))
            while (frame := stream.receive(PATIENCE)) is not None and frame.opcode != CLOSE:
                pass
        except Broken as error:
            return failed(str(error))
    if frame is None:
        return warned(f"pings are answered; a caller's close is not, within {PATIENCE:.0f} s")
    return passed(f"pings are answered, with their bytes; a caller's close is answered by {frame.close_code}")


def _pong(stream: WebSocket, data: bytes) -> Seen | None:
    while (frame := stream.receive(PATIENCE)) is not None:
        if frame.opcode == CLOSE:
            return skipped(f"it closes a stream on which nothing was said yet, with {frame.close_code}")
        if frame.opcode == PONG:
            return None if frame.data == data else failed(f"a ping with {data!r} gets a pong with {frame.data[:40]!r}")
    return failed(f"a ping has no pong within {PATIENCE:.0f} s: the platform cuts such a stream after five minutes")


CHECKS = (
    Check("W-01", "the label for streams", label),
    Check("W-02", "a stream in both directions", taken),
    Check("W-03", "a message in pieces", whole_messages),
    Check("W-04", "pings of a stream", pongs),
)
