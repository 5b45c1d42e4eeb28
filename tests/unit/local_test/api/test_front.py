"""The front by its bytes: what goes in, and exactly what comes out."""

import socket
import time
from collections.abc import Iterator

import pytest

from local_test.api.front import Answer, Front, PortTaken, Request

PATIENCE = 10.0


def echo(request: Request) -> Answer:
    if request.path == "/stream":
        return Answer(200, {"X-Kind": "s"}, (piece for piece in (b"one", b"", b"two")))
    if request.path == "/late":
        return Answer(200, {}, _late())
    if request.path == "/long":
        return Answer(200, [("Content-Length", "7")], b"")
    said = f"{request.method} {request.path} {request.headers.get('X-A', '-')} ".encode()
    return Answer(200, {"Content-Type": "text/plain"}, said + request.body)


def _late() -> Iterator[bytes]:
    yield b"first"
    time.sleep(0.5)
    yield b"second"


@pytest.fixture
def front() -> Iterator[Front]:
    front = Front(["127.0.0.1"], 0, echo)
    front.start()
    yield front
    front.stop()


@pytest.fixture
def connection(front: Front) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", front.port), timeout=PATIENCE) as connection:
        yield connection


def received(connection: socket.socket, until: bytes) -> bytes:
    found = b""
    while not found.endswith(until):
        piece = connection.recv(65536)
        assert piece, found
        found += piece
    return found


CASES = [
    ("a body", b"POST /x%20y?q HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nContent-Length: 3\r\n\r\nabc", b"POST /x y 1 abc"),
    (
        "chunks",
        b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nX-T: 1\r\n\r\n",
        b"PUT / - abc",
    ),
    ("nothing", b"GET / HTTP/1.1\r\n\r\n", b"GET / - "),
    ("expected", b"PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nz", b"PUT / - z"),
]


@pytest.mark.parametrize(("sent", "wanted"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_requests_on_one_connection(connection: socket.socket, sent: bytes, wanted: bytes) -> None:
    for _ in range(3):
        connection.sendall(sent)
        found = received(connection, wanted)
        head, _, body = found.rpartition(b"\r\n\r\n")
        assert body == wanted
        assert (b"HTTP/1.1 100 Continue" in head) == (b"100-continue" in sent)
        assert b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" in head
        assert f"Content-Length: {len(wanted)}".encode() in head


def test_a_stream_goes_out_as_it_comes(connection: socket.socket) -> None:
    connection.sendall(b"GET /stream HTTP/1.1\r\n\r\n")
    found = received(connection, b"0\r\n\r\n")
    assert b"Transfer-Encoding: chunked\r\n" in found
    assert b"Content-Length" not in found
    assert found.endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")
    connection.sendall(b"GET /late HTTP/1.1\r\n\r\n")
    assert b"second" not in received(connection, b"5\r\nfirst\r\n")
    received(connection, b"0\r\n\r\n")


def test_head_has_no_body(connection: socket.socket) -> None:
    connection.sendall(b"HEAD /long HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n")
    found = received(connection, b"GET / - ")
    assert b"Content-Length: 7\r\n" in found
    assert found.count(b"HTTP/1.1 200 OK") == 2


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: x",
        b"Content-Length: 99999999999999",
        b"Content-Length: -1",
        b"Transfer-Encoding: chunked\r\n\r\nzz",
        b"no header" * 9000,
    ],
)
def test_what_is_no_request_is_refused_and_the_connection_closed(connection: socket.socket, head: bytes) -> None:
    connection.sendall(b"POST / HTTP/1.1\r\n" + head + b"\r\n\r\n")
    found = b""
    while piece := connection.recv(65536):
        found += piece
    assert found.startswith(b"HTTP/1.1 4")


def test_a_client_that_leaves_hurts_nobody(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    for sent in (b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nab", b"GET /stream HTTP/1.1\r\n\r\n", b"GET"):
        with socket.create_connection(("127.0.0.1", front.port), timeout=PATIENCE) as leaver:
            leaver.sendall(sent)
    with socket.create_connection(("127.0.0.1", front.port), timeout=PATIENCE) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        received(connection, b"GET / - ")
    assert capsys.readouterr().err == ""


def test_a_taken_port_is_named(front: Front) -> None:
    with pytest.raises(PortTaken, match=f"port {front.port} of 127.0.0.1 cannot be had"):
        Front(["127.0.0.1"], front.port, echo)
