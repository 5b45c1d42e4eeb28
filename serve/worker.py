"""A gunicorn worker whose loop answers plain invocations and pings itself, and hands all else to gunicorn's threads.

Rules:
- `serve.heads` says which requests are plain. The loop waits for the whole of any request of known length, so that a
  slow caller costs nobody a thread; then it predicts plain ones and hands the others over, with every byte read, to
  gunicorn's threaded worker and through it to Flask. After its answer such a connection comes back into the loop.
- All that is readable at one time is predicted together, in the loop when the model is quick, else on the model thread,
  which takes all that waits when it is free. Nobody waits for company.
- An answer of None from `raw` means that the request needs the long way, where faults get their sentences.
- The loop never blocks. One thread, this one, touches what is in the loop; a connection that was handed over is
  gunicorn's until `finish_request`, which runs on this thread again.
"""

import logging
import socket
import time
from concurrent.futures import Future, ThreadPoolExecutor
from email.utils import formatdate
from typing import Any

from gunicorn.http import get_parser
from gunicorn.workers.gthread import TConn, ThreadWorker

from serve.access import AccessLog
from serve.connection import Connection, Plain
from serve.heads import END, LONGEST, Heads, Kind
from serve.poller import Poller
from tiffin import limits
from tiffin.predictor import Raw
from tiffin.table import shortened

log = logging.getLogger(__name__)

RECEIVE = 16 * 1024  # at first: a larger buffer costs a small request more than its prediction
RECEIVE_MORE = 256 * 1024
ACCEPT_AT_ONCE = 64
HEARTBEAT = 0.5 * limits.SECONDS  # how long the loop runs before gunicorn's own housekeeping has its turn
QUICK = 0.005 * limits.SECONDS  # a prediction that takes longer is none for the loop
SURPRISE = 0.25 * limits.SECONDS  # a model that held the loop this long once is never asked there again (H-08)
LARGE = 64 * 1024  # bytes waiting at one time that are too many for the loop
WAITING = 1024  # requests for the model thread; one more is answered 503
LINGER = 2 * limits.SECONDS  # after the last answer, for what the caller still sends
HELD = 512 * limits.MIB  # of requests that are not whole yet, in one process

INVOCATION = Kind.INVOCATION  # looked up once: a class of enum members is slow to ask

_ANSWERS = frozenset({bytes, type(None)})

