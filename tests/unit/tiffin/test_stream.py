# ruff: noqa: ARG002, ARG005  handlers take what they are given
"""What a handler makes of a stream, and what becomes of what it raises; the wire is tested in tests/http."""

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from tiffin.context import Context
from tiffin.errors import BadPayload, StreamsOnly, UserCodeError
from tiffin.predictor import HandlerPredictor, Handlers
from tiffin.settings import Settings
from tiffin.stream import Converse, Frame, Stream, StreamClosed

CONTEXT = Context(Settings(), {"x-a": "b"})


class Recorded(Stream):
    """Has these frames, and room for so many messages."""

    path, query = "/p", "q"

    def __init__(self, *frames: Frame, room: int = 9) -> None:
        self._frames, self._room = frames, room
        self.sent: list[object] = []

    def frames(self) -> Iterator[Frame]:
        yield from self._frames

    def send(self, message: str | bytes | Frame, last: bool = True) -> None:
        if len(self.sent) == self._room:
            raise StreamClosed("gone")
        self.sent.append(message)

    def close(self, code: int = 1000, reason: str = "") -> None:
        raise NotImplementedError


def converse(stream_fn: Callable[..., Any]) -> Converse:
    module = ModuleType("inference")
    vars(module).update(model_fn=lambda model_dir: "model", stream_fn=stream_fn)
    found = HandlerPredictor(Handlers.of(module), "model").converse
    assert found is not None
    return found


def echo(stream: Stream, model: object) -> Iterator[object]:
    yield from stream


TEXT = [Frame("\u00e9".encode()[:1], True, False), Frame("\u00e9".encode()[1:] + b"a", True, True)]
BINARY = [Frame(b"\xc3", False, False), Frame(b"", False, False), Frame(b"\xff", False, True)]


def test_iteration_gives_whole_messages() -> None:
    stream = Recorded(*TEXT, *BINARY, Frame(b"", True, True), Frame(b"half", True, False))
    assert list(stream) == ["\u00e9a", b"\xc3\xff", ""]


def test_what_a_handler_yields_is_sent() -> None:
    stream = Recorded(*TEXT, *BINARY)
    converse(echo)(stream, CONTEXT)
    assert stream.sent == ["\u00e9a", b"\xc3\xff"]


def test_a_handler_may_send_and_ask_for_the_context() -> None:
    stream = Recorded()

    def stream_fn(stream: Stream, model: str, context: Context) -> None:
        stream.send(f"{model} {stream.path} {stream.query} {context.headers['x-a']}")

    converse(stream_fn)(stream, CONTEXT)
    assert stream.sent == ["model /p q b"]


def test_a_caller_who_has_gone_is_no_failure_of_the_model() -> None:
    closed = []

    def stream_fn(stream: Stream, model: object) -> Iterator[str]:
        try:
            while True:
                yield "a"
        finally:
            closed.append(True)

    stream = Recorded(room=2)
    with pytest.raises(StreamClosed):
        converse(stream_fn)(stream, CONTEXT)
    assert (stream.sent, closed) == (["a", "a"], [True])


def bad(stream: Stream, model: object) -> None:
    raise BadPayload("no")


def bad_later(stream: Stream, model: object) -> Iterator[str]:
    yield "a"
    raise BadPayload("no")


def fails(stream: Stream, model: object) -> Iterator[str]:
    yield "a"
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("stream_fn", "error"),
    [
        (bad, BadPayload),
        (bad_later, BadPayload),
        (fails, UserCodeError),
        (lambda stream, model: 5, UserCodeError),
        (lambda stream, model: "text", UserCodeError),
    ],
)
def test_what_a_handler_raises_is_a_public_error(stream_fn: Callable[..., Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        converse(stream_fn)(Recorded(), CONTEXT)


def test_without_the_handler_there_is_no_stream() -> None:
    module = ModuleType("inference")
    vars(module).update(model_fn=lambda model_dir: "model", predict_fn=lambda data, model: data)
    assert HandlerPredictor(Handlers.of(module), "model").converse is None


def test_a_model_that_only_streams_predicts_nothing() -> None:
    module = ModuleType("inference")
    vars(module).update(model_fn=lambda model_dir: "model", stream_fn=echo)
    serving = HandlerPredictor(Handlers.of(module), "model", streams_only=True)
    with pytest.raises(StreamsOnly, match="/invocations-bidirectional-stream"):
        serving.predict(b"1\n", "text/csv", None, CONTEXT)
