"""The image as SageMaker starts it: plain `docker run`, nothing of ours outside it."""

import json
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from local_test.engine.tree import Tree
from tests.container.conftest import COLOUR, LABEL, STOCK, ContainerServer, docker, inspect
from tests.server import wait_for

Run = Callable[..., ContainerServer]
pytestmark = pytest.mark.container
PUBLISH = ("--publish", "127.0.0.1::8080")


def train(tree: Tree, *options: str, image: str = COLOUR) -> "subprocess.CompletedProcess[str]":
    volume = f"{tree.paths.base}:/opt/ml"
    return docker("run", "--rm", "--label", LABEL, "--volume", volume, *options, image, "train", check=False)


class TestContents:
    @pytest.mark.parametrize("image", [STOCK, COLOUR])
    def test_train_and_serve_are_found_on_path_and_no_entrypoint_is_in_the_way(self, image: str) -> None:  # C-02
        config = inspect(image)["Config"]
        assert not config["Entrypoint"]
        assert config["Cmd"] == ["serve"]

    @pytest.mark.parametrize("image", [STOCK, COLOUR])
    def test_platform_and_labels(self, image: str) -> None:  # C-13, P-02
        document = inspect(image)
        assert (document["Os"], document["Architecture"]) == ("linux", "amd64")
        labels = document["Config"]["Labels"]
        assert labels["com.amazonaws.sagemaker.capabilities.accept-bind-to-port"] == "true"
        assert labels["com.amazonaws.sagemaker.capabilities.multi-models"] == "true"  # M-01

    @pytest.mark.parametrize("image", [STOCK, COLOUR])
    def test_W01_the_label_says_that_it_can_stream(self, image: str) -> None:
        labels = inspect(image)["Config"]["Labels"]
        assert labels["com.amazonaws.sagemaker.capabilities.bidirectional-streaming"] == "true"

    def test_nothing_that_builds_installs_or_identifies(self) -> None:  # T-15
        environment = "\n".join(inspect(COLOUR)["Config"]["Env"])
        assert not any(word in environment.upper() for word in ("AWS_", "SECRET", "PASSWORD", "TOKEN"))
        look = (
            "command -v gcc cc make pip pip3 curl git; python -c 'import pip' 2>/dev/null && echo pip; ls -A /root/.aws"
        )
        assert docker("run", "--rm", COLOUR, "sh", "-c", look, check=False).stdout == ""

    def test_opt_ml_is_left_to_the_platform(self) -> None:  # C-07
        assert docker("run", "--rm", COLOUR, "sh", "-c", "ls -A /opt/ml 2>/dev/null", check=False).stdout == ""

    def test_stock_image_holds_no_plug(self) -> None:
        assert docker("run", "--rm", STOCK, "ls", "/opt/program").stdout.split() == ["bin", "serve", "tiffin", "train"]

    def test_S05_whoever_runs_it_can_read_it(self) -> None:
        look = (
            "find /opt/program /opt/venv ! -perm -o+r -print; find /opt/program /opt/venv -type d ! -perm -o+x -print"
        )
        assert docker("run", "--rm", COLOUR, "sh", "-c", look).stdout == ""

    def test_size(self) -> None:
        assert inspect(COLOUR)["Size"] < 700e6  # S-04 allows 10 GB; ours is 563 MB

    @pytest.mark.registry
    def test_manifest_that_a_registry_gets_is_dockers_v2(self, registry: str) -> None:  # C-12
        target = f"{registry}/tiffin:test"
        docker("tag", COLOUR, target)
        try:
            docker("push", target)
        finally:
            docker("image", "rm", target)
        request = urllib.request.Request(
            f"http://{registry}/v2/tiffin/manifests/test",
            headers={
                "Accept": "application/vnd.docker.distribution.manifest.v2+json, "
                "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"
            },
        )
        with urllib.request.urlopen(request) as answer:
            assert answer.headers["Content-Type"] == "application/vnd.docker.distribution.manifest.v2+json"


class TestTraining:
    def test_model_metrics_and_report(self, tree: Tree) -> None:  # T-30, T-31, T-33, T-40
        done = train(tree)
        assert done.returncode == 0, done.stderr
        assert [file.name for file in tree.artifact()] == ["colour.json", "trees.npz"]
        assert "test_accuracy=0." in done.stdout
        assert (tree.paths.output_data / "report.html").is_file()
        assert tree.failure() is None

    def test_entry_point_of_the_jobs_own(self, tree: Tree) -> None:  # C-05
        volume = f"{tree.paths.base}:/opt/ml"
        docker("run", "--rm", "--volume", volume, "--entrypoint", "/opt/program/bin/train", COLOUR)
        assert len(tree.artifact()) == 2

    def test_no_network_and_a_read_only_root(self, tree: Tree) -> None:  # T-15
        done = train(tree, "--network", "none", "--read-only", "--tmpfs", "/tmp")  # noqa: S108  in the container
        assert done.returncode == 0, done.stderr

    def test_failure(self, tree: Tree) -> None:  # T-32, T-33
        data = tree.paths.data / "train" / "colours.csv"
        data.write_text("R,G,B,LABEL\n1,2,3,blue\n1,300,3,red\n")
        done = train(tree)
        assert done.returncode == 1
        assert (tree.failure() or "").startswith("train/colours.csv, line 3, column G: 300 is not between 0 and 255\n")
        assert tree.artifact() == []

    def test_sigterm_leaves_no_artifact(self, tree: Tree, run: Run) -> None:  # T-35
        (tree.paths.hyperparameters).write_text(json.dumps({"algorithm": "forest", "n_estimators": "10000"}))
        job = run(COLOUR, "--volume", f"{tree.paths.base}:/opt/ml", command="train", wait=False)
        job.wait_for_log("fitting forest")
        started = time.monotonic()
        docker("stop", "--time", "120", job.name)
        assert time.monotonic() - started < 60
        assert docker("inspect", "--format", "{{.State.ExitCode}}", job.name).stdout.strip() == "143"
        assert tree.artifact() == []


