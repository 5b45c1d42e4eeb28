"""The harness without Docker: the commands of the README, as processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local_test.engine.process_runner import free_port
from tests.server import PATIENCE, ROOT, clean_environ
from tests.unit.local_test.harness import harness, serving, stopped_while_fitting
from tiffin import limits

FAST = ("-p", "max_leaf_nodes=60")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree that `local_test train` made."""
    base = tmp_path_factory.mktemp("harness") / "ml"
    done = harness("train", "--no-docker", "--base-dir", str(base), *FAST)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "running as processes of this machine (no Docker)" in done.stdout
    assert ": --no-docker was asked for" in done.stdout
    assert "  train | test_accuracy=0." in done.stdout
    assert done.stdout.rstrip().endswith("Completed")
    return base


def test_serve_and_predict(base: Path) -> None:
    payloads = ROOT / "local_test" / "payloads"
    with serving("--no-docker", "--base-dir", str(base), "--port", "0"):
        for payload, options, expected in (
            ("one.json", (), '"blue"\n'),
            ("hex.csv", (), "blue\nred\ngreen\n"),
            ("colours.jsonl", ("--accept", "text/csv"), "blue\nred\n"),
            ("instances.json", (), '{"predictions":["blue","red"]}\n'),
        ):
            done = harness("predict", "--base-dir", str(base), str(payloads / payload), *options)
            assert (done.returncode, done.stdout) == (0, expected), done.stderr
        with_shares = harness("predict", "--base-dir", str(base), "--attributes", "probabilities=true")
        assert with_shares.stdout.splitlines()[0].count(",") == 10
        refused = harness("predict", "--base-dir", str(base), str(ROOT / "README.md"), "--content-type", "text/csv")
        assert refused.returncode == 1
        assert json.loads(refused.stdout)["error"] == "BadPayload"
        assert refused.stderr == "local_test: the server answered 400\n"
    nobody = harness("predict", "--base-dir", str(base), "--url", f"http://127.0.0.1:{free_port()}")
    assert nobody.returncode == 1
    assert "nobody answers at" in nobody.stderr
    assert "start a server with: make serve" in nobody.stderr


def test_failed_job(tmp_path: Path) -> None:
    data = tmp_path / "bad.csv"
    data.write_text("R,G,B,LABEL\n1,2,x,blue\n")
    done = harness("train", "--no-docker", "--base-dir", str(tmp_path / "ml"), "--channel", f"train={data}")
    assert done.returncode == 1
    assert "Failed with exit code 1: train/bad.csv, line 2, column B: 'x' is not a number" in done.stdout


def test_a_failed_job_gives_the_model_of_the_last_good_one_back(tmp_path: Path) -> None:
    base = ("--no-docker", "--base-dir", str(tmp_path / "ml"))
    assert harness("train", *base, *FAST).returncode == 0
    good = (tmp_path / "ml" / "model" / "colour.json").read_bytes()
    done = harness("train", *base, "-p", "algoritm=forest")
    assert done.returncode == 1
    assert "Failed with exit code 1: hyperparameter 'algoritm' is unknown; did you mean 'algorithm'?\n" in done.stdout
    assert done.stdout.endswith("the model of the job before is back in its place\n")
    assert (tmp_path / "ml" / "model" / "colour.json").read_bytes() == good


def test_a_tree_in_use_is_refused(base: Path) -> None:
    with serving("--no-docker", "--base-dir", str(base), "--port", "0"):
        done = harness("train", "--no-docker", "--base-dir", str(base))
    assert (done.returncode, done.stderr) == (
        1,
        f"local_test: another command is using {base}; stop it, or choose another --base-dir\n",
    )
    assert (base / "model" / "colour.json").is_file()


def test_exit_code_0_without_an_artifact_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "plug").mkdir()
    (tmp_path / "plug" / "training.py").write_text("import os\ndef train_fn(job): os._exit(0)\n")
    options = ("--no-docker", "--base-dir", str(tmp_path / "ml"), "--env", f"TIFFIN_PLUG={tmp_path / 'plug'}")
    done = harness("train", *options)
    assert done.returncode == 1
    assert "Failed: exit code 0, but the model directory is empty" in done.stdout


def test_no_aws_key_reaches_the_job(tmp_path: Path) -> None:
    (tmp_path / "plug").mkdir()
    (tmp_path / "plug" / "training.py").write_text(
        "import os\ndef train_fn(job):\n"
        "    (job.model_dir / 'seen').write_text(' '.join(k for k in os.environ if k.startswith('AWS')))\n"
    )
    options = ("--no-docker", "--base-dir", str(tmp_path / "ml"), "--env", f"TIFFIN_PLUG={tmp_path / 'plug'}")
    done = harness("train", *options, AWS_PROFILE="y", AWS_ACCESS_KEY_ID="x")
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "ml" / "model" / "seen").read_text() == ""


def test_serving_without_training_says_so(tmp_path: Path) -> None:
    done = harness("serve", "--no-docker", "--base-dir", str(tmp_path))
    assert (done.returncode, done.stderr) == (
        1,
        f"local_test: {tmp_path} holds no /opt/ml tree yet; train first\n",
    )


