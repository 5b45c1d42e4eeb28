"""One bidirectional stream: the socket, the protocol's state, and what waits between the two threads that share them.

The thread of `serve.stream` reads and writes and never waits; the handler's own thread waits here, for messages or for
room. Whoever touches protocol, socket or buffers holds the lock. Frames are passed on as they come, neither joined nor
split (W-03), which is why the protocol is `websockets`' and not wsproto's: that one moves the bytes of a character that
two text frames share into the second.
"""

import codecs
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

from websockets.exceptions import ProtocolError
from websockets.frames import CloseCode, Opcode
from websockets.frames import Frame as WireFrame
from websockets.protocol import State
from websockets.server import ServerProtocol

from tiffin import limits
from tiffin.stream import Frame, Stream, StreamClosed

RECEIVE = 256 * 1024
WAITING = limits.MIB  # bytes that wait for the handler; then nothing is read until it has taken some
UNSENT = limits.MIB  # bytes that wait for the caller; then `send` waits
FRAME = 256  # what a frame costs besides its bytes
SEND = 60 * limits.SECONDS  # how long `send` waits for a caller that reads nothing
CLOSE = 5 * limits.SECONDS  # how long the caller has for its side of the closing, from when it last read
REASON = 123  # bytes that fit a close frame beside the code


