"""Bidirectional streaming as a handler sees it: `stream_fn(stream, model)` reads messages and sends others (W-03).

def stream_fn(stream, model):
    for message in stream:
        yield model.reply(message)
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tiffin.context import Context
from tiffin.errors import TiffinError


class StreamClosed(TiffinError):
    """What is sent reaches nobody: the caller has closed the stream, or has gone. A handler need not catch it."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A message, or a piece of one, as it came. `data` of a text may begin and end within a character."""

    data: bytes
    is_text: bool
    is_last: bool


class Stream(ABC):
    """`path` and `query` are the caller's own, percent-encoding and all; a caller may choose both (W-02)."""

    path: str
    query: str

    def __iter__(self) -> Iterator[str | bytes]:
        """Whole messages, text as str; ends when the caller closes the stream or is gone."""
        parts: list[bytes] = []
        for frame in self.frames():
            parts.append(frame.data)
            if frame.is_last:
                message = b"".join(parts)
                parts.clear()
                yield message.decode() if frame.is_text else message

    @abstractmethod
    def frames(self) -> Iterator[Frame]:
        """Messages in the pieces in which the caller sent them."""

    @abstractmethod
    def send(self, message: str | bytes | Frame, last: bool = True) -> None:
        """Send one frame; more of the same message follow unless it is the `last`. A Frame is sent as it is.

        Waits while the caller reads too slowly. Raises StreamClosed when nobody is there to read it.
        """

    @abstractmethod
    def close(self, code: int = 1000, reason: str = "") -> None:
        """The caller reads code and reason (W-04); iteration ends. Raises ValueError for a code that none may send."""


# Raises PublicError and StreamClosed, and nothing else.
Converse = Callable[[Stream, Context], None]
