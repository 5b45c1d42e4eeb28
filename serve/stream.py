"""Bidirectional streaming: WebSockets beside the HTTP of the same port (W-01 … W-04).

Rules:
- The worker's loop hands over the socket of a GET that asks for a WebSocket, with every byte read. From then on it is
  this module's; the loop hears of it once more, when it is closed.
- One thread a process reads and writes for all sessions, so that a ping is answered at once though its handler computes
  for minutes (W-04). Each handler has a thread of its own, never one of gunicorn's: a session may last for hours.
- A session's place is free again when its socket is closed and its handler has returned.
- A stop (H-18) refuses new sessions at once, and closes the others with 1001 when they have had `DRAIN`.
"""

import json
import logging
import os
import select
import socket
import threading
import time
import uuid
from collections import deque
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote

from websockets.http11 import Request
from websockets.server import ServerProtocol

from serve.app import STREAM_PATH
from serve.heads import END
from serve.session import Session
from tiffin import limits
from tiffin.context import Context
from tiffin.errors import PublicError, UserCodeError
from tiffin.stream import StreamClosed

if TYPE_CHECKING:
    from serve.worker import Worker

log = logging.getLogger(__name__)
_protocol_log = logging.getLogger(f"{__name__}.protocol")
_protocol_log.setLevel(logging.WARNING)  # it would tell each connection, and each payload

DRAIN = limits.STOP_GRACE_SERVE - 12 * limits.SECONDS  # H-18: then the closing; the loop's own drain ends at 25 s
TICK = 1 * limits.SECONDS
# No time-out is ours: a caller may be silent for hours. One whose machine is gone is found by TCP (W-04).
_DETECT_LOSS = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 20),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 6),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
)
_CLOSE_CODES = {413: 1009, 415: 1003, 503: 1013}  # of a PublicError's status; others are 1008 and 1011


class Streams:
    def __init__(self, worker: "Worker") -> None:
        self._worker = worker
        self._converse = worker.app.predictor.converse
        self._settings = worker.app.settings
        self._metrics = worker.app.metrics
        self._routes = worker.wsgi.url_map.bind("localhost")
        self._places = threading.BoundedSemaphore(self._settings.streams)
        self._new: deque[tuple[socket.socket, bytes]] = deque()
        self._attention: deque[Session] = deque()
        self._sessions: set[Session] = set()
        self._connected: dict[int, Session] = {}  # those with a socket, by its descriptor
        self._received = self._sent = 0  # messages of sessions that have ended
        self._reported = 0, 0
        self._stop_at, self._next_tick = float("inf"), 0.0
        self._thread: threading.Thread | None = None

    # For the worker's loop

    def takes(self, head: bytes) -> bool:
        """Whether the path is none of HTTP's."""
        target = head.split(b" ", 2)[1].decode("latin-1")
        path = unquote(target.partition("?")[0])
        return target.startswith("/") and (path == STREAM_PATH or not self._routes.allowed_methods(path))

    def open(self, sock: socket.socket, data: bytes) -> bytes:
        """Empty when the socket is taken, else what to answer."""
        if not self._worker.alive:
            return _refusal(503, "NotReady", "the server is being stopped", ("Retry-After", "1"))
        if not self._places.acquire(blocking=False):
            message = f"{self._settings.streams} streams are open, and SERVE_STREAMS allows no more; try again later"
            return _refusal(503, "NotReady", message, ("Retry-After", "1"))
        if self._thread is None:
            self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            self._epoll = select.epoll()
            self._epoll.register(self._wake, select.EPOLLIN)
            self._thread = threading.Thread(target=self._run, name="streams", daemon=True)
            self._thread.start()
        self._new.append((sock, data))
        os.eventfd_write(self._wake, 1)
        return b""

    # The thread

    def _run(self) -> None:
        try:
            while True:
                self._turn()
        finally:  # by a defect of ours only: the process ends, and another takes its place
            self._worker.alive = False

    def _turn(self) -> None:
        for descriptor, events in self._epoll.poll(TICK if self._sessions else None):
            if descriptor == self._wake:
                self._look_around()
            elif (session := self._connected.get(descriptor)) is not None:
                if events & ~select.EPOLLOUT:
                    session.receive()
                if events & select.EPOLLOUT:
                    session.flush()
                self._settle(session)
        if (now := time.monotonic()) >= self._next_tick:
            self._next_tick = now + TICK
            self._tick(now)

    def _look_around(self) -> None:
        os.eventfd_read(self._wake)
        while self._new:
            self._begin(*self._new.popleft())
        while self._attention:
            self._settle(self._attention.popleft())

    def _attend(self, session: Session) -> None:
        """For any thread."""
        self._attention.append(session)
        os.eventfd_write(self._wake, 1)

    def _begin(self, sock: socket.socket, data: bytes) -> None:
        for level, option, value in _DETECT_LOSS:
            sock.setsockopt(level, option, value)
        protocol = ServerProtocol(max_size=self._settings.max_payload or None, logger=_protocol_log)
        session = Session(sock, protocol, self._attend)
        self._sessions.add(session)
        self._connected[session.fileno] = session
        self._epoll.register(session.fileno, 0)
        end = data.index(END) + len(END)
        protocol.receive_data(data[:end])  # no more: a pipelined ping's pong would come before the handshake's answer
        request = next((event for event in protocol.events_received() if isinstance(event, Request)), None)
        response = protocol.accept(request) if request is not None else None
        if request is None or response is None or response.status_code != 101:  # noqa: PLR2004
            status = response.status_code if response is not None else 400
            session.answer(_unfit(request, status, protocol.handshake_exc))
        else:
            protocol.send_response(response)
            self._start(session, request)
            session.flush()
            if data[end:]:
                session.feed(data[end:])
        self._report()
        self._settle(session)

    def _start(self, session: Session, request: Request) -> None:
        session.path, _, session.query = request.path.partition("?")
        headers = {name.lower(): value for name, value in request.headers.raw_items()}
        session.id = headers.get("x-amzn-sagemaker-inference-id", "")[:64] or uuid.uuid4().hex
        session.is_answered = False
        context = Context(self._settings, headers)
        try:
            threading.Thread(target=self._answer, args=(session, context), name="stream", daemon=True).start()
        except RuntimeError:  # no more threads in this container
            log.exception("stream %s: there is no thread for its handler", session.id)
            session.is_answered = True
            session.close(1013, "the server has no room for one more stream; try again later")

    def _answer(self, session: Session, context: Context) -> None:
        """The handler's thread."""
        code, reason = 1011, "the server failed on this stream; the container's log says why"
        try:
            self._converse(session, context)
            code, reason = 1000, ""
        except StreamClosed:
            pass  # as is usual
        except PublicError as error:
            code, reason = _close_code(error), str(error)
            if isinstance(error, UserCodeError):
                log.error("stream %s: %s", session.id, error, exc_info=error.__cause__ or error)
            session.problem = session.problem or reason
        finally:
            session.is_answered = True
            session.close(code, reason)
            self._attend(session)

    def _settle(self, session: Session) -> None:
        """After whatever happened to it."""
        if self._connected.get(session.fileno) is session:
            if session.is_over:
                del self._connected[session.fileno]
                self._epoll.unregister(session.fileno)
                session.drop()
                self._worker.method_queue.defer(self._disconnected)
            elif (interest := session.interest()) != session.known_interest:
                session.known_interest = interest
                self._epoll.modify(session.fileno, interest)
        if session.is_over and session.is_answered and session in self._sessions:
            self._sessions.remove(session)
            self._received += session.received
            self._sent += session.sent
            self._places.release()
            self._report()
            if session.id:
                _record(session)

    def _disconnected(self) -> None:
        """On the loop's thread."""
        self._worker.nr_conns -= 1

    def _tick(self, now: float) -> None:
        if not self._worker.alive and self._stop_at == float("inf"):
            self._stop_at = now + DRAIN
        for session in list(self._connected.values()):
            if now >= self._stop_at:
                session.close(1001, "the server is being stopped")
            if now >= session.deadline:
                session.give_up()
            self._settle(session)
        self._report()

    def _report(self) -> None:
        received = self._received + sum(session.received for session in self._sessions)
        sent = self._sent + sum(session.sent for session in self._sessions)
        self._metrics.streamed(len(self._sessions), received - self._reported[0], sent - self._reported[1])
        self._reported = received, sent


