"""The engine with Docker: somebody else's program in an image, with several hosts, limits and isolation."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local_test.engine import docker_runner, owner
from local_test.engine.client import WireError
from local_test.engine.containers import LABEL, OWNER, EngineError, Resources
from local_test.engine.docker_runner import DockerRunner
from local_test.engine.process_runner import free_port
from local_test.engine.serving import NeverReady, Server, ServingSpec
from local_test.engine.tree import Channel
from tests.container.conftest import STOCK, docker, own
from tests.outside import outside
from tests.runs import PROGRAM, Bed
from tests.server import ROOT

pytestmark = pytest.mark.container

MIB = 2**20


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    with own(PROGRAM, STOCK) as name:
        yield name


@pytest.fixture
def bed(client: Any, image: str, tmp_path: Path) -> Bed:
    return Bed(DockerRunner(client), image, tmp_path)


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    ours = f"label={OWNER}={owner.this_process()}"
    assert docker("ps", "--all", "--quiet", "--filter", ours).stdout == ""
    assert docker("network", "ls", "--quiet", "--filter", ours).stdout == ""


def test_a_job_from_its_inputs_to_its_metrics(bed: Bed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "never handed on")
    (tmp_path / "a.csv").write_text("1\n")
    channels = {"train": Channel(tmp_path / "a.csv"), "fast": Channel(tmp_path / "a.csv", "FastFile")}
    result = bed.train("report", channels, environment={"OWN": "1"})
    assert (result.status, result.failure_reason, result.exit_codes) == ("Completed", None, {"algo-1": 0}), bed.log
    assert [(metric.name, metric.value) for metric in result.metrics] == [("loss", 0.5), ("loss", 0.25)]
    assert json.loads((result.trees[0].paths.model / "algo-1.json").read_text()) == {
        "channels": {"train": ["a.csv"], "fast": ["a.csv"]},
        "environment": {"OWN": "1"},
        "arguments": [],
    }


def test_C05_an_entry_point_and_arguments_of_the_jobs_own(bed: Bed) -> None:
    result = bed.train("report", entrypoint=("python3", "/own/train"), arguments=("--fast", "1"))
    assert json.loads((result.trees[0].paths.model / "algo-1.json").read_text())["arguments"] == ["--fast", "1"]


def test_T04_several_hosts_meet_by_name_and_get_their_share(bed: Bed, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("a", "b"):
        (source / name).write_text("x")
    result = bed.train("meet", {"train": Channel(source, distribution="ShardedByS3Key")}, hosts=3)
    assert (result.status, sorted(result.exit_codes)) == ("Completed", ["algo-1", "algo-2", "algo-3"]), bed.log
    met = [json.loads((t.paths.model / f"algo-{n}.json").read_text()) for n, t in enumerate(result.trees, 1)]
    assert met == [["algo-2", "algo-3"], ["algo-1", "algo-3"], ["algo-1", "algo-2"]]
    assert [[p.name for p in (t.paths.data / "train").iterdir()] for t in result.trees] == [["a"], ["b"], []]


def test_one_host_that_fails_ends_the_job(bed: Bed) -> None:
    begun = time.monotonic()
    result = bed.train("fail", hosts=2, stop_grace=1)
    assert result.status == "Failed"
    assert result.failure_reason == "AlgorithmError: the cause\n\nand more of it, exit code: 3"
    assert time.monotonic() - begun < 30


def test_T35_a_stop_leaves_time_for_a_checkpoint_and_ends_in_a_kill(bed: Bed) -> None:
    assert bed.train_until("wait", lambda run: run.stop()).exit_codes == {"algo-1": 0}
    bed.log.clear()
    assert bed.train_until("stubborn", lambda run: run.stop(), stop_grace=1).exit_codes == {"algo-1": 137}


def test_T37_T39_an_interrupted_job_begins_again_from_its_checkpoint(bed: Bed, tmp_path: Path) -> None:
    checkpoints = tmp_path / "checkpoints"
    checkpoints.mkdir()
    result = bed.train_until("wait", lambda run: run.interrupt(), checkpoints=checkpoints)
    assert result.status == "Completed"
    assert (result.trees[0].paths.model / "resumed").read_text() == "7"


def test_T09_a_fast_file_channel_cannot_be_written(bed: Bed, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1\n")
    assert bed.train("write", {"train": Channel(tmp_path / "a.csv", "FastFile")}).status == "Completed"
    assert bed.said() == ["refused 30"]


def test_T10_a_channel_in_pipe_mode(bed: Bed, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1\n")
    assert bed.train("pipe", {"train": Channel(tmp_path / "a.csv", "Pipe")}).status == "Completed"
    assert bed.said() == ["read 2", "read 2"]


@pytest.mark.parametrize("hosts", [1, 2])
def test_T15_isolation_leaves_no_way_out(bed: Bed, hosts: int) -> None:
    with bed.serving() as somebody, outside() as there:
        somebodys = replace(there, port=8080, addresses=[somebody.running.address.host])
        code = {"OWN": there.code + somebodys.code}
        assert bed.train("python", environment=code).status == "Completed", bed.log
        ways = {"gateway", "host.docker.internal", *there.addresses, *somebodys.addresses}
        assert {f"reached {way}" for way in ways} <= set(bed.said())
        assert there.datagrams
        bed.log.clear()
        there.datagrams.clear()
        result = bed.train("python", environment=code, isolated=True, hosts=hosts)
        assert (result.status, result.failure_reason) == ("Completed", None), bed.log
        assert sorted(bed.said()) == sorted((there.of_nobody() + somebodys.of_nobody()) * hosts)
        assert there.datagrams == []


def test_T15_isolated_hosts_of_a_job_meet(bed: Bed) -> None:
    result = bed.train("meet", hosts=2, isolated=True)
    assert result.status == "Completed", bed.log
    assert json.loads((result.trees[0].paths.model / "algo-1.json").read_text()) == ["algo-2"]


def test_T15_an_isolated_host_finds_itself(bed: Bed) -> None:
    code = "import socket; print(socket.gethostbyname(socket.gethostname()), socket.gethostname())"
    assert bed.train("python", environment={"OWN": code}, isolated=True).status == "Completed", bed.log
    assert bed.said() == ["127.0.0.1 algo-1"]


def test_memory_that_runs_out_is_said(bed: Bed) -> None:
    result = bed.train("memory", resources=Resources(cpus=1, memory=128 * MIB))
    assert result.failure_reason == (
        "AlgorithmError: the memory of the instance was used up, and the kernel ended a process, exit code: 137"
    )


def test_an_instance_larger_than_this_machine_is_clamped_and_said(bed: Bed) -> None:
    assert bed.train("report", resources=Resources(cpus=192, memory=2**42)).status == "Completed"
    assert any(line.startswith("192 processors were asked for; this machine has ") for line in bed.said())
    assert any(line.startswith("4096.0 GiB were asked for; this machine has ") for line in bed.said())


def test_a_server_is_ready_asked_and_stopped(bed: Bed) -> None:
    with bed.serving() as server:
        assert server.ping() == 200
        assert server.invoke(b"1,2\n", {"Content-Type": "text/csv"}).body == b"1,2\n"
        assert server.invoke(b"write", {}).body == b"refused 30"  # H-19
        assert server.invoke(b"see", {}).body == b"model"
    port = free_port()
    with bed.serving(publish=port) as server:
        assert (server.url, server.ping()) == (f"http://127.0.0.1:{port}", 200)
    with bed.serving(port=9123) as server:  # P-02
        assert server.ping() == 200


def test_T15_an_isolated_server_is_asked_and_reaches_nobody(bed: Bed) -> None:
    with outside() as there, bed.runner.network(isolated=True, serves=True) as network:
        with bed.serving(network=network) as server:
            assert server.invoke(b"1", {}).body == b"1"
            said = server.invoke(f"python {there.code}".encode(), {}).body.decode().splitlines()
        assert sorted(said) == there.of_nobody()
        assert there.datagrams == []
        with pytest.raises(WireError, match="nobody answers"):
            server.invoke(b"1", {})


def test_an_isolated_server_that_listens_on_loopback_is_not_reached(bed: Bed) -> None:
    loopback = {"SERVE_HOST": "127.0.0.1"}
    with (
        bed.runner.network(isolated=True, serves=True) as network,
        pytest.raises(NeverReady, match=r"/ping did not say 200 within 1 s: nobody answers"),
        bed.serving(network=network, environment=loopback, start_timeout=1),
    ):
        pass


@pytest.mark.parametrize(
    ("environment", "isolated", "place"),
    [
        ({"SAGEMAKER_BIND_TO_PORT": "9123"}, False, "0.0.0.0:9123"),
        ({"SAGEMAKER_BIND_TO_PORT": "9123"}, True, "0.0.0.0:9123"),
        ({"SERVE_HOST": "127.0.0.1"}, False, "127.0.0.1:8080"),
    ],
)
def test_a_server_that_answers_elsewhere_is_not_waited_for_to_the_end(  # H-01
    environment: Mapping[str, str], isolated: bool, place: str, bed: Bed
) -> None:
    begun = time.monotonic()
    with (
        bed.runner.network(isolated=isolated, serves=True) as network,
        pytest.raises(NeverReady, match=re.escape(f"/ping is 200 at {place} (H-01)")),
        bed.serving(network=network, environment=environment, start_timeout=300),
    ):
        pass
    assert time.monotonic() - begun < 150


def test_where_nobody_may_enter_the_internal_network_is_used_and_said(bed: Bed, client: Any) -> None:
    """As for a user who is not root."""
    there = replace(bed, runner=DockerRunner(client, enters=False))
    with there.runner.network(isolated=True, serves=True) as network, there.serving(network=network) as server:
        assert server.invoke(b"1", {}).body == b"1"
    assert any("only root may enter" in line for line in there.said())


@pytest.mark.alone
@pytest.mark.parametrize(
    ("does", "sentence"),
    [
        ("end", r"the container ended with exit code 5 before it was ready; its last lines:\n  no model here$"),
        ("never", r"/ping did not say 200 within 1 s: it answered 503 \(H-04\); its last lines:\n  serving$"),
    ],
)
def test_H04_why_it_never_was_ready(bed: Bed, does: str, sentence: str) -> None:
    with pytest.raises(NeverReady, match=sentence), bed.serving(does, start_timeout=1):
        pass


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        ("tiffin:nowhere", "^Docker has no image tiffin:nowhere$"),
        ("debian:trixie-slim", r"^Docker did not start debian.*: it has no executable 'train' on its PATH \(C-02\)$"),
    ],
)
def test_an_image_that_cannot_be_started(client: Any, tmp_path: Path, image: str, sentence: str) -> None:
    with pytest.raises(EngineError, match=sentence):
        Bed(DockerRunner(client), image, tmp_path).train("report")


KILLED = """
import sys, time
from pathlib import Path
import docker
from local_test.engine.docker_runner import DockerRunner
from local_test.engine.serving import Server, ServingSpec
runner = DockerRunner(docker.from_env(), enters=False)
with runner.network(isolated=True, serves=True) as network:
    server = Server.start(runner, ServingSpec(sys.argv[1], Path(sys.argv[2]), network=network), print)
    print("ready", server.running.id, flush=True)
    time.sleep(600)
