"""Streams that are many, long, slow, gone or stopped; and what else the server does meanwhile."""

import re
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.server import PATIENCE, ROOT, Response, Server, children
from tests.streaming import own, wait_for_streams
from tests.websocket import BINARY, CLOSE, PATH, PING, PONG, TEXT, Caller, frame, handshake

GOING_AWAY = (1001, "the server is being stopped")


def open_gate(tmp_path: Path) -> None:
    (tmp_path / "gate").touch()


def resident(server: Server) -> int:
    """Bytes of the one process that serves."""
    (child,) = children(server)
    found = re.search(r"^VmRSS:\s+(\d+) kB$", Path(f"/proc/{child}/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) * 1024


def test_W04_a_ping_is_answered_while_the_handler_works(tmp_path: Path) -> None:
    with own(tmp_path) as server, Caller(server.port, f"{PATH}?held") as caller:
        server.wait_for_log("held")
        for i in range(5):
            caller.send(TEXT, b"%d" % i)
            caller.send(PING, b"%d" % i)
            assert caller.receive() == (PONG, b"%d" % i, True)
        open_gate(tmp_path)
        assert [caller.receive() for _ in range(5)] == [(TEXT, b"%d" % i, True) for i in range(5)]


@pytest.mark.parametrize("how", ["hang_up", "reset", "close"])
def test_W04_a_caller_that_leaves_ends_the_iteration(tmp_path: Path, how: str) -> None:
    with own(tmp_path) as server:
        with Caller(server.port, f"{PATH}?held") as caller:
            server.wait_for_log("held")
            wait_for_streams(server, 1)
            caller.send(TEXT, b"half a message", last=how == "close")
            if how == "close":
                caller.send(CLOSE, struct.pack("!H", 4000) + b"bye")
                assert caller.receive() == (CLOSE, struct.pack("!H", 4000) + b"bye", True)
                assert caller.receive() is None
            elif how == "reset":
                caller.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert "iteration ended" not in server.log
        open_gate(tmp_path)
        server.wait_for_log("iteration ended")
        server.wait_for_log(
            rf"stream \w+ code={4000 if how == 'close' else 1006} received={int(how == 'close')} sent=0"
        )
        wait_for_streams(server, 0)
        assert "Traceback" not in server.log


def test_W04_a_caller_that_does_not_read_holds_its_handler_and_nobody_else(tmp_path: Path) -> None:
    with own(tmp_path, TEST_SEND="1") as server:
        with Caller(server.port, f"{PATH}?flood", receive_buffer=4096) as caller:
            assert caller.receive() == (BINARY, bytes(65536), True)
            before = resident(server)
            started = time.monotonic()
            server.wait_for_log("flood ended")
            assert time.monotonic() - started > 0.5
            assert resident(server) - before < 8 * 2**20
            server.wait_for_log(r"code=1011 .* the caller read nothing for 1.0 s")
        assert server.ping() == 200
        assert "Traceback" not in server.log


def test_W04_a_caller_that_reads_slowly_gets_it_all(tmp_path: Path) -> None:
    with own(tmp_path, TEST_SEND="1") as server, Caller(server.port, f"{PATH}?large", receive_buffer=4096) as caller:
        length, data, started = 10 + 12 * 2**20, bytearray(), time.monotonic()
        while len(data) < length:
            data += caller.stream.read(min(16 * 1024, length - len(data)))
            time.sleep(0.003)  # its pace
        assert time.monotonic() - started > 2
        assert data[10:] == bytes(12 * 2**20)
        assert caller.receive() == (TEXT, b"all", True)
        assert caller.closed() == (1000, "")


def test_W04_a_handler_that_does_not_read_holds_its_caller(tmp_path: Path) -> None:
    count, piece = 600, bytes(100_000)
    with own(tmp_path) as server, Caller(server.port, f"{PATH}?held") as caller:
        server.wait_for_log("held")
        before = resident(server)
        sender = threading.Thread(target=caller.socket.sendall, args=(frame(BINARY, piece) * count,))
        sender.start()
        sender.join(1)
        assert sender.is_alive(), "60 MB were taken, though nobody reads them"
        assert resident(server) - before < 16 * 2**20
        assert server.ping() == 200
        open_gate(tmp_path)
        assert all(caller.receive() == (BINARY, piece, True) for _ in range(count))
        sender.join(PATIENCE)


def test_W02_one_stream_more_than_is_allowed_is_told_to_come_again(tmp_path: Path) -> None:
    with own(tmp_path, SERVE_STREAMS="2") as server, Caller(server.port) as first, Caller(server.port) as second:
        with Caller(server.port, behind=frame(TEXT, b"a")) as third:
            assert (third.status, third.headers["retry-after"]) == (503, "1")
            assert b"SERVE_STREAMS" in third.body
        second.send(CLOSE)
        assert second.receive() == (CLOSE, b"", True)
        assert second.receive() is None
        second.__exit__()
        wait_for_streams(server, 1)
        with Caller(server.port, behind=frame(TEXT, b"a")) as third:
            assert third.receive() == (TEXT, b"a", True)
        first.send(TEXT, b"still here")
        assert first.receive() == (TEXT, b"still here", True)


def test_W02_a_place_is_taken_until_the_handler_has_returned(tmp_path: Path) -> None:
    with own(tmp_path, SERVE_STREAMS="1") as server:
        with Caller(server.port, f"{PATH}?held"):
            server.wait_for_log("held")
        with Caller(server.port) as early:
            assert early.status == 503
        open_gate(tmp_path)
        wait_for_streams(server, 0)
        with Caller(server.port) as late:
            assert late.status == 101


@pytest.mark.alone
def test_W04_fifty_idle_streams_take_nothing_from_the_others(tmp_path: Path) -> None:
    with own(tmp_path, SERVE_THREADS="4") as server, ExitStack() as stack:
        callers = [stack.enter_context(Caller(server.port)) for _ in range(50)]
        wait_for_streams(server, 50)
        with ThreadPoolExecutor(4) as pool:  # each of the process's request threads is free to be held
            held = [pool.submit(server.invoke, b"9\n") for _ in range(4)]
            server.wait_for_log(r"(?s)held.*held.*held.*held")
            started = time.monotonic()
            assert server.ping() == 200
            assert time.monotonic() - started < 1
            for i, caller in enumerate(callers):
                caller.send(TEXT, b"%d" % i)
                assert caller.receive() == (TEXT, b"%d" % i, True)
            open_gate(tmp_path)
            assert [answer.result().status for answer in held] == [200] * 4


def test_W04_a_connection_is_one_less_when_its_stream_has_ended(tmp_path: Path) -> None:
    """More streams one after another than there may be connections."""
    with own(tmp_path, SERVE_STREAMS="8", TEST_CONNECTIONS="64") as server:
        for i in range(80):
            with Caller(server.port) as caller:
                caller.send(CLOSE)
                assert caller.receive() == (CLOSE, b"", True), i
                assert caller.receive() is None
            wait_for_streams(server, 0)
        assert server.ping() == 200


def test_H18_a_stop_closes_streams_with_1001_and_exits_0(tmp_path: Path) -> None:
    with own(tmp_path, TEST_DRAIN="2", SERVE_WORKERS="2") as server, ExitStack() as stack:
        callers = [stack.enter_context(Caller(server.port)) for _ in range(4)]
        held = stack.enter_context(Caller(server.port, f"{PATH}?held"))  # its handler never returns
        server.wait_for_log("held")
        kept = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), PATIENCE))
        kept.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
        assert kept.recv(4096).startswith(b"HTTP/1.1 200")
        with ThreadPoolExecutor(1) as pool:
            stopped = pool.submit(server.stop)
            kept.sendall(handshake())
            answer = kept.recv(4096)  # from before or from behind the signal
            assert answer.startswith((b"HTTP/1.1 503", b"HTTP/1.1 101"))
            kept.close()
            callers[0].send(TEXT, b"not yet")
            assert callers[0].receive() == (TEXT, b"not yet", True)
            assert [caller.closed() for caller in (*callers, held)] == [GOING_AWAY] * 5
            assert stopped.result() == 0
    assert not re.search("Traceback|Exception", server_log(server))


