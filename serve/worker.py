"""A gunicorn worker whose loop answers plain invocations and pings itself, and hands all else to gunicorn's threads.

Rules:
- `serve.heads` says which requests are plain. The loop waits for the whole of any request of known length, so that a
  slow caller costs nobody a thread; then it predicts plain ones and hands the others over, with every byte read, to
  gunicorn's threaded worker and through it to Flask. After its answer such a connection comes back into the loop.
- All that is readable at one time is predicted together (`serve.batch`).
- An answer of None from `raw` means that the request needs the long way, where faults get their sentences.
- A large body waits in a file, not in memory. An answer that a slow reader has not taken waits here, not on a thread.
- A process whose model thread, or whose every request thread, is stuck in the model's code says where, and ends.
- The loop never blocks. One thread, this one, touches what is in the loop; a connection that was handed over is
  gunicorn's until `finish_request`, which runs on this thread again.
"""

import contextlib
import logging
import os
import socket
import time
from concurrent.futures import Future
from typing import Any

from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, ThreadWorker

from serve import handover, watch
from serve.access import AccessLog
from serve.answers import Answers
from serve.batch import Batch
from serve.connection import Connection, Plain
from serve.heads import END, LONGEST, Heads, Kind
from serve.poller import Poller
from tiffin import limits
from tiffin.predictor import Raw

log = logging.getLogger(__name__)

RECEIVE = 16 * 1024  # at first: a larger buffer costs a small request more than its prediction
RECEIVE_MORE = 256 * 1024
ACCEPT_AT_ONCE = 64
HEARTBEAT = 0.5 * limits.SECONDS  # how often, at least, gunicorn's own housekeeping has its turn
LINGER = 2 * limits.SECONDS  # after the last answer, for what the caller still sends
SPOOL = 32 * limits.MIB  # a larger body waits in a file: larger than any of a real-time endpoint (H-10, A-02)
HELD = 512 * limits.MIB  # of requests that are not whole yet, in one process; more of them go into files

