"""What /ping tells, and when: while the model loads, while it warms up, and when a process is stuck."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.caller import Caller, callers, invocation, not_plain
from tests.server import Server, children, plug, refused, serving, start, wait_for

GATE = """
import os, time

def gate(name):
    print("waits for", name, flush=True)
    while not os.path.exists(os.environ["TEST_GATES"] + "/" + name):
        time.sleep(0.01)
"""
LOADING = (
    GATE
    + """
def model_fn(model_dir): gate("load")

def model_warmup_fn(model_dir, model): gate("warm-up")

def predict_fn(data, model): return data
"""
)
STUCK = (
    GATE
    + """
import serve.readiness
serve.readiness.SILENCE = 1.0

def model_fn(model_dir): pass

def predict_fn(data, model):
    if data.rows[0][0] == "9": gate("never")
    return data

def raw_fn(bodies, model):
    if bodies[0][:1] == b"8": gate("never")
    return [body if body[:1] != b"9" else None for body in bodies]
"""
)


@contextmanager
def starting(base: Path, code: str, environment: dict[str, str] | None = None) -> Iterator[Server]:
    """A server that may not be ready, its port known."""
    given = {"SAGEMAKER_BIND_TO_PORT": "0", "TEST_GATES": str(base)} | plug(base, code) | (environment or {})
    server = start(base, given)
    try:
        server.port = int(server.wait_for_log(r":(\d+) answers 503 until")[1])
        yield server
    finally:
        server.process.kill()
        server.process.wait()
        server.log_file.unlink()


def test_H06_ping_is_503_while_the_model_loads_and_warms_up_and_200_after(base: Path) -> None:
    with starting(base, LOADING) as server:
        server.wait_for_log("waits for load")
        assert server.ping() == 503
        answer = server.invoke(b"1,2\n" * 5000)  # H-17: the answer is not lost in a reset
        assert answer.status == 503
        assert json.loads(answer.body)["error"] == "NotReady"
        (base / "load").touch()
        server.wait_for_log("waits for warm-up(.|\n)*waits for warm-up")  # each of the two processes
        assert server.ping() == 503
        (base / "warm-up").touch()
        wait_for(lambda: server.ping() == 200, "200 on /ping", server)
        assert server.invoke(b"1,2\n").body == b"1,2\n"


def test_H06_nobody_meets_the_doorman_after_a_process_that_is_ready(base: Path) -> None:
    with starting(base, LOADING) as server:
        server.wait_for_log("waits for load")
        (doorman,) = children(server)
        os.kill(doorman, signal.SIGSTOP)
        for gate in ("load", "warm-up"):
            (base / gate).touch()
        server.wait_for_log("listening on")
        with socket.create_connection(("127.0.0.1", server.port), timeout=0.5) as early:
            early.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
            with pytest.raises(TimeoutError):
                early.recv(1)
        os.kill(doorman, signal.SIGCONT)
        wait_for(lambda: server.ping() == 200, "200 on /ping", server)


def test_H04_callers_while_the_model_loads_block_nobody(base: Path) -> None:
    with starting(base, LOADING) as server, callers(server, 50):  # which say nothing
        server.wait_for_log("waits for load")
        Caller(server).send(b"GET /ping HT").vanish()
        assert server.ping() == 503


def test_H18_stop_while_the_model_loads_leaves_nobody_on_the_port(base: Path) -> None:
    with starting(base, LOADING) as server:
        server.wait_for_log("waits for load")
        assert server.stop() == 0
        wait_for(lambda: server.ping() == 0, "end", server)


def test_warm_up_that_fails_ends_the_server_with_its_reason(base: Path) -> None:  # B-11, K-02
    code = LOADING.replace('gate("load")', "pass").replace('gate("warm-up")', "raise OSError('no such device')")
    status, log = refused(base, plug(base, code))
    assert status == 1
    assert "model_warmup_fn of" in log
    assert "failed: OSError: no such device" in log


def test_pre_model_fn_comes_first_and_once(base: Path) -> None:  # K-02
    code = """
def pre_model_fn(model_dir): print("before", flush=True)
def model_fn(model_dir): print("load", flush=True)
def predict_fn(data, model): return data
"""
    with serving(base, plug(base, code)) as server:
        lines = [line for line in server.log.splitlines() if line in ("before", "load")]
        assert lines == ["before", "load"]


@pytest.mark.parametrize(("body", "count"), [(b"8\n", 1), (b"9\n", 4)], ids=["the loop or model thread", "threads"])
def test_H06_process_that_is_stuck_in_the_model_says_where_and_is_replaced(base: Path, body: bytes, count: int) -> None:
    environment = {"SERVE_WORKERS": "1", "SAGEMAKER_MODEL_SERVER_TIMEOUT": "2", "TEST_GATES": str(base)}
    with serving(base, plug(base, STUCK) | environment) as server, callers(server, count) as stuck:
        (victim,) = children(server)
        for caller in stuck:
            caller.send(invocation(body))
        server.wait_for_log("stuck for 2 s in the model.s code; this process ends:(.|\n)*in gate")
        wait_for(lambda: children(server) != [victim] and server.ping() == 200, "another process", server)
        assert server.invoke(b"1\n").body == b"1\n"
        assert all(caller.answer()[0] == 0 for caller in stuck)


def test_H06_fewer_stuck_threads_than_there_are_change_nothing(base: Path) -> None:
    environment = {"SERVE_WORKERS": "1", "SAGEMAKER_MODEL_SERVER_TIMEOUT": "1", "TEST_GATES": str(base)}
    with serving(base, plug(base, STUCK) | environment) as server, callers(server, 4) as four:
        before = children(server)
        for caller in four[:3]:
            caller.send(not_plain(b"9\n"))
        server.wait_for_log("(waits for(.|\n)*){3}")
        assert four[3].send(not_plain(b"1\n")).body() == b"1\n"
        (base / "never").touch()
        assert [caller.body() for caller in four[:3]] == [b"9\n"] * 3
        assert children(server) == before


def test_H06_ping_is_503_while_a_process_gives_no_sign_of_life(base: Path) -> None:
    with serving(base, plug(base, STUCK) | {"TEST_GATES": str(base)}) as server:
        silent, _ = children(server, 2)
        os.kill(silent, signal.SIGSTOP)
        try:
            wait_for(lambda: server.ping() == 503, "503 on /ping", server)
        finally:
            os.kill(silent, signal.SIGCONT)
        wait_for(lambda: server.ping() == 200, "200 on /ping", server)


@pytest.mark.parametrize("host", ["::1", "::", "localhost"])
def test_H01_other_addresses(base: Path, host: str) -> None:
    with starting(base, STUCK, {"SERVE_HOST": host}) as server:
        server.host = "::1" if host == "::1" else "127.0.0.1"
        wait_for(lambda: server.ping() == 200, "200 on /ping", server)
        assert server.stop() == 0


def test_address_that_is_not_here_stops_the_start(base: Path) -> None:
    status, log = refused(base, plug(base, STUCK) | {"SERVE_HOST": "192.0.2.1"})
    assert status == 1
    assert "192.0.2.1 port 0 (SERVE_HOST, SAGEMAKER_BIND_TO_PORT) cannot be listened on" in log
