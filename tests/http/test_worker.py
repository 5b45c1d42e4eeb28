"""The worker under callers that are slow, many, gone or in a hurry, and models that are slow or wrong."""

import contextlib
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.caller import PING, Caller, callers, invocation, not_plain
from tests.server import PATIENCE, Server, children, serving, wait_for

# Rows come back as they are. A body that begins with 9 is held until the gate is opened, one that begins with 8 for
# 20 ms; 7 is answered by the name of the thread, 6 by that of the process, 5 by a megabyte.
PLUG = """
import os, threading, time

def model_fn(model_dir):
    import serve.batch
    serve.batch.WAITING = int(os.environ.get("TEST_WAITING", "4096"))
    return "model"

def wait(first):
    if first == b"9":
        print("held", flush=True)
        while not os.path.exists(os.environ["TEST_GATE"]):
            time.sleep(0.01)
    elif first == b"8": time.sleep(0.02)

def predict_fn(table, model):
    wait(str(table.rows[0][0])[:1].encode())
    return table

def raw_fn(bodies, model):
    return [raw(body) for body in bodies]

def raw(body):
    first = body[:1]
    wait(first)
    if first == b"7":
        return threading.current_thread().name.encode() + b"\\n"
    if first == b"6":
        return b"%d\\n" % os.getpid()
    return b"1\\n" * 2**19 if first == b"5" else body
"""
SOON = 1.0


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "ml" / "model").mkdir(parents=True)
    (tmp_path / "plug").mkdir()
    (tmp_path / "plug" / "inference.py").write_text(PLUG)
    return {"TIFFIN_PLUG": str(tmp_path / "plug"), "TEST_GATE": str(tmp_path / "gate"), "SERVE_WORKERS": "1"}


@pytest.fixture
def one(tmp_path: Path, environment: dict[str, str]) -> Iterator[Server]:
    """One process."""
    with serving(tmp_path / "ml", environment) as server:
        yield server


def open_gate(tmp_path: Path) -> None:
    (tmp_path / "gate").touch()


def seconds_of_a_ping(server: Server) -> float:
    started = time.monotonic()
    assert server.ping() == 200
    return time.monotonic() - started


