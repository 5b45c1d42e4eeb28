"""Processes of a multi-model server: how they end, what they leave, what one may cost another. A server a test."""

import json
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.models import ECHO, Many, error, many_models, memory_of, message
from tests.server import PATIENCE, Response, wait_for

PREDICT = "def predict_fn(data, model): return data\n"
DYING = """
import os, time
def model_fn(model_dir): return 1
def predict_fn(data, model):
    match data.rows[0][0]:
        case "pid": return [os.getpid()]
        case "segfault": os.kill(os.getpid(), 11); time.sleep(30)  # another thread may take the signal, a moment later
        case "exit": os._exit(3)
        case "killed": os.kill(os.getpid(), 9); time.sleep(30)  # as the kernel does where memory ends
        case "sleep": print("sleeping", flush=True); time.sleep(2)
        case "nap": time.sleep(0.5)
        case "hang": print("hanging", flush=True); time.sleep(3600)
    return data
"""


@pytest.fixture
def many(tmp_path: Path) -> Iterator[Many]:
    with many_models(tmp_path / "ml", {"SERVE_THREADS": "2"}) as running:
        yield running


class Call(threading.Thread):
    """An invocation that is under way, with its answer."""

    def __init__(self, many: Many, name: str, body: bytes) -> None:
        super().__init__()
        self._asked, self._answers = (many, name, body), list[Response]()
        self.start()

    def run(self) -> None:
        many, name, body = self._asked
        self._answers.append(many.invoke(name, body))

    @property
    def answer(self) -> Response:
        self.join(PATIENCE)
        return self._answers[0]


def test_M05_memory_is_back_when_unload_answers(many: Many) -> None:
    before = many.processes()
    held = memory_of(before)
    many.bring("large", f"def model_fn(model_dir): return b'x' * {200 << 20}\n" + PREDICT)
    assert memory_of(many.processes()) > held + (190 << 20)
    assert many.unload("large").status == 200
    assert many.processes() == before
    assert memory_of(before) < held + (20 << 20)
    assert error(many.unload("large")) == (404, "ModelNotLoaded")


def test_M05_what_is_in_flight_finishes_and_nothing_new_begins(many: Many) -> None:
    many.bring("m", DYING)
    call = Call(many, "m", b"sleep\n")
    many.server.wait_for_log("sleeping")
    unloads: list[Response] = []
    unload = threading.Thread(target=lambda: unloads.append(many.unload("m")))
    unload.start()
    wait_for(lambda: many.get("m").status == 404, "404", many.server)
    assert error(many.invoke("m")) == (404, "ModelNotLoaded")
    assert many.unload("m").status == 404
    assert call.is_alive()
    assert unload.is_alive()
    assert many.load("m", many.write("m", ECHO)).status == 200  # begins when the other is gone
    assert call.answer.status == 200
    unload.join(PATIENCE)
    assert unloads[0].status == 200
    assert many.invoke("m").body == b"1,2\n"


def test_M05_what_does_not_finish_is_ended(tmp_path: Path) -> None:
    with many_models(tmp_path / "ml", {"MODEL_SERVER_TIMEOUT": "1"}) as many:
        many.bring("m", DYING)
        call = Call(many, "m", b"hang\n")
        many.server.wait_for_log("hanging")
        assert many.unload("m").status == 200
        assert call.answer.status in (500, 503)  # whichever clock was first


def test_M05_unload_ends_a_load(many: Many) -> None:
    before = many.processes()
    url = many.write("slow", "print('begun', flush=True)\nimport time; time.sleep(3600)")
    loads: list[Response] = []
    load = threading.Thread(target=lambda: loads.append(many.load("slow", url)))
    load.start()
    many.server.wait_for_log("begun")
    assert many.unload("slow").status == 200
    load.join(PATIENCE)
    assert error(loads[0]) == (503, "NotReady")
    assert many.processes() == before


def test_M05_what_user_code_started_ends_with_it(many: Many) -> None:
    code = "import subprocess\ndef model_fn(model_dir): return subprocess.Popen(['sleep', '3600'])\n"
    before = many.processes()
    many.bring("parent", code + PREDICT)
    assert len(many.processes()) == len(before) + 2
    brought = set(many.processes()) - set(before)
    assert many.unload("parent").status == 200
    assert many.processes() == before
    assert [pid for pid in brought if Path(f"/proc/{pid}/exe").exists()] == []


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def model_fn(model_dir): raise MemoryError", "model 'm' does not fit into the memory that is left"),
        ("raise MemoryError", "model 'm' does not fit into the memory that is left"),
        ("import os; os.kill(os.getpid(), 9)", "model 'm' does not fit into the memory that is left"),
    ],
    ids=["model-fn", "import", "killed-by-the-kernel"],
)
def test_M02_no_memory_for_a_load_is_507(many: Many, code: str, words: str) -> None:
    before = many.processes()
    answer = many.load("m", many.write("m", code))
    assert (error(answer), message(answer)) == ((507, "OutOfMemory"), words)
    assert (many.processes(), many.names()) == (before, [])