"""


@pytest.mark.alone
def test_what_a_killed_command_left_running_is_ended_at_the_next_start(bed: Bed, client: Any, tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", KILLED, bed.image, str(tmp_path / "ml")]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    with subprocess.Popen(arguments, env=environ, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        container = next(line.split()[1] for line in starter.stdout if line.startswith("ready"))
        docker_runner.reap(client)  # its starter lives
        assert client.containers.get(container).status == "running"
        starter.send_signal(signal.SIGKILL)
        starter.wait()
        starter.stdout.close()
    gone = docker_runner.reap(client)
    assert {text.split()[0] for text in gone} == {"container", "network"}
    assert docker("ps", "--all", "--quiet", "--filter", f"ancestor={bed.image}").stdout == ""


def test_starts_at_one_time_do_not_hinder_each_other(client: Any) -> None:
    """Each finds the same to end."""
    labels = [*("--label", f"{OWNER}=1.1.gone"), *("--label", f"{LABEL}=train")]
    made = [docker("create", *labels, STOCK, "train").stdout.strip() for _ in range(4)]
    network = docker("network", "create", *labels, f"tiffin-test-{made[0][:12]}").stdout.strip()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: docker_runner.reap(client), range(4)))
    left = docker("ps", "--all", "--quiet", "--no-trunc").stdout.split()
    left += docker("network", "ls", "--quiet", "--no-trunc").stdout.split()
    assert not {*made, network} & set(left)


@pytest.mark.alone
def test_invoking_through_the_engine_costs_little(bed: Bed, tmp_path: Path) -> None:
    """Not a measurement: a delayed ACK would be 40 ms."""
    (tmp_path / "ml" / "model").mkdir(parents=True)
    server = Server.start(bed.runner, ServingSpec(bed.image, tmp_path / "ml"), lambda _line: None)
    try:
        took = []
        for _ in range(50):
            begun = time.perf_counter()
            server.invoke(b"1,2,3\n", {"Content-Type": "text/csv"})
            took.append(time.perf_counter() - begun)
        assert sorted(took)[25] < 0.03
    finally:
        server.close()