class Session(Stream):
    def __init__(self, sock: socket.socket, protocol: ServerProtocol, attend: Callable[["Session"], None]) -> None:
        """`attend` tells the thread of `serve.stream` that there is something to do for this one."""
        self.sock, self.protocol, self._attend = sock, protocol, attend
        self.fileno = sock.fileno()
        self.path = self.query = self.id = self.problem = ""
        self.known_interest = 0  # what the poller was told
        self.started = time.monotonic()
        self.deadline = float("inf")  # of the closing
        self.is_answered = True  # no handler works on it
        self.received = self.sent = self.bytes_received = self.bytes_sent = 0  # messages, and bytes of their frames
        self._changed = threading.Condition()
        self._inbox: deque[Frame] = deque()
        self._waiting = 0
        self._unsent = bytearray()
        self._finish = self._finished = self._deaf = False
        self._decoder: codecs.IncrementalDecoder | None = None  # of the text that is coming in
        self._sends_text = False  # the message that is going out

    # For the thread of serve.stream

    def receive(self) -> None:
        with self._changed:
            try:
                data = self.sock.recv(RECEIVE)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            self.feed(data)

    def feed(self, data: bytes) -> None:
        """What the caller sent; nothing when it has hung up."""
        with self._changed:
            if data:
                self.protocol.receive_data(data)
            else:
                self.protocol.receive_eof()
            for frame in self.protocol.events_received():
                if isinstance(frame, WireFrame) and frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                    self._take(frame)
            self.flush()
            self._changed.notify_all()

    def _take(self, frame: WireFrame) -> None:
        if self._deaf:
            return
        data = bytes(frame.data)
        if frame.opcode is not Opcode.CONT:
            self._decoder = codecs.getincrementaldecoder("utf-8")() if frame.opcode is Opcode.TEXT else None
        if self._decoder is not None:
            try:
                self._decoder.decode(data, frame.fin)
            except UnicodeDecodeError:
                self._deaf = True
                if self.protocol.state is State.OPEN:
                    self.protocol.fail(CloseCode.INVALID_DATA, "a text message is not UTF-8")
                return
        self.received += frame.fin
        self.bytes_received += len(data)
        self._waiting += len(data) + FRAME
        self._inbox.append(Frame(data, self._decoder is not None, frame.fin))

    def flush(self) -> None:
        """Never waits."""
        with self._changed:
            for data in self.protocol.data_to_send():
                self._unsent += data
                self._finish = self._finish or not data
            before = len(self._unsent)
            self._write()
            if self.protocol.close_expected() and (self.deadline == float("inf") or len(self._unsent) < before):
                self.deadline = time.monotonic() + CLOSE

    def _write(self) -> None:
        try:
            while self._unsent:
                with memoryview(self._unsent) as view:
                    sent = self.sock.send(view[:RECEIVE])
                del self._unsent[:sent]
            if self._finish and not self._finished:
                self._finished = True
                self.sock.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            pass
        except OSError:  # the caller has gone, as reading will find
            self._unsent.clear()
        self._changed.notify_all()

    def answer(self, data: bytes) -> None:
        """In place of all that the protocol would send; the connection ends with it."""
        with self._changed:
            self.protocol.data_to_send()
            self._unsent += data
            self._finish = True
            self.flush()

    def interest(self) -> int:
        """What to wait for, as epoll has it."""
        with self._changed:
            has_room = self._waiting < WAITING and len(self._unsent) <= UNSENT
            read = has_room or self.protocol.state is not State.OPEN
            return (select.EPOLLIN if read else 0) | (select.EPOLLOUT if self._unsent else 0)

    @property
    def is_over(self) -> bool:
        """Whether the socket may be closed: the caller has gone, or both have said goodbye and all is sent."""
        closed = self.protocol.close_rcvd is not None and self.protocol.close_sent is not None and self._finished
        return closed or self.protocol.state is State.CLOSED

    def give_up(self) -> None:
        """Whatever was still to come or to be sent."""
        with self._changed:
            self.protocol.state = State.CLOSED
            self._changed.notify_all()

    def drop(self) -> None:
        with self._changed:
            self.protocol.state = State.CLOSED
            self._unsent.clear()
            self.sock.close()
            self._changed.notify_all()

    @property
    def code(self) -> int:
        """Why it ended, as the caller or we said first."""
        close = self.protocol.close_sent or self.protocol.close_rcvd
        return close.code if close is not None else CloseCode.ABNORMAL_CLOSURE

    # For the handler

    def frames(self) -> Iterator[Frame]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._inbox or not self._is_open())
                if not self._inbox:
                    return
                frame = self._inbox.popleft()
                was_full = self._waiting >= WAITING
                self._waiting -= len(frame.data) + FRAME
                has_room = was_full and self._waiting < WAITING
            if has_room:
                self._attend(self)
            yield frame

    def send(self, message: str | bytes | Frame, last: bool = True) -> None:
        if isinstance(message, Frame):
            data, is_text, last = message.data, message.is_text, message.is_last
        elif isinstance(message, str):
            data, is_text = message.encode(), True
        elif isinstance(message, bytes | bytearray | memoryview):
            data, is_text = bytes(message), False
        else:
            raise TypeError(f"a stream sends text or bytes, not {type(message).__name__}")
        with self._changed:
            self._send(data, is_text, last)
            self.sent += last
            self.bytes_sent += len(data)
            self.flush()
            if self._unsent:
                self._attend(self)
            while (unsent := len(self._unsent)) > UNSENT and self._is_open():
                if not self._changed.wait_for(lambda: len(self._unsent) < unsent or not self._is_open(), SEND):
                    self.problem = f"the caller read nothing for {SEND} s"
                    self.close(CloseCode.INTERNAL_ERROR, self.problem)
                    raise StreamClosed(self.problem)

    def _send(self, data: bytes, is_text: bool, last: bool) -> None:
        if self.protocol.state is not State.OPEN:
            raise StreamClosed("the caller has closed the stream, or has gone")
        if self.protocol.expect_continuation_frame:
            if is_text is not self._sends_text:
                raise ValueError("the message under way is of the other kind: text or bytes; end it by last=True first")
            self.protocol.send_continuation(data, last)
        else:
            self._sends_text = is_text
            (self.protocol.send_text if is_text else self.protocol.send_binary)(data, last)

    def _is_open(self) -> bool:
        return self.protocol.state is State.OPEN

    def close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        with self._changed:
            if self.protocol.state is not State.OPEN:
                return
            try:
                self.protocol.send_close(code, shortened(reason))
            except ProtocolError:
                raise ValueError(f"{code} is no close code that may be sent: 1000, 1001, 1008, 3000 to 4999…") from None
            self._deaf = True
            self._inbox.clear()
            self.flush()
            self._changed.notify_all()
        self._attend(self)


def shortened(reason: str) -> str:
    """What fits a close frame, cut between characters."""
    data = reason.encode(errors="replace")
    return reason if len(data) <= REASON else data[: REASON - 3].decode(errors="ignore") + "…"