class TestOrder:
    @pytest.mark.parametrize("first", [b"1", b"8"], ids=["quick", "slow"])
    def test_answers_come_in_the_order_of_the_requests(self, one: Server, first: bytes) -> None:
        bodies = [first + b"%d\n" % i for i in range(15)]
        sent = b"".join((not_plain, invocation, invocation)[i % 3](body) + PING for i, body in enumerate(bodies))
        with callers(one, 3) as several:
            for caller in several:
                caller.send(sent)
            for caller in several:
                for body in bodies:
                    assert caller.body() == body
                    assert caller.body() == b""

    def test_a_request_split_at_every_byte(self, one: Server) -> None:
        for request in (invocation(b"1,2\n"), not_plain(b"1,2\n")):
            with callers(one, len(request) - 1) as several:
                for cut, caller in enumerate(several, 1):
                    caller.send(request[:cut])
                assert one.ping() == 200  # what came before it has been read
                for cut, caller in enumerate(several, 1):
                    caller.send(request[cut:])
                assert {caller.body() for caller in several} == {b"1,2\n"}

    def test_large_bodies_come_back_complete(self, one: Server) -> None:
        bodies = [b"%d,2,3\n" % i * (6 * 2**20 // 6) for i in (1, 2, 3)]
        with callers(one, 2) as several, ThreadPoolExecutor(2) as pool:
            sent = [pool.submit(caller.send, b"".join(map(invocation, bodies))) for caller in several]
            for caller in several:
                assert [caller.body() == body for body in bodies] == [True] * 3
            assert all(future.result() for future in sent)


@pytest.mark.alone
class TestOthers:
    def test_slow_writers_hurt_nobody(self, one: Server) -> None:
        whole = invocation(b"1,2\n" * 100)
        with callers(one, 300) as slow:
            for i, caller in enumerate(slow):
                caller.send(whole[: (5, 60, len(whole) - 1)[i % 3]])
            assert max(seconds_of_a_ping(one) for _ in range(5)) < SOON
            started = time.monotonic()
            assert one.invoke(b"1,2\n").body == b"1,2\n"
            assert one.invoke(b"[[1,2]]", "application/json").status == 200
            assert time.monotonic() - started < SOON
            slow[2].send(whole[-1:])
            assert slow[2].body() == b"1,2\n" * 100

    def test_slow_readers_hurt_nobody(self, one: Server) -> None:
        with callers(one, 300, 4096) as slow:
            for caller in slow:
                caller.send(invocation(b"5\n"))
            started = time.monotonic()
            assert one.invoke(b"1,2\n").body == b"1,2\n"
            assert time.monotonic() - started < 15  # 300 MB are made before it
            assert one.invoke(b"[[1,2]]", "application/json").status == 200
            assert max(seconds_of_a_ping(one) for _ in range(5)) < SOON
            assert slow[7].body() == b"1\n" * 2**19

    def test_callers_that_stay_after_their_last_answer_hurt_nobody(self, one: Server) -> None:
        """gunicorn's loop waits 2 s for each of them."""
        with callers(one, 20) as several:
            for caller in several:
                caller.send(invocation(b"1,2\n", b"Connection: close"))
            assert [caller.body() for caller in several] == [b"1,2\n"] * 20
            assert max(seconds_of_a_ping(one) for _ in range(5)) < SOON

    def test_a_long_pipeline_lets_others_in_between(self, one: Server) -> None:
        with callers(one, 2) as (long, short):
            long.send(invocation(b"3\n") * 2000)
            long.body()
            started = time.monotonic()
            assert short.send(invocation(b"4\n")).body() == b"4\n"
            assert time.monotonic() - started < SOON
            assert [long.body() for _ in range(1999)] == [b"3\n"] * 1999


@pytest.mark.alone
class TestModel:
    def test_H08_ping_answers_while_every_thread_and_the_model_thread_work(self, one: Server, tmp_path: Path) -> None:
        """H-08."""
        with callers(one, 12) as (kept, *busy):
            assert kept.send(PING).answer()[0] == 200
            for i, caller in enumerate(busy):
                caller.send((not_plain, invocation)[i % 2](b"9\n"))
            wait_for(lambda: one.log.count("held") == 5, "four threads and the model thread", one)
            assert max(seconds_of_a_ping(one) for _ in range(5)) < 2
            started = time.monotonic()
            assert kept.send(PING).answer()[0] == 200
            assert one.request("POST", "/ping").status == 200
            assert time.monotonic() - started < 2
            open_gate(tmp_path)
            assert [caller.body() for caller in busy] == [b"9\n"] * 11

    def test_slow_one_moves_to_its_thread_and_back(self, one: Server) -> None:
        def where() -> bytes:
            return one.invoke(b"7\n").body

        assert where() == b"model_0\n"  # nobody knows yet that it is quick
        wait_for(lambda: where() == b"MainThread\n", "a quick model in the loop", one)
        assert one.invoke(b"8\n").body == b"8\n"
        assert where() == b"model_0\n"
        wait_for(lambda: where() == b"MainThread\n", "a quick model in the loop again", one)

    def test_one_that_held_the_loop_stays_on_its_thread(self, one: Server, tmp_path: Path) -> None:
        wait_for(lambda: one.invoke(b"7\n").body == b"MainThread\n", "a quick model in the loop", one)
        opener = threading.Timer(0.4, open_gate, [tmp_path])
        opener.start()
        assert one.invoke(b"9\n").body == b"9\n"
        opener.join()
        assert {one.invoke(b"7\n").body for _ in range(20)} == {b"model_0\n"}

    def test_full_queue_is_503_with_retry_after(self, tmp_path: Path, environment: dict[str, str]) -> None:
        with serving(tmp_path / "ml", environment | {"TEST_WAITING": "4"}) as server, callers(server, 7) as several:
            first, *waiting, late, later = several
            first.send(invocation(b"9\n"))
            server.wait_for_log("held")
            for caller in waiting:
                caller.send(invocation(b"1\n"))
            assert server.ping() == 200  # what came before it has been read
            assert b"\ntiffin_waiting_requests 4\n" in server.request("GET", "/metrics").body
            late.send(invocation(b"2\n") + PING)
            status, headers, body = late.answer()
            assert (status, headers["retry-after"], headers["connection"]) == (503, "1", "keep-alive")
            assert b'"error": "NotReady"' in body
            assert late.answer()[0] == 200
            open_gate(tmp_path)
            assert [caller.body() for caller in several[:5]] == [b"9\n"] + [b"1\n"] * 4
            assert later.send(invocation(b"3\n")).body() == b"3\n"

    @pytest.mark.parametrize(
        "answer",
        ["1 / 0", "sys.exit(3)", "[]", "['text'] * len(bodies)", "bodies + bodies", "None", "[None] * len(bodies)"],
    )
    def test_raw_fn_that_fails_costs_only_time(self, tmp_path: Path, environment: dict[str, str], answer: str) -> None:
        code = re.sub(r"return \[raw\(body\).*", f"return {answer}", PLUG).replace("import os,", "import sys, os,")
        (tmp_path / "plug" / "inference.py").write_text(code)
        with serving(tmp_path / "ml", environment) as server:
            before = children(server)
            for _ in range(3):
                assert server.invoke(b"1,2\n").body == b"1,2\n"
            assert children(server) == before


ESTIMATOR = """
import time

class Model:
    def predict(self, rows):
        print("asked for", len(rows), flush=True)
        time.sleep(0.05)
        if (rows < 0).any():
            raise ValueError("negative")
        return (rows @ [0.1, 0.7]).round().astype(int)

def model_fn(model_dir): return Model()
"""


def test_requests_that_are_joined_are_answered_as_alone(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "plug" / "inference.py").write_text(ESTIMATOR)
    bodies = [b"%d,%d\n" % (i, 3 * i) * (1 + i % 3) for i in range(30)]
    bad = {7: b"1,x\n", 12: b"1,2,3\n", 20: b"1,2\n3\n", 23: b"-1,2\n"}
    with serving(tmp_path / "ml", environment) as server, callers(server, len(bodies)) as several:
        alone = [server.invoke(body).body for body in bodies]
        for wrong, statuses in (({}, {}), (bad, {7: 400, 12: 500, 20: 400, 23: 500})):
            for i, caller in enumerate(several):
                caller.send(invocation(wrong.get(i, bodies[i])))
            answers = [caller.answer() for caller in several]
            assert [status for status, _, _ in answers] == [statuses.get(i, 200) for i in range(len(bodies))]
            assert [body for i, (_, _, body) in enumerate(answers) if i not in wrong] == [
                body for i, body in enumerate(alone) if i not in wrong
            ]
        assert max(map(int, re.findall(r"asked for (\d+)", server.log))) > 3, "none were joined"


class TestEnds:
    def test_sigterm(self, one: Server, tmp_path: Path) -> None:
        """H-18: what is in flight or partly received is answered; who sends no more is waited for, but not for ever."""
        request = invocation(b"1,2\n" * 50)
        with callers(one, 5) as (in_flight, partly, idle, asking, never):
            assert idle.send(PING).answer()[0] == 200
            in_flight.send(invocation(b"9\n"))
            partly.send(request[:-7])
            never.send(request[:-7])
            one.wait_for_log("held")
            started = time.monotonic()
            one.process.send_signal(signal.SIGTERM)
            wait_for(lambda: asking.send(PING).answer()[1]["connection"] == "close", "end", one)
            assert asking.answer()[0] == 0
            partly.send(request[-7:])
            open_gate(tmp_path)
            for caller, expected in ((in_flight, b"9\n"), (partly, b"1,2\n" * 50)):
                status, headers, body = caller.answer()
                assert (status, headers.get("connection"), body) == (200, "close", expected)
                assert caller.answer()[0] == 0
            assert idle.answer()[0] == 0
            assert time.monotonic() - started < 10
            assert one.process.wait(PATIENCE) == 0
            assert time.monotonic() - started < 30

    def test_killed_process_costs_only_what_it_was_answering(self, tmp_path: Path, environment: dict[str, str]) -> None:
        with serving(tmp_path / "ml", environment | {"SERVE_WORKERS": "2"}) as server:
            done = threading.Event()

            def call() -> tuple[int, int]:
                """Requests answered, and those that were not."""
                answered = failed = 0
                caller = Caller(server)
                while not done.is_set():
                    try:
                        assert caller.send(invocation(b"1,2\n")).answer()[0] in (0, 200)
                        answered += 1
                    except OSError:
                        failed += 1
                        caller.close()
                        caller = Caller(server)
                caller.close()
                return answered, failed

            with ThreadPoolExecutor(8) as pool:
                running = [pool.submit(call) for _ in range(8)]
                victim = int(server.invoke(b"6\n").body)
                os.kill(victim, signal.SIGKILL)
                wait_for(lambda: victim not in children(server, 2), "a new process", server)
                wait_for(lambda: server.ping() == 200, "recovery", server)
                done.set()
                counts = [future.result(PATIENCE) for future in running]
            assert all(failed <= 1 for _, failed in counts)
            assert server.invoke(b"1\n").body == b"1\n"

    def test_callers_who_vanish_leave_nothing_behind(self, one: Server) -> None:
        (worker,) = children(one)

        def descriptors() -> int:
            return len(list(Path(f"/proc/{worker}/fd").iterdir()))

        def memory() -> int:
            status = Path(f"/proc/{worker}/status").read_text()
            return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) // 1024

        def come_and_go(rounds: int) -> None:
            large = invocation(b"1,2\n" * 2**16)
            for _ in range(rounds):
                with contextlib.ExitStack() as stack:
                    for data in (large[:-1], large, invocation(b"5\n"), not_plain(b"5\n"), large[:60], PING, b"", PING):
                        caller = Caller(one)
                        stack.callback(caller.vanish)
                        caller.send(data)

        assert one.invoke(b"1\n").status == 200
        usual = descriptors()
        come_and_go(20)
        wait_for(lambda: descriptors() <= usual, "closing of all that was opened", one)
        before = memory()
        come_and_go(130)  # with the others more than worker_connections, 1000: none may still be counted
        wait_for(lambda: descriptors() <= usual, "closing of all that was opened", one)
        assert memory() - before < 50
        assert one.invoke(b"1\n").body == b"1\n"
        assert children(one) == [worker]