def test_M02_an_artifact_larger_than_memory_is_507_before_it_is_read(many: Many) -> None:
    url = many.write("huge")
    with (Path(url) / "weights").open("w") as file:
        file.truncate(1 << 42)  # a hole
    answer = many.load("huge", url)
    assert error(answer) == (507, "OutOfMemory")
    assert re.fullmatch(r"model 'huge' needs 41943\d\d MiB or more; \d+ MiB are left", message(answer))


def test_M02_the_kernel_would_take_a_model_first(many: Many) -> None:
    before = many.processes()
    many.bring("m")
    (model,) = set(many.processes()) - set(before)
    scores = {pid: int(Path(f"/proc/{pid}/oom_score_adj").read_text()) for pid in many.processes()}
    assert scores.pop(model) == 1000
    assert max(scores.values()) < 1000


@pytest.mark.parametrize(
    ("body", "status", "name", "words"),
    [
        (
            b"segfault\n",
            500,
            "UserCodeError",
            "the process of model 'm' died (SIGSEGV); it is started again when asked",
        ),
        (
            b"exit\n",
            500,
            "UserCodeError",
            "the process of model 'm' died (exit code 3); it is started again when asked",
        ),
        (b"killed\n", 507, "OutOfMemory", "model 'm' needed more memory than is left, and was ended"),
    ],
)
def test_M15_a_model_that_dies_stays_and_is_started_again(
    many: Many, body: bytes, status: int, name: str, words: str
) -> None:
    many.bring("m", DYING)
    first = many.invoke("m", b"pid\n").body
    answer = many.invoke("m", body)
    assert (error(answer), message(answer)) == ((status, name), words)
    assert (many.names(), many.server.ping()) == (["m"], 200)
    second = many.invoke("m", b"pid\n")
    assert second.status == 200
    assert second.body != first
    os.kill(int(second.body), signal.SIGKILL)  # with nobody in it
    with ThreadPoolExecutor(8) as pool:  # of those who ask at one time, all are answered by one new process
        third = {many_answer.body for many_answer in pool.map(lambda _: many.invoke("m", b"pid\n"), range(8))}
    assert len(third) == 1
    assert third.isdisjoint({first, second.body})
    os.kill(int(third.pop()), signal.SIGKILL)
    assert many.unload("m").status == 200
    assert many.names() == []


def test_M15_a_model_that_dies_when_it_is_started_again_says_so(many: Many) -> None:
    flag = many.base / "flag"
    code = f"import pathlib\nif pathlib.Path({str(flag)!r}).exists(): raise OSError('gone')\n" + DYING
    many.bring("m", code)
    flag.touch()
    assert many.invoke("m", b"exit\n").status == 500
    assert error(many.invoke("m", b"pid\n")) == (400, "ModelNotLoadable")
    assert many.names() == ["m"]
    flag.unlink()
    assert many.invoke("m", b"pid\n").status == 200


def test_M06_a_model_that_does_not_answer_is_ended_in_time(tmp_path: Path) -> None:
    with many_models(tmp_path / "ml", {"MODEL_SERVER_TIMEOUT": "1"}) as many:
        many.bring("m", DYING)
        answer = many.invoke("m", b"hang\n")
        assert error(answer) == (500, "UserCodeError")
        assert message(answer) == "model 'm' did not answer within 1 s, and was ended"
        assert many.invoke("m", b"pid\n").status == 200


def test_M09_ping_depends_on_no_model_but_on_the_keeper(many: Many) -> None:
    many.bring("m", DYING)
    many.invoke("m", b"segfault\n")
    many.load("bad", many.write("bad", "1 / 0"))
    assert many.server.ping() == 200
    many.bring("other")
    below = many.processes()
    keeper = many.keeper()
    os.kill(keeper, signal.SIGKILL)
    wait_for(lambda: many.server.ping() == 503, "503", many.server)
    assert error(many.server.request("GET", "/models")) == (503, "NotReady")
    wait_for(lambda: len(many.processes()) == 2, "end of the keeper's models", many.server)
    assert len(below) == 4  # keeper, one model, two of the front
    assert many.server.stop() == 0


