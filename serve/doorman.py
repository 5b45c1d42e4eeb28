"""Holds the port while the model loads: 503 to whoever asks (H-04, H-06).

Rules: a process of its own, forked before anything is loaded, because loading may hold the interpreter for minutes. It
shares the listening socket with the server processes, and ends when the first of them is ready (a byte in the pipe),
or when everybody who could tell it so has gone (the pipe's end). It knows no HTTP but where a head ends: every
answer is the same.
"""

import errno
import os
import select
import signal
import socket
import time
from contextlib import suppress

from tiffin import limits
from tiffin.errors import SettingsError
from tiffin.settings import Settings

BACKLOG = 2048  # H-02: a connection is taken within 250 ms though every thread works
_AT_ONCE = 64 * 1024
_WAIT = 2 * limits.SECONDS  # for the rest of a request; also for a caller to take its answer
_BODY = b'{"error": "NotReady", "message": "the model is still loading"}\n'
_ANSWER = (
    b"HTTP/1.1 503 Service Unavailable\r\nServer: gunicorn\r\nConnection: close\r\nRetry-After: 1\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
) % (len(_BODY), _BODY)


def listen(settings: Settings) -> socket.socket:
    """Raises SettingsError when the address cannot be had."""
    try:
        family, *_, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # `::` is every address, as 0.0.0.0 is
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        raise SettingsError(
            f"{settings.host} port {settings.port} (SERVE_HOST, SAGEMAKER_BIND_TO_PORT) cannot be listened on: "
            f"{error.strerror}"
        ) from None
    return listener


class Doorman:
    def __init__(self, listener: socket.socket) -> None:
        """Forks; nothing that matters is loaded yet."""
        end, self._tell = os.pipe()
        self._gone, held = os.pipe()
        if os.fork() == 0:
            status = 1
            try:
                os.close(self._tell)
                os.close(self._gone)
                for number in (signal.SIGTERM, signal.SIGINT):  # to a group of processes; who stops us closes the pipe
                    signal.signal(number, signal.SIG_IGN)
                _answer_all(listener, end)
                status = 0
            finally:
                os._exit(status)
        os.close(end)
        os.close(held)

    def dismiss(self) -> None:
        """Said by each process that is ready, before it answers anybody; the second time there is nobody to hear it.

        Returns when the doorman has ended: after the first 200 nobody is to meet its 503 any more.
        """
        with suppress(BrokenPipeError):
            os.write(self._tell, b"1")
        os.read(self._gone, 1)


def _answer_all(listener: socket.socket, end: int) -> None:
    callers: dict[int, tuple[socket.socket, float]] = {}
    listener.setblocking(False)
    with select.epoll() as poller:
        poller.register(listener, select.EPOLLIN)
        poller.register(end, select.EPOLLIN)
        while True:
            for descriptor, _ in poller.poll(_WAIT / 2):
                if descriptor == end:
                    for caller, _ in callers.values():
                        _answer(caller)
                    return
                if descriptor in callers:
                    if not _answer(callers[descriptor][0]):
                        callers.pop(descriptor)[0].close()
                    continue
                try:
                    caller, _ = listener.accept()
                except OSError:  # a server process was quicker, or who was there has gone
                    continue
                caller.setblocking(False)
                callers[caller.fileno()] = caller, time.monotonic() + _WAIT
                poller.register(caller, select.EPOLLIN)
            now = time.monotonic()
            for descriptor in [d for d, (_, deadline) in callers.items() if deadline < now]:
                callers.pop(descriptor)[0].close()


def _answer(caller: socket.socket) -> bool:
    """Once, at the first bytes; whether there may be more of them (a reset by bytes unread would cost the answer)."""
    try:
        if not caller.recv(_AT_ONCE):
            return False
        caller.send(_ANSWER)
        caller.shutdown(socket.SHUT_WR)
    except OSError as error:
        return error.errno in (errno.EAGAIN, errno.EPIPE)  # it has its answer, and is still sending
    return True