class TestServing:
    def test_H19_H21_S05_read_only_everything_any_user_one_core(self, artifact: Path, run: Run) -> None:  # C-06
        server = run(
            COLOUR,
            *PUBLISH,
            "--read-only",
            *("--tmpfs", "/tmp"),  # noqa: S108  in the container
            *("--user", "12345:12345"),
            *("--volume", f"{artifact}:/opt/ml/model:ro"),
            *("--env", "HOME=/nowhere"),
        )
        answer = server.invoke(b"73,84,116\n")
        assert (answer.status, answer.body) == (200, b"blue\n")

    def test_no_network(self, artifact: Path, run: Run) -> None:
        server = run(COLOUR, "--network", "none", "--volume", f"{artifact}:/opt/ml/model:ro", wait=False)
        server.wait_for_log("listening")
        ask = (
            "import urllib.request as u; r = u.Request('http://127.0.0.1:8080/invocations', b'73,84,116',"
            " {'Content-Type': 'text/csv'}); print(u.urlopen(r).read())"
        )
        answer = wait_for(
            lambda: docker("exec", server.name, "python", "-c", ask, check=False).stdout, "an answer", server
        )
        assert answer.strip() == r"b'blue\n'"

    def test_H18_sigterm_ends_pid_1_with_exit_code_0(self, artifact: Path, run: Run) -> None:  # C-03
        server = run(COLOUR, *PUBLISH, "--volume", f"{artifact}:/opt/ml/model:ro")
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 10

    def test_sigterm_while_the_model_loads_ends_pid_1(self, run: Run, tmp_path: Path) -> None:  # C-03
        (tmp_path / "code").mkdir()
        slow = "import time\ndef model_fn(model_dir):\n    print('loading', flush=True)\n    time.sleep(60)\n"
        (tmp_path / "code" / "inference.py").write_text(slow)
        server = run(STOCK, "--volume", f"{tmp_path}:/opt/ml/model:ro", wait=False)
        server.wait_for_log("loading")
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 10

    def test_P02_another_port(self, artifact: Path, run: Run) -> None:
        options = ("--env", "SAGEMAKER_BIND_TO_PORT=9123", "--publish", "127.0.0.1::9123")
        server = run(COLOUR, *options, "--volume", f"{artifact}:/opt/ml/model:ro")
        assert server.invoke(b"#ff0000\n").body == b"red\n"

    def test_H01_P03_all_addresses_port_8080_and_no_other(self, artifact: Path, run: Run) -> None:
        server = run(COLOUR, *PUBLISH, "--volume", f"{artifact}:/opt/ml/model:ro")
        table = docker("exec", server.name, "sh", "-c", "cat /proc/net/tcp /proc/net/tcp6").stdout
        listening = [line.split()[1] for line in table.splitlines() if " 0A " in line]
        assert listening == [f"00000000:{8080:04X}"]

    def test_S06_no_shared_memory_one_worker_any_user(self, artifact: Path, run: Run) -> None:
        """As a serverless endpoint has it: 1 GB, one core, only /tmp to write to, /dev/shm not even readable."""
        server = run(
            COLOUR,
            *PUBLISH,
            *("--read-only", "--tmpfs", "/tmp", "--tmpfs", "/dev/shm:mode=000", "--user", "993:990"),  # noqa: S108
            *("--memory", "1g", "--cpus", "1", "--volume", f"{artifact}:/opt/ml/model:ro"),
        )
        assert docker("exec", server.name, "ls", "/dev/shm", check=False).returncode != 0  # noqa: S108
        assert server.invoke(b"73,84,116\n").body == b"blue\n"
        server.wait_for_log("1 processes of 4 threads: a quota of 1 cores")

    def test_orphans_are_reaped(self, artifact: Path, run: Run) -> None:  # C-04: PID 1's duty
        server = run(COLOUR, *PUBLISH, "--volume", f"{artifact}:/opt/ml/model:ro")
        docker("exec", server.name, "sh", "-c", "sh -c 'sleep 0.2 &' ; exit 0")
        zombies = ("exec", server.name, "sh", "-c", "grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null")
        asleep = ("exec", server.name, "sh", "-c", "grep -l '^Name:.sleep' /proc/[0-9]*/status 2>/dev/null")
        wait_for(lambda: docker(*asleep, check=False).stdout == "", "end of the orphan", server)
        assert docker(*zombies, check=False).stdout == ""

    def test_stock_image_says_how_to_bring_a_model(self, run: Run) -> None:
        server = run(STOCK, wait=False)
        assert docker("wait", server.name).stdout.strip() == "1"
        assert "There is no model code. Bring it in one of these ways" in server.log
        assert "COPY model/ /opt/program/model/" in server.log