def test_M09_models_outlive_the_fronts_processes(many: Many) -> None:
    many.bring("m", DYING)
    pid = many.invoke("m", b"pid\n").body
    for victim in set(many.processes()) - {many.keeper(), int(pid)}:
        os.kill(victim, signal.SIGKILL)
    wait_for(lambda: many.server.ping() == 200, "recovery", many.server)
    assert many.invoke("m", b"pid\n").body == pid


@pytest.mark.parametrize("to_whom", ["master", "everybody"])
def test_H18_a_stop_drains_and_leaves_nothing(many: Many, to_whom: str) -> None:
    many.bring("m", DYING)
    many.bring("other")
    call = Call(many, "m", b"sleep\n")
    many.server.wait_for_log("sleeping")
    below = many.processes()
    folder = many.folder()
    assert folder.stat().st_mode & 0o777 == 0o700
    if to_whom == "everybody":
        os.kill(many.keeper(), signal.SIGTERM)
    assert many.server.stop() == 0
    assert call.answer.status == 200
    assert [pid for pid in below if Path(f"/proc/{pid}").exists()] == []
    assert not folder.exists()


def test_H18_a_killed_server_leaves_no_process(many: Many) -> None:
    many.bring("m")
    below = many.processes()
    os.kill(many.server.process.pid, signal.SIGKILL)
    wait_for(lambda: not [p for p in below if Path(f"/proc/{p}/exe").exists()], "end of all", many.server)


def test_M06_one_slow_model_starves_no_other(many: Many) -> None:
    many.bring("slow", DYING)
    many.bring("quick")
    with ThreadPoolExecutor(60) as pool:
        answers = [pool.submit(many.invoke, "slow", b"nap\n") for _ in range(60)]
        busy = wait_for(lambda: next((a for a in answers if a.done()), None), "answer", many.server).result()
        assert error(busy) == (503, "NotReady")
        assert busy.headers["retry-after"] == "1"
        assert message(busy) == "too many requests wait for model 'slow'; try again in a second"
        assert many.invoke("quick").status == 200
        assert many.server.ping() == 200
        assert not all(answer.done() for answer in answers)
        statuses = [answer.result().status for answer in answers]
    assert set(statuses) == {200, 503}
    assert statuses.count(200) >= 18  # two at a time and sixteen that wait


def test_M07_lines_of_the_log_say_which_model(tmp_path: Path) -> None:
    with many_models(tmp_path / "ml", {"TIFFIN_LOG_FORMAT": "json"}) as many:
        name = "a\n{'b': 1}"
        code = "import logging\ndef model_fn(model_dir): logging.getLogger('mine').warning('hello')\n" + PREDICT
        assert many.load(name, many.write("m", code)).status == 200
        assert many.invoke(name).status == 200
        events = [json.loads(line) for line in many.server.log.splitlines()]
        assert [event["model"] for event in events if event["message"] == "hello"] == [repr(name)]
        assert [event["model"] for event in events if event["message"].startswith("invocation ")] == [name]


def _held(many: Many) -> dict[str, int]:
    """What could leak: memory in MiB, files, threads and processes of keeper and front."""
    below = many.processes()
    pids = [many.server.process.pid, *below]
    return {
        "memory": memory_of(below) >> 20,
        "files": sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids),
        "threads": sum(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in [many.keeper()]),
        "processes": len(pids),
        "temporary": len(list(many.folder().iterdir())),
    }


@pytest.mark.alone
def test_M10_a_thousand_loads_and_unloads_leave_nothing(many: Many) -> None:
    url = many.write("m")

    def rounds(count: int) -> float:
        started = time.monotonic()
        for _ in range(count):
            assert many.load("m", url).status == 200
            assert many.invoke("m").status == 200
            assert many.unload("m").status == 200
        return (time.monotonic() - started) / count

    rounds(50)
    before = _held(many)
    each = rounds(950)
    after = _held(many)
    print(f"{each * 1000:.1f} ms a round; {before} before, {after} after")
    assert after["memory"] <= before["memory"] + 3
    wait_for(
        lambda: all(_held(many)[k] <= before[k] for k in before if k != "memory"), "as little as before", many.server
    )
    assert each < 0.1  # 19 ms where nothing else runs
