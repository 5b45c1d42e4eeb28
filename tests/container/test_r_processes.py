"""Many processes of R: what each holds, chance, files, and models that come and go."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.caller import Caller, not_plain
from tests.container.conftest import ContainerServer, docker
from tests.rimage import CASES, container, processes, rscript
from tests.server import Response, wait_for

pytestmark = pytest.mark.container

CALLERS, SINGLE_ROWS, MANY_ROWS = 4, 12_000, 20  # R collects all it has each 2,500 calls or so
RANDOM, TEMPORARY = b"1,a,rand,true\n", b"1,a,temp,true\n"  # for behaviours.R


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("r")
    rscript(folder, "artifacts.R", "/colours.csv", "/data")
    return folder


def test_a_further_process_holds_little_of_its_own_after_traffic_too(artifacts: Path) -> None:
    mount = ("--volume", f"{artifacts / 'rpart' / 'model'}:/opt/ml/model:ro")
    with container(*mount, "--env", "SERVE_WORKERS=3", "--env", "SAGEMAKER_CONTAINER_LOG_LEVEL=critical") as server:
        further = processes(server)[1:]
        idle = [memory(server, process) for process in further]
        many = b"".join(b"%d,%d,%d\n" % (i % 256, i // 256, i % 7) for i in range(10_000))

        def load(number: int) -> None:
            caller = Caller(server)
            for index in range(SINGLE_ROWS // CALLERS):
                request = not_plain(b"%d,%d,3\n" % (number, index % 256))  # not joined with others: a call of R each
                assert caller.send(request).answer()[0] == 200
            caller.close()
            for _ in range(MANY_ROWS // CALLERS):
                assert server.invoke(many).status == 200

        with ThreadPoolExecutor(CALLERS) as pool:
            list(pool.map(load, range(CALLERS)))
        after = [memory(server, process) for process in further]
    for what, found in (("idle", idle), ("after traffic", after)):
        print(f"{what}, MB of each process (its own, PSS):", found)
    assert max(own for own, _ in idle) < 12
    assert max(own for own, _ in after) < 45


def test_processes_differ_in_chance_and_outlive_each_other(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    source = (CASES / "behaviours.R").read_text()
    # what was drawn before the fork must not make the processes draw alike after it
    (code / "model.R").write_text(f"{source}\nset.seed(1)\ninvisible(runif(1))\n")
    with container("--volume", f"{tmp_path}:/opt/ml/model:ro", "--env", "SERVE_WORKERS=3") as server:
        drawn = [server.invoke(RANDOM).body for _ in range(30)]
        assert len(set(drawn)) == len(drawn)
        first = processes(server)[1]
        docker("exec", server.name, "sh", "-c", f"kill -TERM {first}")
        wait_for(lambda: first not in processes(server) and len(processes(server)) == 4, "a new process", server)
        wait_for(lambda: server.ping() == 200, "200 on /ping", server)
        assert [server.invoke(TEMPORARY).body for _ in range(30)] == [b"true\n"] * 30
        assert server.stop() == 0
        assert "SIGSEGV" not in server.log


def memory(server: ContainerServer, process: str) -> tuple[float, float]:
    """MB: what only this process holds, which is what it adds to the sum of all, and its proportional share."""
    text = docker("exec", server.name, "sh", "-c", f"cat /proc/{process}/smaps_rollup").stdout
    found = {name: int(size) / 1024 for name, size in re.findall(r"^(\w+): +(\d+) kB", text, re.MULTILINE)}
    return round(found["Private_Clean"] + found["Private_Dirty"], 1), round(found["Pss"], 1)


def test_R_models_are_loaded_and_unloaded_and_leave_nothing(artifacts: Path) -> None:
    names = ("rpart", "lm", "missing")
    mounts = [f"--volume={artifacts / name / 'model'}:/opt/ml/models/{name}/model:ro" for name in names]
    with container(*mounts, "--env", "SAGEMAKER_MULTI_MODEL=true") as server:

        def load(name: str) -> Response:
            document = {"model_name": name, "url": f"/opt/ml/models/{name}/model"}
            return server.request("POST", "/models", json.dumps(document).encode())

        assert [load(name).status for name in names] == [200, 200, 400]
        body, headers = b"255,0,0\n", {"Content-Type": "text/csv"}
        assert server.request("POST", "/models/rpart/invoke", body, headers).body == b"red\n"
        assert server.request("POST", "/models/lm/invoke", b"3,100\n", headers).body.startswith(b"21.978")
        assert "which needs the R package randomForest;" in load("missing").body.decode()
        for name in names[:2]:
            assert server.request("DELETE", f"/models/{name}").status == 200
        left = docker("exec", server.name, "ls", "/tmp").stdout.split()  # noqa: S108
        assert [name for name in left if name.startswith("Rtmp")] == []
