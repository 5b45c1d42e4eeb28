"""Bidirectional streaming against the real server: a library's client for what is usual, bytes by hand for the rest."""

import json
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.server import PATIENCE, Server, serving
from tests.streaming import ECHO, PLUG, own, written
from tests.websocket import (
    BINARY,
    CLOSE,
    CONT,
    HANDSHAKE,
    PATH,
    PING,
    PONG,
    TEXT,
    VERSION,
    Caller,
    Frame,
    frame,
    handshake,
)

UPGRADE = {"Upgrade": "websocket", "Connection": "Upgrade"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One process, 1 MiB a message; the gate stays shut."""
    folder = tmp_path_factory.mktemp("stream")
    with serving(folder / "ml", written(folder, PLUG) | {"SAGEMAKER_MAX_PAYLOAD_IN_MB": "1"}) as running:
        yield running


def test_W02_a_client_library_talks_in_text_and_bytes(server: Server) -> None:
    with connect(f"ws://127.0.0.1:{server.port}{PATH}?messages") as client:
        for message in ("h\u00e4 \U0001f600", b"\x00\xff", "", b"", "x" * 70_000, bytes(200_000)):
            client.send(message)
            assert client.recv(PATIENCE) == message
        client.send(["in ", "three ", "pieces"])
        assert client.recv(PATIENCE) == "in three pieces"
        assert client.ping(b"are you there").wait(PATIENCE)


def test_W02_a_handler_sees_the_path_and_the_query_that_a_caller_chose(server: Server) -> None:
    request = handshake("/any/pa%20th?where", (*HANDSHAKE, VERSION, "X-Test: yes"))
    with Caller(server.port, request=request) as caller:
        assert caller.receive() == (TEXT, b"/any/pa%20th where yes", True)
        assert caller.closed() == (1000, "")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/ping", 200),
        ("GET", "/%70ing", 200),
        ("GET", "/ping?messages", 200),
        ("GET", "/metrics", 200),
        ("GET", "/execution-parameters", 200),
        ("GET", "/invocations", 405),
        ("POST", PATH, 426),
    ],
)
def test_W02_what_is_not_for_streams_is_not_upgraded(server: Server, method: str, path: str, status: int) -> None:
    request = handshake(path, (*HANDSHAKE, VERSION), f"{method} {{}} HTTP/1.1")
    with Caller(server.port, request=request) as caller:
        assert caller.status == status


def test_W02_the_path_without_an_upgrade_is_told_so(server: Server) -> None:
    for method in ("GET", "POST"):
        answer = server.request(method, PATH)
        assert (answer.status, answer.headers["upgrade"]) == (426, "websocket")
        assert "is for WebSockets" in json.loads(answer.body)["message"]
    assert server.request("GET", "/other").status == 404


def test_W02_a_model_without_a_handler_has_no_stream(tmp_path: Path) -> None:
    with own(tmp_path, ECHO) as server:
        for headers in ({}, UPGRADE):
            answer = server.request("GET", PATH, None, headers)
            assert (answer.status, json.loads(answer.body)["error"]) == (404, "NotFound")
            assert "no stream_fn" in json.loads(answer.body)["message"]
        with Caller(server.port) as caller:
            assert caller.status == 404
        with Caller(server.port, "/other") as caller:
            assert caller.status == 404
        assert not has_library(server)


def test_the_library_is_loaded_for_a_model_that_streams(server: Server) -> None:
    assert has_library(server)


def has_library(server: Server) -> bool:
    return "/websockets/" in Path(f"/proc/{server.process.pid}/maps").read_text()


def test_W02_a_model_that_only_streams_says_so_to_an_invocation(tmp_path: Path) -> None:
    code = "def model_fn(model_dir): return 'model'\ndef stream_fn(stream, model): yield from stream\n"
    with own(tmp_path, code) as server:
        answer = server.invoke(b"1\n")
        assert (answer.status, json.loads(answer.body)["error"]) == (501, "StreamsOnly")
        with Caller(server.port, behind=frame(TEXT, b"a")) as caller:
            assert caller.receive() == (TEXT, b"a", True)


LETTER = "\u00e9".encode()
CONVERSATIONS: dict[str, tuple[list[bytes], list[Frame]]] = {
    "one": ([frame(TEXT, b"a")], [(TEXT, b"a", True)]),
    "two_at_once": ([frame(TEXT, b"a"), frame(BINARY, b"b")], [(TEXT, b"a", True), (BINARY, b"b", True)]),
    "empty": ([frame(BINARY, b"")], [(BINARY, b"", True)]),
    "of_16_bit_length": ([frame(BINARY, bytes(1000))], [(BINARY, bytes(1000), True)]),
    "fragments": (
        [frame(TEXT, b"a", False), frame(CONT, b"", False), frame(CONT, b"b")],
        [(TEXT, b"a", False), (CONT, b"", False), (CONT, b"b", True)],
    ),
    "cut_in_a_character": (
        [frame(TEXT, LETTER[:1], False), frame(CONT, LETTER[1:])],
        [(TEXT, LETTER[:1], False), (CONT, LETTER[1:], True)],
    ),
    "not_utf8_but_binary": (
        [frame(BINARY, LETTER[:1], False), frame(CONT, b"\xff")],
        [(BINARY, LETTER[:1], False), (CONT, b"\xff", True)],
    ),
    "no_pong_is_asked_for": ([frame(PONG, b"a"), frame(TEXT, b"a")], [(TEXT, b"a", True)]),
}


@pytest.mark.parametrize("name", CONVERSATIONS)
@pytest.mark.parametrize("how", ["behind_the_handshake", "byte_by_byte", "at_once"])
def test_W03_frames_pass_as_they_came_however_tcp_cuts_them(server: Server, name: str, how: str) -> None:
    sent, expected = CONVERSATIONS[name]
    data = b"".join(sent)
    with Caller(server.port, behind=data if how == "behind_the_handshake" else b"") as caller:
        caller.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if how == "byte_by_byte":
            for byte in data:
                caller.socket.send(bytes([byte]))
        elif how == "at_once":
            caller.socket.sendall(data)
        assert [caller.receive() for _ in expected] == expected
        caller.send(CLOSE, struct.pack("!H", 1000))
        assert caller.receive() == (CLOSE, struct.pack("!H", 1000), True)
        assert caller.receive() is None


def test_W03_a_ping_within_a_message_is_answered_and_parts_nothing(server: Server) -> None:
    pieces = [frame(TEXT, b"a", False), frame(PING, b"1"), frame(PING, b""), frame(CONT, b"b")]
    with Caller(server.port, f"{PATH}?messages", b"".join(pieces)) as caller:
        assert [caller.receive() for _ in range(3)] == [(PONG, b"1", True), (PONG, b"", True), (TEXT, b"ab", True)]


def test_W03_a_handler_sends_what_frames_it_likes(server: Server) -> None:
    with Caller(server.port, f"{PATH}?pieces") as caller:
        text = [(TEXT, b"a", False), (CONT, b"", False), (CONT, b"b", False), (CONT, b"c", True)]
        assert [caller.receive() for _ in range(6)] == [*text, (BINARY, b"", False), (CONT, b"d", True)]
        assert caller.closed() == (1000, "")


HOSTILE = {
    "unmasked": (frame(TEXT, b"a", masked=False), 1002),
    "reserved_bit": (frame(TEXT, b"a", reserved=4), 1002),
    "reserved_opcode": (frame(3, b"a"), 1002),
    "reserved_control_opcode": (frame(11, b""), 1002),
    "continues_nothing": (frame(CONT, b"a"), 1002),
    "message_within_a_message": (frame(TEXT, b"a", False) + frame(TEXT, b"b"), 1002),
    "ping_in_pieces": (frame(PING, b"a", False), 1002),
    "ping_too_long": (frame(PING, bytes(126)), 1002),
    "close_of_one_byte": (frame(CLOSE, b"a"), 1002),
    "close_code_that_none_sends": (frame(CLOSE, struct.pack("!H", 1005)), 1002),
    "close_reason_not_utf8": (frame(CLOSE, struct.pack("!H", 1000) + b"\xff"), 1007),
    "not_utf8": (frame(TEXT, b"a\xff"), 1007),
    "not_utf8_in_the_end": (frame(TEXT, LETTER[:1]), 1007),
    "not_utf8_over_two_frames": (frame(TEXT, LETTER[:1], False) + frame(CONT, b"a", False), 1007),
    "too_long": (frame(BINARY, bytes(2**20 + 1))[:64], 1009),
    "too_long_together": (frame(BINARY, bytes(2**20), False)[:-1] + b"\0" + frame(CONT, b"a"), 1009),
    "length_of_64_bits": (struct.pack("!BBQ", 0x82, 255, 2**63), 1009),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_W03_what_is_no_frame_is_refused_with_a_code(server: Server, name: str) -> None:
    data, code = HOSTILE[name]
    with Caller(server.port, f"{PATH}?messages", data) as caller:
        found = caller.receive()
        assert found is not None
        assert (found[0], struct.unpack("!H", found[1][:2])[0]) == (CLOSE, code)
        assert found[1][2:].decode().isprintable()
        assert caller.receive() is None
    assert server.ping() == 200


HANDSHAKES = {
    "no_key": ((*HANDSHAKE[:3], VERSION), 400),
    "short_key": ((*HANDSHAKE[:3], "Sec-WebSocket-Key: YQ==", VERSION), 400),
    "key_that_is_none": ((*HANDSHAKE[:3], "Sec-WebSocket-Key: ?", VERSION), 400),
    "two_keys": ((*HANDSHAKE, HANDSHAKE[-1], VERSION), 400),
    "no_version": (HANDSHAKE, 426),
    "old_version": ((*HANDSHAKE, "Sec-WebSocket-Version: 8"), 426),
    "not_connected_to_the_upgrade": ((*HANDSHAKE[:2], "Connection: keep-alive", HANDSHAKE[3], VERSION), 426),
    "upgrade_to_something_else": (("Host: x", "Upgrade: h2c", *HANDSHAKE[2:], VERSION), 426),
    "with_a_body": ((*HANDSHAKE, VERSION, "Content-Length: 1"), 426),
    "chunked": ((*HANDSHAKE, VERSION, "Transfer-Encoding: chunked"), 426),
    "a_header_that_is_none": ((*HANDSHAKE, VERSION, "a b: c"), 400),
    "compression_is_not_taken": ((*HANDSHAKE, VERSION, "Sec-WebSocket-Extensions: permessage-deflate"), 101),
    "nor_a_subprotocol": ((*HANDSHAKE, VERSION, "Sec-WebSocket-Protocol: a, b", "Origin: http://x"), 101),
}


@pytest.mark.parametrize("name", HANDSHAKES)
def test_W02_a_handshake_that_is_none_is_told_why(server: Server, name: str) -> None:
    headers, status = HANDSHAKES[name]
    with Caller(server.port, request=handshake(headers=headers), behind=b"a") as caller:
        assert caller.status == status, caller.body
        assert not {"sec-websocket-extensions", "sec-websocket-protocol"} & caller.headers.keys()
        if "version" in name:
            assert caller.headers["sec-websocket-version"] == "13"
        if status != 101 and name != "a_header_that_is_none":  # which is gunicorn's to answer
            assert {"error", "message", "request_id"} == set(json.loads(caller.body))


CLOSES = {
    "fails": (1011, "the model failed on this request; the container's log says why"),
    "yields_a_number": (1011, "the model failed on this request; the container's log says why"),
    "returns_a_number": (1011, "the model failed on this request; the container's log says why"),
    "no_such_query": (1011, "the model failed on this request; the container's log says why"),
    "wrong_code": (1011, "the model failed on this request; the container's log says why"),
    "bad": (1008, "\u00e9" * 60 + "\u2026"),
    "unsupported": (1003, "only text is understood"),
    "busy": (1013, "the voice is not loaded yet"),
    "closes": (3001, "enough"),
}


@pytest.mark.parametrize("query", CLOSES)
def test_W04_a_handler_that_ends_closes_with_a_code_and_a_sentence(server: Server, query: str) -> None:
    before = server.log.count("Traceback")
    with Caller(server.port, f"{PATH}?{query}") as caller:
        assert caller.closed() == CLOSES[query]
    problem = "" if query == "closes" else CLOSES[query][1][:20]
    server.wait_for_log(rf"stream \w+ code={CLOSES[query][0]} .*{problem}")
    assert server.log.count("Traceback") - before == (CLOSES[query][0] == 1011)
