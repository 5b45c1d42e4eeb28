"""Callers that send or read slowly, and bodies that are large: they cost the others nothing, and little memory."""

import contextlib
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.caller import Caller, callers, invocation, not_plain
from tests.server import Server, children, plug, serving, wait_for

MIB = 2**20
# `raw` answers the number of bytes; predict_fn what it was given, or two megabytes for a row of 5.
PLUG = """
import resource, struct
import serve.handover

serve.handover._STALL = struct.pack("ll", 1, 0)

def model_fn(model_dir):
    if FILES_OF_A_MEGABYTE:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))

def predict_fn(data, model):
    return ["5" * 2**21] if data.rows[0][0] == "5" else data

def raw_fn(bodies, model):
    return [b"%d\\n" % len(body) for body in bodies]
"""


@pytest.fixture
def environment(base: Path) -> dict[str, str]:
    return plug(base, PLUG.replace("FILES_OF_A_MEGABYTE", "False")) | {"SERVE_WORKERS": "1"}


@pytest.fixture
def one(base: Path, environment: dict[str, str]) -> Iterator[Server]:
    with serving(base, environment | {"SAGEMAKER_MAX_PAYLOAD_IN_MB": "200"}) as server:
        yield server


def memory(pid: int) -> int:
    """MiB of its own, now."""
    return int(re.findall(r"RssAnon:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[0]) // 1024


def spooled(pid: int) -> list[int]:
    """Sizes of the files without a name that a process has open."""
    sizes = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            if "(deleted)" in str(link.readlink()) and link.stat().st_size:
                sizes.append(link.stat().st_size)
    return sizes


@pytest.mark.alone
def test_slow_readers_of_answers_from_threads_keep_no_thread(one: Server) -> None:
    """There are four threads."""
    with callers(one, 12, receive_buffer=4096) as slow:
        for caller in slow:
            caller.send(not_plain(b"5\n"))
        started = time.monotonic()
        assert one.request("POST", "/invocations", b"1\n", {"Content-Type": "application/json"}).status == 200
        assert time.monotonic() - started < 1
        for caller in slow:  # each gets the whole of its answer all the same
            assert caller.body() == b"5" * 2**21 + b"\n"
        assert [caller.send(not_plain(b"1\n")).body() for caller in slow[:3]] == [b"1\n"] * 3


def test_chunked_body_that_stops_is_a_408_and_frees_its_thread(one: Server) -> None:
    head = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n"
    with callers(one, 4) as silent:
        for caller in silent:
            caller.send(head + b"3\r\n1,2")
        status, _, body = silent[0].answer()
        assert status == 408
        assert json.loads(body)["message"].startswith("the body stopped coming: ")
        wait_for(lambda: one.invoke(b"1\n", "application/json").status == 200, "a free thread", one)


def test_A02_large_body_waits_in_a_file_and_not_in_memory(one: Server) -> None:
    (pid,) = children(one)
    body = b"1,2,3\n" * (100 * MIB // 6)
    with callers(one, 3) as several:
        before = memory(pid)
        for caller in several:
            caller.send(invocation(body)[: -len(b"3\n")])
        wait_for(lambda: sum(spooled(pid)) > 290 * MIB, "300 MB in files", one)
        assert memory(pid) < before + 20
        assert one.ping() == 200
        for caller in several:
            assert caller.send(b"3\n" + invocation(b"1\n")).body() == b"%d\n" % len(body)
            assert caller.body() == b"2\n"
        assert spooled(pid) == []


def test_large_body_that_ends_early_leaves_no_file(one: Server) -> None:
    (pid,) = children(one)
    for leave in (Caller.close, Caller.vanish):
        caller = Caller(one).send(invocation(b"1,2,3\n" * (40 * MIB // 6))[:-2])
        wait_for(lambda: spooled(pid), "a file", one)
        leave(caller)
        wait_for(lambda: not spooled(pid), "no file", one)


def test_large_body_stays_in_memory_where_no_file_can_be_written(base: Path) -> None:
    environment = plug(base, PLUG.replace("FILES_OF_A_MEGABYTE", "True")) | {"SERVE_WORKERS": "1"}
    with serving(base, environment | {"SAGEMAKER_MAX_PAYLOAD_IN_MB": "100"}) as server:
        body = b"1,2,3\n" * (40 * MIB // 6)
        assert server.invoke(body).body == b"%d\n" % len(body)
        assert "a large body stays in memory: it cannot be written under" in server.log


def test_B03_chunked_csv_of_unknown_length_goes_the_short_way_too(one: Server) -> None:
    parts = [b"1,2,3\n"] * 1000
    answer = one.request("POST", "/invocations", iter(parts), {"Content-Type": "text/csv"})
    assert answer.body == b"6000\n"  # as raw_fn says it; predict_fn would give the rows back
    assert "rows=1 " in one.log


def test_body_that_the_short_way_declined_is_not_offered_to_it_again(base: Path) -> None:
    code = PLUG.replace("FILES_OF_A_MEGABYTE", "False").replace('b"%d\\n" % len(body)', "print('asked', flush=True)")
    with serving(base, plug(base, code)) as server:
        assert server.invoke(b"1,2\n").body == b"1,2\n"
        assert server.log.count("asked") == 1


def test_refused_for_want_of_room_has_an_id_and_a_line(base: Path) -> None:
    code = "import serve.batch\nserve.batch.WAITING = 1\n" + PLUG.replace("FILES_OF_A_MEGABYTE", "False").replace(
        "def raw_fn(bodies, model):", "import os, time\ndef raw_fn(bodies, model):\n    time.sleep(0.5)"
    )
    with serving(base, plug(base, code) | {"SERVE_WORKERS": "1"}) as server, callers(server, 3) as three:
        for caller in three:
            caller.send(invocation(b"1\n"))
        answers = [caller.answer() for caller in three]
        refused = [json.loads(body) for status, _, body in answers if status == 503]
        assert 1 <= len(refused) <= 2
        for problem in refused:
            server.wait_for_log(f"invocation {problem['request_id']} status=503 rows=- ms=0.0 too many requests wait")
        metrics = server.request("GET", "/metrics").body.decode()
        assert f'tiffin_invocations_total{{status="5xx"}} {len(refused)}' in metrics