def _close_code(error: PublicError) -> int:
    return _CLOSE_CODES.get(error.status, 1008 if error.status < 500 else 1011)  # noqa: PLR2004


def _record(session: Session) -> None:
    event = {
        "stream": session.id,
        "code": session.code,
        "received": session.received,
        "sent": session.sent,
        "bytes_received": session.bytes_received,
        "bytes_sent": session.bytes_sent,
        "seconds": round(time.monotonic() - session.started, 1),
    }
    text = " ".join(f"{name}={value}" for name, value in list(event.items())[1:])
    log.info("stream %s %s%s", session.id, text, session.problem and f" {session.problem}", extra=event)


def _unfit(request: Request | None, status: int, why: Exception | None) -> bytes:
    """To a handshake that is none, the reason."""
    reasons = []
    while why is not None:
        reasons.append(str(why))
        why = why.__cause__ if isinstance(why.__cause__, Exception) else None
    message = f"no WebSocket: {'; '.join(reasons) or 'the head of the request cannot be read'}"
    if status == 426:  # noqa: PLR2004
        return _refusal(426, "UpgradeRequired", message, ("Upgrade", "websocket"))
    if request is not None and request.headers.get_all("Sec-WebSocket-Version") != ["13"]:
        return _refusal(426, "UpgradeRequired", message, ("Sec-WebSocket-Version", "13"))
    return _refusal(status, "BadHandshake", message)


def _refusal(status: int, error: str, message: str, header: tuple[str, str] | None = None) -> bytes:
    document = {"error": error, "message": message[: limits.ERROR_BODY // 4], "request_id": uuid.uuid4().hex}
    body = (json.dumps(document) + "\n").encode()
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Server: gunicorn",
        f"Date: {formatdate(usegmt=True)}",
        "Connection: close",
        *([": ".join(header)] if header else []),
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join((*lines, "", "")).encode() + body
