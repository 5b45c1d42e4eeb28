"""Answers as raw bytes, from a socket that sends them and closes."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from local_test.wire import Address, Connection


@contextmanager
def answering(*answers: bytes, holds: threading.Event | None = None) -> Iterator[Connection]:
    """One connection for each answer; `holds`: kept open until it is set."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for answer in answers:
                peer, _ = listener.accept()
                with peer:
                    while b"\r\n\r\n" not in peer.recv(65536):
                        pass
                    peer.sendall(answer)
                    if holds:
                        holds.wait(10)

        thread = threading.Thread(target=serve)
        thread.start()
        connection = Connection(Address(*listener.getsockname()))
        try:
            yield connection
        finally:
            connection.close()
            if holds:
                holds.set()
            thread.join(10)


@pytest.mark.parametrize(
    ("raw", "answer"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", (200, b"ab")),
        (b"HTTP/1.1 200\r\ncontent-length:2\r\n\r\nab", (200, b"ab")),
        (b"HTTP/1.1 200 OK\r\n\r\nto the end", (200, b"to the end")),
        (b"HTTP/1.0 500 No\r\n\r\n", (500, b"")),
        (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"")),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", (200, b"a")),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nX: 1\r\n\r\n",
            (200, b"abc"),
        ),
    ],
)
def test_reads_what_http_allows(raw: bytes, answer: tuple[int, bytes]) -> None:
    with answering(raw) as connection:
        reply = connection.request("POST /invocations", b"", b"x", 10)
        assert (reply.status, reply.body) == answer


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"", "closed it without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "closed it without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "ended after 3 of 10 bytes"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "ended after 2 of 5 bytes"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", "ended within its chunks"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "length is no number"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", "length is no number"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "no HTTP: b'SSH-2.0-OpenSSH'"),
        (b"HTTP/1.1 OK\r\n\r\n", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20000, "headers do not end"),
    ],
)
def test_half_an_answer_is_none(raw: bytes, sentence: str) -> None:
    with answering(raw) as connection, pytest.raises(ConnectionError) as broken:
        connection.request("POST /invocations", b"", b"x", 10)
    assert sentence in str(broken.value)


def test_an_answer_of_a_byte_now_and_then_ends_at_the_deadline() -> None:  # B-08
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stop = threading.Event()

        def drip() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while not stop.wait(0.02):
                    try:
                        peer.sendall(b".")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        connection = Connection(Address(*listener.getsockname()))
        try:
            with pytest.raises(TimeoutError):
                connection.request("POST /invocations", b"", b"x", 0.2)
        finally:
            stop.set()
            connection.close()
            thread.join(10)


def test_a_refusal_before_the_body_was_read_is_the_answer() -> None:
    held = threading.Event()
    refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig"
    with answering(refusal, holds=held) as connection:
        threading.Timer(0.1, held.set).start()  # then it closes with the body unread, which resets the connection
        body = b"x" * 64_000_000
        reply = connection.request("POST /invocations", b"", body, 10)
        assert (reply.status, reply.body) == (413, b"big")


def test_a_connection_that_was_closed_meanwhile_is_opened_anew() -> None:
    keep = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"
    with answering(keep + b"a", keep + b"b") as connection:
        assert connection.request("POST /invocations", b"", b"x", 10).body == b"a"
        assert connection.request("POST /invocations", b"", b"x", 10).body == b"b"