def test_demo_with_port_8080_taken(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            other.bind(("127.0.0.1", limits.PORT))
            other.listen()
        except OSError:
            pass  # somebody has it already, which is as good
        done = harness("demo", "--base-dir", str(tmp_path / "ml"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[1/4] train on model/data/colours.csv" in done.stdout
    assert "#495474  73,84,116     blue" in done.stdout
    assert f"gunicorn on 127.0.0.1:{limits.PORT}" not in done.stdout
    report = next(line for line in done.stdout.splitlines() if "report, to look at" in line).split()[-1]
    assert Path(report).is_file()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_ends_a_job_and_all_it_started(tmp_path: Path, stop: signal.Signals) -> None:
    options = ("--no-docker", "--base-dir", str(tmp_path / "ml"), "--env", f"STARTED_BY={tmp_path}")
    code, output = stopped_while_fitting(stop, *options)
    assert code == 130, output
    assert not any((tmp_path / "ml" / "model").iterdir())
    assert not _alive_with(str(tmp_path))


def test_serve_starts_again_when_its_code_changes(base: Path, tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    plug = "def model_fn(model_dir): return 0\ndef predict_fn(data, model): return ['{}'] * len(data)\n"
    (code / "inference.py").write_text(plug.format("first"))
    options = ("--no-docker", "--base-dir", str(base), "--port", "0", "--code", str(code), "--watch")
    with watched(*options) as (lines, url):
        assert ask(url) == "first"
        save(code / "inference.py", "def model_fn(model_dir):\n    broken\n")
        assert "changed: inference.py" in until(lines, "not ready: the container ended with exit code 1")
        save(code / "inference.py", plug.format("second"))
        until(lines, "ready at ")
        assert ask(url) == "second"


def save(file: Path, text: str) -> None:
    """At once, as editors do: half a file would be a change of its own."""
    new = file.with_name("new")
    new.write_text(text)
    new.rename(file)


@contextmanager
def watched(*options: str) -> Iterator[tuple[Iterator[str], str]]:
    """`serve` as it goes on: its lines, and the address once it is ready; ended by Ctrl-C."""
    command = [sys.executable, "-m", "local_test", "serve", *options]
    with subprocess.Popen(
        command, env=clean_environ(), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        too_late = threading.Timer(2 * PATIENCE, process.kill)
        too_late.start()
        assert process.stdout is not None
        lines = iter(process.stdout)
        try:
            yield lines, until(lines, "ready at ")[-1].split()[2]
        finally:
            process.send_signal(signal.SIGINT)
            assert process.stdout.read() is not None
            code = process.wait()
            too_late.cancel()
        assert code == 0


def until(lines: Iterator[str], beginning: str) -> list[str]:
    seen = []
    for line in lines:
        seen.append(line.rstrip("\n"))
        if line.startswith(beginning):
            return seen
    raise AssertionError("\n".join(seen))


def ask(url: str) -> str:
    request = urllib.request.Request(f"{url}/invocations", data=b"1\n", headers={"Content-Type": "text/csv"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return str(answer.read().decode().strip())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("train", "--pipe", "test"), "--pipe test: there is no channel of that name"),
        (("train", "--hosts", "0"), "--hosts 0: a job has one host or more"),
        (("train", "--hosts", "2"), "containers that see each other need Docker, which does not answer here"),
        (("serve", "--watch"), "--watch needs the folder to watch: --code FOLDER"),
    ],
)
def test_options_that_cannot_be_had_are_said(tmp_path: Path, options: tuple[str, ...], sentence: str) -> None:
    command, *rest = options
    done = harness(command, "--no-docker", "--base-dir", str(tmp_path / "ml"), *rest)
    assert (done.returncode, done.stderr) == (1, f"local_test: {sentence}\n")
    assert not (tmp_path / "ml").exists()


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("--memory=much", "'much' is no size; write 512M or 8G"),
        ("--metric=loss=([", "'([' is no regular expression"),
        ("--metric=loss=x", "'x' has no group; the first one is the number (T-40)"),
        ("--code=nowhere", "there is no folder nowhere"),
        ("--channel=train", "'train' is not NAME=VALUE"),
    ],
)
def test_options_that_say_nothing_are_refused(option: str, sentence: str) -> None:
    done = harness("train", option)
    assert done.returncode == 2
    assert sentence in done.stderr


def test_metrics_and_checkpoints_of_a_job(tmp_path: Path) -> None:
    (tmp_path / "plug").mkdir()
    (tmp_path / "plug" / "training.py").write_text(
        "def train_fn(job):\n"
        "    job.metric('auc', 0.75)\n"
        "    (job.model_dir / 'model').write_bytes((job.channel('train').path / 'a').read_bytes())\n"
        "    (job.checkpoint_dir / 'epoch').write_text('1')\n"
    )
    (tmp_path / "a").write_text("x")
    done = harness(
        *("train", "--no-docker", "--base-dir", str(tmp_path / "ml"), "--code", str(tmp_path / "plug")),
        *("--channel", f"train={tmp_path / 'a'}", "--fast-file", "train", "--metric", r"auc=auc=([\d.]+)"),
        *("--checkpoints", str(tmp_path / "kept")),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "metric auc: 0.75" in done.stdout.splitlines()
    assert (tmp_path / "kept" / "epoch").read_text() == "1"


def _alive_with(text: str) -> list[str]:
    """Processes with `text` in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if text.encode() in (folder / "environ").read_bytes() and int(folder.name) != os.getpid():
                found.append(folder.name)
        except OSError:
            continue
    return found