INVOCATION = Kind.INVOCATION  # looked up once: a class of enum members is slow to ask


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    def run(self) -> None:
        self.poller.close()
        self.poller: Poller = Poller()
        self.raw: Raw | None = self.app.predictor and self.app.predictor.raw
        self.heads = Heads(self.cfg, self.app.settings)
        self.streams = self.app.streams and self.app.streams(self)
        self.access = AccessLog(self.app.settings)
        self.answers = Answers()
        self.connections: set[Connection] = set()
        self.held = 0
        self.keep_alive: int = self.cfg.keepalive  # read once: gunicorn looks each setting up by name
        self.now = time.monotonic()
        self.batch = Batch(self.raw, self._deliver, self._pause, self.method_queue.defer)
        super().run()
        self.batch.close()

    # The loop: gunicorn's, with these in the places where it looks at sockets.

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        self._end_if_stuck()
        self.app.board.sign(self.place)
        until = time.monotonic() + HEARTBEAT / 2  # and at most as long again in a poll that finds nothing
        poll, handlers, batch = self.poller.poll, self.poller.handlers, self.batch
        while True:
            events = poll(0 if batch.is_due() else min(timeout, HEARTBEAT))
            self.now = time.monotonic()
            for descriptor, _ in events:
                found = handlers.get(descriptor)
                if found is not None:
                    found[0](found[1])
            if batch.is_due():
                batch.predict()
                for plain in batch.ready:  # pipelined behind an answer of this turn; the others' bytes come first
                    self._pause(plain[0])
            self.access.flush()
            self.app.metrics.waiting(len(batch.ready))
            if self.now >= until or not self.alive or self.nr_conns >= self.worker_connections:
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
        unsent = conn.sock.take_unsent()
        if not kept and not unsent:
            self._linger(Connection(conn.sock.sock, conn.client, conn.server, 0))
            return
        connection = self._adopt(conn.sock.sock, conn.client, conn.server)
        connection.last = not kept
        rest = conn.parser.unreader.take_buffered() if kept else b""
        if unsent:
            rest = self._answer(connection, unsent, rest)
        elif not self.alive:  # it was told that it may send another
            connection.deadline = self.now + STOP_KEEPALIVE_LINGER
        if rest:
            self._feed(connection, rest)

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

    def _adopt(self, sock: socket.socket, client: Any, server: Any) -> Connection:
        sock.setblocking(False)
        connection = Connection(sock, client, server, self.now + self.keep_alive)
        self.connections.add(connection)
        self.poller.register(connection, 0, self._readable)
        return connection

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
        connection.close()

    def _hand_over(self, connection: Connection, data: bytes, asked: bool = False) -> None:
        self._leave(connection)
        self.enqueue_req(handover.lend(self.cfg, connection, data, asked))

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
            if connection.needed or connection.chunks:  # half a request and no more: gunicorn knows what to say
                self._hand_over(connection, b"".join(connection.chunks))
            else:
                self._drop(connection)
            return
        if connection.needed or connection.chunks:
            self._keep(connection, data, connection.needed)
        else:
            self._feed(connection, data)

    def _feed(self, connection: Connection, data: bytes) -> None:
        while data:
            end = data.find(END, 0, LONGEST)
            if end < 0:
                if len(data) >= LONGEST or self.heads.refuses(data):
                    self._hand_over(connection, data)
                else:
                    self._hold(connection, data)
                return
            end += len(END)
            head = data[:end]
            found = self.heads.get(head) or self.heads.learn(head)
            total = end + found.length
            if len(data) < total:
                self._keep(connection, data, total)
                return
            if found.kind is INVOCATION and self.raw is not None:
                if not self.batch.is_full():
                    self.batch.ready.append((connection, head, data[end:total], data[total:]))
                    if self.batch.slow:
                        self._pause(connection)
                    return
                busy = self.answers.busy(self.alive, self.access.refused())
                self.app.metrics.answered(503, 0, 0)
                data = self._answer(connection, busy, data[total:])
            elif found.kind is Kind.PING and self.app.board.all_ready():
                data = self._answer(connection, self.answers.ping(self.alive), data[total:])
            else:
                (self._upgrade if found.kind is Kind.UPGRADE else self._hand_over)(connection, data)
                return

    def _hold(self, connection: Connection, data: bytes) -> None:
        connection.chunks.append(data)
        connection.size += len(data)
        self.held += len(data)

    def _keep(self, connection: Connection, data: bytes, needed: int) -> None:
        """Of a request that has `needed` bytes, 0 while its head is not whole; goes on when it is."""
        connection.needed = needed
        self._hold(connection, data)
        if connection.size + connection.spooled >= needed:
            connection.needed = 0
            self.held -= connection.size
            data = connection.take()
            if connection.file is None:
                self._feed(connection, data)
            else:
                self._hand_over(connection, data)
        elif connection.file is not None or needed > SPOOL or self.held > HELD:
            self.held -= connection.size
            if not connection.spool():
                self._hand_over(connection, connection.take())

    def _pause(self, connection: Connection) -> None:
        if not connection.busy:
            connection.busy, connection.deadline = True, float("inf")
            self.poller.pause(connection)

    def _upgrade(self, connection: Connection, data: bytes) -> None:
        """A bidirectional stream (W-02): it counts as a connection until `self.streams` has closed it."""
        if self.streams is None or not self.streams.takes(data):
            self._hand_over(connection, data)
            return
        self._leave(connection)
        if refusal := self.streams.open(connection.sock, data):
            with contextlib.suppress(OSError):  # who was there has gone; else there is room for so little
                connection.sock.send(refusal)
            self._linger(connection)

    # Bytes out

    def _deliver(self, batch: list[Plain], answers: list[bytes | None], took: float) -> None:
        start = self.answers.csv(self.alive)
        rows = [0 if answer is None else answer.count(b"\n") for answer in answers]
        self.app.metrics.joined(len(answers) - answers.count(None), sum(rows), took)
        for (connection, head, body, rest), answer, lines in zip(batch, answers, rows, strict=True):
            if connection not in self.connections:
                continue  # it has gone
            if connection.busy:
                connection.busy = False
                self.poller.wait_to_read(connection)
            if answer is None:
                self._hand_over(connection, head + body + rest, asked=True)
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
                self._hold(connection, rest)
            return b""
        if connection.last or not self.alive:
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
        if connection.last or not self.alive:
            self._close(connection)
            return
        connection.unsent = b""
        self.poller.wait_to_read(connection)
        if connection.chunks:
            self.held -= connection.size
            self._feed(connection, connection.take())

    def _close(self, connection: Connection) -> None:
        self._leave(connection)
        self._linger(connection)

    # Its own end

    def _end_if_stuck(self) -> None:
        """A request is answered within `timeout` or not at all (H-09): whoever works on one for longer will not."""
        stuck = self.batch.watch.overdue(self.cfg.timeout)
        if not stuck:
            threads = self.app.watch.overdue(self.cfg.timeout)
            stuck = threads if len(threads) >= self.cfg.threads else []
        if stuck:
            places = "".join(f"thread {thread}:\n{watch.where(thread)}" for thread in stuck)
            log.critical("stuck for %d s in the model's code; this process ends:\n%s", self.cfg.timeout, places)
            os._exit(1)