def server_log(server: Server) -> str:
    return server.log if server.log_file.exists() else ""


def test_a_stream_is_one_line_in_the_log_and_counts_in_the_metrics(tmp_path: Path) -> None:
    with own(tmp_path) as server:
        with Caller(server.port) as caller:
            caller.send(TEXT, b"abc", last=False)
            caller.socket.sendall(frame(0, b"d") + frame(BINARY, b"e"))
            assert [caller.receive() for _ in range(3)][2] == (BINARY, b"e", True)
            caller.send(CLOSE, struct.pack("!H", 1000))
            caller.receive()
            assert caller.receive() is None
        line = server.wait_for_log(r"stream \w{32} code=1000 .*")[0]
        assert re.search(r"received=2 sent=2 bytes_received=5 bytes_sent=5 seconds=\d+\.\d$", line)
        metrics = server.request("GET", "/metrics").body.decode()
        assert 'tiffin_stream_messages_total{direction="received"} 2\n' in metrics
        assert 'tiffin_stream_messages_total{direction="sent"} 2\n' in metrics


def test_the_example_of_the_documentation_runs(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "05-bring-your-own-model.md").read_text(encoding="utf-8")
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "def stream_fn" in block)
    with own(tmp_path, code) as server, Caller(server.port) as caller:
        caller.send(TEXT, b"1,2\n3,4\n")
        assert caller.receive() == (TEXT, b"3.0", True)
        assert caller.receive() == (TEXT, b"7.0", True)
        caller.send(BINARY, b"1")
        assert caller.closed() == (1003, "send rows of CSV as text")
        answer: Response = server.invoke(b"1,2\n")
        assert answer.body == b"3.0\n"