PING = b"HTTP/1.1 200 OK\r\nServer: gunicorn\r\nDate: %s\r\nConnection: %s\r\nContent-Length: 0\r\n\r\n"
ANSWER = (
    b"HTTP/1.1 200 OK\r\nServer: gunicorn\r\nDate: %s\r\nConnection: %s\r\nContent-Type: text/csv\r\nContent-Length: "
)
BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nServer: gunicorn\r\nDate: %s\r\nConnection: %s\r\nRetry-After: 1\r\n"
    b"Content-Type: application/json\r\nContent-Length: "
)
BUSY_BODY = b'{"error": "NotReady", "message": "too many requests wait for the model; try again in a second"}\n'


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    def run(self) -> None:
        self.poller.close()
        self.poller: Poller = Poller()
        self.raw: Raw | None = self.app.predictor and self.app.predictor.raw
        self.heads = Heads(self.cfg, self.app.settings)
        self.access = AccessLog(self.app.settings)
        self.connections: set[Connection] = set()
        self.ready: list[Plain] = []
        self.held = 0
        self.keep_alive: int = self.cfg.keepalive  # read once: gunicorn looks each setting up by name
        self.now = time.monotonic()
        self.slow = True  # until it is seen to be quick: the first prediction may take a minute
        self.trusted = True
        self.model_thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self.predicting = 0
        self._date_at, self._date = 0, b""
        super().run()
        self.model_thread.shutdown(wait=False)

    # The loop: gunicorn's, with these in the places where it looks at sockets.

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        until = time.monotonic() + HEARTBEAT
        poll, handlers = self.poller.poll, self.poller.handlers
        while True:
            events = poll(0 if self._can_predict() else timeout)
            self.now = time.monotonic()
            for descriptor, _ in events:
                found = handlers.get(descriptor)
                if found is not None:
                    found[0](found[1])
            if self._can_predict():
                self._predict()
                for plain in self.ready:  # pipelined behind an answer of this turn; the others' bytes come first
                    self._pause(plain[0])
            self.access.flush()
            if self.now > until or not self.alive or self.nr_conns >= self.worker_connections:
                return

    def accept(self, listener: Any) -> None:
        for _ in range(ACCEPT_AT_ONCE):
            try:
                sock, client = listener.accept()
            except OSError:  # nobody is left to accept, or who was there has gone
                return
            self.nr_conns += 1
            self._adopt(sock, client, listener.getsockname())

    def finish_request(self, conn: Any, fs: "Future[Any]") -> None:
        """A connection comes back from gunicorn's threads: into the loop, to be kept alive or to be closed."""
        kept = not fs.cancelled() and fs.exception() is None and fs.result() is True
        if kept and self.alive:
            self._adopt(conn.sock, conn.client, conn.server, conn.parser.unreader.take_buffered())
        elif kept:
            super().finish_request(conn, fs)
        else:
            self._linger(Connection(conn.sock, conn.client, conn.server, 0))

    def murder_keepalived(self, force: bool = False) -> None:
        super().murder_keepalived(force)
        for connection in [c for c in self.connections if force or c.deadline < self.now]:
            self._drop(connection)

    def _cap_keepalive(self, deadline: float) -> None:
        super()._cap_keepalive(deadline)
        for connection in self.connections:
            if not (connection.chunks or connection.unsent or connection.busy):
                connection.deadline = min(connection.deadline, deadline)

    # Connections

    def _adopt(self, sock: socket.socket, client: Any, server: Any, data: bytes = b"") -> None:
        sock.setblocking(False)
        connection = Connection(sock, client, server, self.now + self.keep_alive)
        self.connections.add(connection)
        self.poller.register(connection, 0, self._readable)
        if data:
            self._feed(connection, data)

    def _linger(self, connection: Connection) -> None:
        """gunicorn's `close_graceful`, which would stop the loop: a reset by bytes unread would cost an answer."""
        try:
            connection.sock.shutdown(socket.SHUT_WR)
            connection.sock.setblocking(False)
        except OSError:  # who was there has gone
            self.nr_conns -= 1
            connection.sock.close()
            return
        connection.deadline = self.now + LINGER
        self.connections.add(connection)
        self.poller.register(connection, 0, self._discard)

    def _discard(self, connection: Connection) -> None:
        try:
            more = connection.sock.recv(RECEIVE)
        except BlockingIOError:
            return
        except OSError:
            more = b""
        if not more:
            self._drop(connection)

    def _leave(self, connection: Connection) -> None:
        self.held -= connection.size
        self.connections.discard(connection)
        self.poller.unregister(connection)

    def _drop(self, connection: Connection) -> None:
        self._leave(connection)
        self.nr_conns -= 1
        connection.sock.close()

    def _hand_over(self, connection: Connection, data: bytes) -> None:
        self._leave(connection)
        conn = TConn(self.cfg, connection.sock, connection.client, connection.server)
        conn.parser = get_parser(self.cfg, connection.sock, connection.client)
        conn.parser.unreader.unread(data)
        conn.data_ready = True
        self.enqueue_req(conn)

    # Bytes in

    def _readable(self, connection: Connection) -> None:
        if connection.busy:  # nothing is read from it, so this is a hang-up
            self._drop(connection)
            return
        connection.deadline = self.now + self.keep_alive
        if connection.unsent:
            self._send_rest(connection)
            return
        try:
            data = connection.sock.recv(RECEIVE_MORE if connection.chunks else RECEIVE)
        except BlockingIOError:
            return
        except OSError:
            self._drop(connection)
            return
        if not data:
            if connection.chunks:  # half a request and no more: gunicorn knows what to say
                self._hand_over(connection, b"".join(connection.chunks))
            else:
                self._drop(connection)
            return
        if connection.chunks:
            connection.chunks.append(data)
            connection.size += len(data)
            self.held += len(data)
            if connection.size < connection.needed and self.held < HELD:
                return
            data = b"".join(connection.chunks)
            self.held -= connection.size
            connection.chunks, connection.size = [], 0
        self._feed(connection, data)

    def _feed(self, connection: Connection, data: bytes) -> None:
        while data:
            end = data.find(END, 0, LONGEST)
            if end < 0:
                if len(data) >= LONGEST or self.held + len(data) >= HELD or self.heads.refuses(data):
                    self._hand_over(connection, data)
                else:
                    self._keep(connection, data, 0)
                return
            end += len(END)
            head = data[:end]
            found = self.heads.get(head) or self.heads.learn(head)
            total = end + found.length
            if len(data) < total:
                if self.held + len(data) >= HELD:
                    self._hand_over(connection, data)
                else:
                    self._keep(connection, data, total)
                return
            if found.kind is INVOCATION and self.raw is not None:
                if len(self.ready) < WAITING:
                    self.ready.append((connection, head, data[end:total], data[total:]))
                    if self.slow:
                        self._pause(connection)
                    return
                busy = BUSY % self._common() + b"%d\r\n\r\n%b" % (len(BUSY_BODY), BUSY_BODY)
                data = self._answer(connection, busy, data[total:])
            elif found.kind is Kind.PING and self.app.is_ready():
                data = self._answer(connection, PING % self._common(), data[total:])
            else:
                self._hand_over(connection, data)
                return

    def _keep(self, connection: Connection, data: bytes, needed: int) -> None:
        connection.chunks, connection.size, connection.needed = [data], len(data), needed
        self.held += len(data)

    def _pause(self, connection: Connection) -> None:
        if not connection.busy:
            connection.busy, connection.deadline = True, float("inf")
            self.poller.pause(connection)

    # Predictions

    def _can_predict(self) -> bool:
        return bool(self.ready) and not (self.predicting and self.slow)

    def _predict(self) -> None:
        batch, self.ready = self.ready, []
        bodies = [body for _, _, body, _ in batch]
        if self.slow or sum(map(len, bodies)) > LARGE:
            self._predict_on_thread(batch, bodies)
            return
        started = time.perf_counter()
        answers = self._answers(bodies)
        took = time.perf_counter() - started
        self.slow = took > QUICK
        self.trusted = self.trusted and took < SURPRISE
        self._deliver(batch, answers, took)

    def _answers(self, bodies: list[bytes]) -> list[bytes | None]:
        """Never raises."""
        try:
            answers = self.raw(bodies)  # type: ignore[misc]  # None has no invocation that is plain
            if len(answers) == len(bodies) and _ANSWERS.issuperset(map(type, answers)):
                return answers
            log.error("the model answered %d requests together with %s", len(bodies), shortened(answers))
        except (Exception, SystemExit):
            log.exception("the model failed on %d requests together; each is asked by itself", len(bodies))
        return [None] * len(bodies)

    def _predict_on_thread(self, batch: list[Plain], bodies: list[bytes]) -> None:
        self.predicting += 1
        for connection, *_ in batch:
            self._pause(connection)
        started = time.perf_counter()

        def done(future: "Future[list[bytes | None]]") -> None:
            self.method_queue.defer(self._thread_is_done, batch, future.result(), time.perf_counter() - started)

        self.model_thread.submit(self._answers, bodies).add_done_callback(done)

    def _thread_is_done(self, batch: list[Plain], answers: list[bytes | None], took: float) -> None:
        self.predicting -= 1
        self.slow = self.slow and (took > QUICK / 2 or not self.trusted)
        self._deliver(batch, answers, took)

    # Bytes out

    def _deliver(self, batch: list[Plain], answers: list[bytes | None], took: float) -> None:
        start = ANSWER % self._common()
        rows = [0 if answer is None else answer.count(b"\n") for answer in answers]
        self.app.metrics.joined(len(answers) - answers.count(None), sum(rows), took)
        for (connection, head, body, rest), answer, lines in zip(batch, answers, rows, strict=True):
            if connection not in self.connections:
                continue  # it has gone
            if connection.busy:
                connection.busy = False
                self.poller.wait_to_read(connection)
            if answer is None:
                self._hand_over(connection, head + body + rest)
                continue
            self.nr += 1
            self.access.plain(lines, took)
            if rest := self._answer(connection, b"%b%d\r\n\r\n%b" % (start, len(answer), answer), rest):
                self._feed(connection, rest)

    def _answer(self, connection: Connection, data: bytes, rest: bytes) -> bytes:
        """What of `rest` is to be fed now: all or nothing."""
        connection.deadline = self.now + self.keep_alive
        try:
            sent = connection.sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._drop(connection)
            return b""
        if sent < len(data):
            connection.unsent = memoryview(data)[sent:]
            self.poller.wait_to_write(connection)
            if rest:
                self._keep(connection, rest, 0)
            return b""
        if not self.alive:
            self._close(connection)
            return b""
        return rest

    def _send_rest(self, connection: Connection) -> None:
        try:
            sent = connection.sock.send(connection.unsent)
        except BlockingIOError:
            return
        except OSError:
            self._drop(connection)
            return
        connection.unsent = connection.unsent[sent:]
        if connection.unsent:
            return
        if not self.alive:
            self._close(connection)
            return
        connection.unsent = b""
        self.poller.wait_to_read(connection)
        if connection.chunks:
            rest = b"".join(connection.chunks)
            self.held -= connection.size
            connection.chunks, connection.size = [], 0
            self._feed(connection, rest)

    def _close(self, connection: Connection) -> None:
        self._leave(connection)
        self._linger(connection)

    def _common(self) -> tuple[bytes, bytes]:
        """Date and Connection."""
        now = int(time.time())
        if now != self._date_at:
            self._date_at, self._date = now, formatdate(now, usegmt=True).encode()
        return self._date, b"keep-alive" if self.alive else b"close"
