"""The client against a server of raw bytes."""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from local_test.engine.client import Broken, Client, TimedOut, Unreachable
from local_test.engine.process_runner import free_port
from local_test.wire import Address

Handler = Callable[[socket.socket, int], None]  # a connection and its number


@pytest.fixture
def listen() -> Iterator[Callable[[Handler], Client]]:
    listeners: list[socket.socket] = []
    clients: list[Client] = []

    def start(handler: Handler) -> Client:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def accept() -> None:
            number = 0
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    handler(connection, number)
                number += 1

        threading.Thread(target=accept, daemon=True).start()
        clients.append(Client(Address(*listener.getsockname())))
        return clients[-1]

    yield start
    for client in clients:
        client.close()
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def asked(connection: socket.socket) -> bytes:
    """A request whose body, if it has one, is `1\\n`; b"" when the caller has gone."""
    seen = b""
    while not seen.endswith(b"1\n" if b"Content-Length" in seen else b"\r\n\r\n"):
        try:
            part = connection.recv(65536)
        except ConnectionError:
            return b""
        if not part:
            return b""
        seen += part
    return seen


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Own: a\r\n\r\nhi"


def test_connections_are_kept(listen: Callable[[Handler], Client]) -> None:
    numbers = []

    def handler(connection: socket.socket, number: int) -> None:
        while asked(connection):
            numbers.append(number)
            connection.sendall(OK)

    client = listen(handler)
    for _ in range(3):
        reply = client.request("POST", "/invocations", {"Content-Type": "text/csv"}, b"1\n")
        assert (reply.status, reply.headers["x-own"], reply.body) == (200, "a", b"hi")
    assert numbers == [0, 0, 0]


def test_a_connection_that_was_closed_while_idle_is_replaced(listen: Callable[[Handler], Client]) -> None:
    numbers = []

    def handler(connection: socket.socket, number: int) -> None:
        asked(connection)
        numbers.append(number)
        connection.sendall(OK)  # and closes it, without having said so

    client = listen(handler)
    assert [client.request("GET", "/ping").status for _ in range(3)] == [200, 200, 200]
    assert numbers == [0, 1, 2]


def test_chunks_come_as_they_are_sent(listen: Callable[[Handler], Client]) -> None:
    go_on = threading.Event()

    def handler(connection: socket.socket, _number: int) -> None:
        asked(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        go_on.wait(10)
        connection.sendall(b"3\r\ntwo\r\n0\r\n\r\n")

    head, chunks = listen(handler).stream("POST", "/invocations", {}, b"1\n")
    assert (head.status, next(chunks)) == (200, b"one")
    go_on.set()
    assert b"".join(chunks) == b"two"


def test_an_answer_that_trickles_is_cut_at_the_limit(listen: Callable[[Handler], Client]) -> None:
    def handler(connection: socket.socket, _number: int) -> None:
        asked(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        try:
            for _ in range(200):
                connection.sendall(b"x")
                time.sleep(0.02)  # each byte within any limit for one read
        except OSError:
            return

    client = listen(handler)
    begun = time.monotonic()
    with pytest.raises(TimedOut, match="was not complete in time"):
        client.request("GET", "/", timeout=0.3)
    assert time.monotonic() - begun < 2


def test_H09_no_answer_is_told_from_a_broken_one(listen: Callable[[Handler], Client]) -> None:
    def silent(connection: socket.socket, _number: int) -> None:
        asked(connection)
        asked(connection)

    def short(connection: socket.socket, _number: int) -> None:
        asked(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")

    def gone(connection: socket.socket, _number: int) -> None:
        asked(connection)

    def babble(connection: socket.socket, _number: int) -> None:
        asked(connection)
        connection.sendall(b"hello\r\n\r\n")

    with pytest.raises(TimedOut, match="no answer came in time"):
        listen(silent).request("GET", "/", timeout=0.2)
    with pytest.raises(Broken, match="the answer ended after 4 of 10 bytes"):
        listen(short).request("GET", "/")
    with pytest.raises(Broken, match="closed it without an answer"):
        listen(gone).request("GET", "/")
    with pytest.raises(Broken, match="the answer is no HTTP: b'hello'"):
        listen(babble).request("GET", "/")


def test_H02_nobody_and_nobody_in_time() -> None:
    with pytest.raises(Unreachable, match=r"nobody answers at 127\.0\.0\.1"):
        Client(Address("127.0.0.1", free_port())).request("GET", "/ping")
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        waiting = []
        for _ in range(3):  # nobody accepts these, and then there is no place left
            waiting.append(socket.socket())
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(full.getsockname())
        with pytest.raises(Unreachable, match=r"no connection within 250 ms \(H-02\)"):
            Client(Address(*full.getsockname())).request("GET", "/ping")
        for each in waiting:
            each.close()


def test_who_ends_over_a_question_is_broken_and_not_unreachable() -> None:
    """On a connection that was kept: what could not be asked may be asked elsewhere, and this was asked."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            asked(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            asked(connection)
            listener.close()

    server = threading.Thread(target=serve)
    server.start()
    client = Client(Address(*listener.getsockname()))
    try:
        assert client.request("POST", "/", body=b"1\n").status == 200
        with pytest.raises(Broken):
            client.request("POST", "/", body=b"1\n")
    finally:
        server.join()
        client.close()
