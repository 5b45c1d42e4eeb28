"""The engine without Docker: processes with an /opt/ml of their own, and processes that are told where it is."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local_test.engine import owner, process_runner
from local_test.engine.containers import EngineError
from local_test.engine.process_runner import ProcessRunner, free_port
from local_test.engine.serving import NeverReady
from local_test.engine.tree import Channel
from tests.runs import PROGRAM, Bed
from tests.server import PATIENCE, ROOT


@pytest.fixture(params=[True, False], ids=["namespace", "variable"])
def bed(request: pytest.FixtureRequest, tmp_path: Path) -> Bed:
    return Bed(ProcessRunner(namespaces=request.param), str(PROGRAM), tmp_path)


@pytest.fixture
def channel(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.csv").write_text("1\n")
    return source


def test_this_kernel_gives_namespaces() -> None:
    assert process_runner.has_namespaces()  # else half of this file says nothing


def test_a_job_from_its_inputs_to_its_metrics(bed: Bed, channel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "never handed on")
    result = bed.train("report", {"train": Channel(channel)}, environment={"OWN": "1"})
    assert (result.status, result.failure_reason, result.exit_codes) == ("Completed", None, {"algo-1": 0}), bed.log
    assert [(metric.name, metric.value) for metric in result.metrics] == [("loss", 0.5), ("loss", 0.25)]
    assert bed.statuses == ["Downloading", "Training"]
    assert json.loads((result.trees[0].paths.model / "algo-1.json").read_text()) == {
        "channels": {"train": ["a.csv"]},
        "environment": {"OWN": "1"},
        "arguments": [],
    }


def test_T32_T33_a_failure_is_told_with_its_cause(bed: Bed) -> None:
    result = bed.train("fail")
    assert (result.status, result.failure_reason) == (
        "Failed",
        "AlgorithmError: the cause\n\nand more of it, exit code: 3",
    )


def test_T35_a_stop_leaves_time_for_a_checkpoint(bed: Bed) -> None:
    result = bed.train_until("wait", lambda run: run.stop())
    assert (result.status, result.exit_codes) == ("Stopped", {"algo-1": 0})
    assert [file.name for file in result.trees[0].artifact()] == ["partial"]


def test_T35_what_does_not_stop_is_killed(bed: Bed) -> None:
    begun = time.monotonic()
    result = bed.train_until("stubborn", lambda run: run.stop(), stop_grace=0.5)
    assert (result.status, result.exit_codes) == ("Stopped", {"algo-1": 137})
    assert time.monotonic() - begun < 30
    assert "train did not end within 0.5 s of SIGTERM; SIGKILL" in bed.said()


def test_T37_T39_an_interrupted_job_begins_again_from_its_checkpoint(bed: Bed, tmp_path: Path) -> None:
    checkpoints = tmp_path / "checkpoints"
    checkpoints.mkdir()
    result = bed.train_until("wait", lambda run: run.interrupt(), checkpoints=checkpoints)
    assert (result.status, bed.statuses) == (
        "Completed",
        ["Downloading", "Training", "Interrupted", "Downloading", "Training"],
    )
    assert (result.trees[0].paths.model / "resumed").read_text() == "7"
    assert (checkpoints / "epoch").read_text() == "7"


def test_T42_a_job_that_takes_too_long_is_stopped(bed: Bed) -> None:
    result = bed.train("wait", max_runtime=1.5)
    assert (result.status, result.secondary) == ("Stopped", "MaxRuntimeExceeded"), bed.log
    assert [file.name for file in result.trees[0].artifact()] == ["partial"]


def test_T10_a_channel_in_pipe_mode(bed: Bed, channel: Path) -> None:
    assert bed.train("pipe", {"train": Channel(channel, "Pipe")}).status == "Completed"
    assert bed.said() == ["read 2", "read 2"]


def test_T09_a_fast_file_channel_cannot_be_written(channel: Path, tmp_path: Path) -> None:
    bed = Bed(ProcessRunner(namespaces=True), str(PROGRAM), tmp_path)
    assert bed.train("write", {"train": Channel(channel, "FastFile")}).status == "Completed"
    assert bed.said() == ["refused 30"]


def test_what_needs_docker_says_so(bed: Bed) -> None:
    with pytest.raises(EngineError, match="containers that see each other need Docker"):
        bed.train("report", hosts=2)
    with pytest.raises(EngineError, match="isolation from the network needs Docker"):
        bed.train("report", isolated=True)


def test_a_folder_that_is_no_image_is_said(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"without Docker an image is a folder, and there is no folder .*nowhere"):
        Bed(ProcessRunner(), str(tmp_path / "nowhere"), tmp_path).train("report")
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "train").write_text("")
    with pytest.raises(EngineError, match=r"half/train is not executable \(C-02\)"):
        Bed(ProcessRunner(), str(tmp_path / "half"), tmp_path).train("report")


# Serving


def test_a_server_is_ready_asked_and_stopped(bed: Bed) -> None:
    with bed.serving() as server:
        assert server.ping() == 200
        reply = server.invoke(b"1,2\n", {"Content-Type": "text/csv"})
        assert (reply.status, reply.headers["content-type"], reply.body) == (200, "text/csv", b"1,2\n")
        assert server.running.exit_code() is None
    assert "serving" in bed.said()


def test_H19_the_model_cannot_be_written(tmp_path: Path) -> None:
    bed = Bed(ProcessRunner(namespaces=True), str(PROGRAM), tmp_path)
    with bed.serving() as server:
        assert server.invoke(b"write", {}).body == b"refused 30"
        assert server.invoke(b"see", {}).body == b"model"
    assert not (bed.served / "model" / "mine").exists()


def test_without_namespaces_the_permission_to_write_is_taken_for_as_long(tmp_path: Path) -> None:
    bed = Bed(ProcessRunner(namespaces=False), str(PROGRAM), tmp_path)
    model = bed.served / "model"
    model.mkdir(parents=True)
    (model / "model.bin").touch()
    before = [path.stat().st_mode for path in (model, model / "model.bin")]
    with bed.serving():
        assert [path.stat().st_mode & 0o222 for path in (model, model / "model.bin")] == [0, 0]
    assert [path.stat().st_mode for path in (model, model / "model.bin")] == before


@pytest.mark.alone
@pytest.mark.parametrize(
    ("does", "sentence"),
    [
        ("end", r"the container ended with exit code 5 before it was ready; its last lines:\n  no model here$"),
        ("never", r"/ping did not say 200 within 1 s: it answered 503 \(H-04\); its last lines:\n  serving$"),
        ("slow", r"/ping did not say 200 within 1 s: no answer came in time"),
    ],
)
def test_H04_why_it_never_was_ready(bed: Bed, does: str, sentence: str) -> None:
    begun = time.monotonic()
    with pytest.raises(NeverReady, match=sentence), bed.serving(does, start_timeout=1, ping_timeout=0.3):
        pass
    assert time.monotonic() - begun < 10


def test_a_port_of_ones_own(bed: Bed) -> None:
    port = free_port()
    with bed.serving(publish=port) as server:
        assert server.url == f"http://127.0.0.1:{port}"


KILLED = """
import sys, time
from pathlib import Path
from local_test.engine.process_runner import ProcessRunner
from local_test.engine.serving import Server, ServingSpec
tree = Path(sys.argv[2])
(tree / "model").mkdir(parents=True)
server = Server.start(ProcessRunner(), ServingSpec(sys.argv[1], tree), print)
print("ready", server.running.id, flush=True)
time.sleep(600)
"""


def test_what_a_killed_command_left_running_is_ended_at_the_next_start(tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", KILLED, str(PROGRAM), str(tmp_path / "ml")]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    with subprocess.Popen(arguments, env=environ, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        pid = next(int(line.split()[1]) for line in starter.stdout if line.startswith("ready"))
        assert owner.of(pid) is not None
        assert process_runner.reap() == []  # its starter lives
        starter.send_signal(signal.SIGKILL)
        starter.wait()
        starter.stdout.close()
    assert owner.of(pid) is not None
    assert f"process {pid} (serve)" in process_runner.reap()
    deadline = time.monotonic() + PATIENCE
    while owner.of(pid) is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert owner.of(pid) is None
