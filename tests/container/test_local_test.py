"""The harness with Docker: what it prints and what it leaves behind."""

import json
import signal
from pathlib import Path

import pytest

from local_test.engine.containers import LABEL
from tests.container.conftest import COLOUR, docker
from tests.server import ROOT
from tests.unit.local_test.harness import harness, serving, stopped_while_fitting

pytestmark = [pytest.mark.container, pytest.mark.alone]


def ours() -> list[str]:
    return docker("ps", "--all", "--quiet", "--filter", f"label={LABEL}").stdout.split()


def test_train_serve_predict(tmp_path: Path) -> None:
    done = harness("train", "--docker", "--base-dir", str(tmp_path / "ml"), "-p", "max_leaf_nodes=60")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"running as the image {COLOUR}, in Docker" in done.stdout
    assert done.stdout.rstrip().endswith("Completed")
    with serving("--docker", "--base-dir", str(tmp_path / "ml"), "--port", "0") as url:
        payload = ROOT / "local_test" / "payloads" / "one.json"
        answer = harness("predict", "--base-dir", str(tmp_path / "ml"), str(payload))
        assert (answer.returncode, json.loads(answer.stdout)) == (0, "blue")
        assert url.startswith("http://127.0.0.1:")
    assert ours() == []


def test_no_aws_key_reaches_the_container(tmp_path: Path) -> None:
    plug = tmp_path / "plug"
    plug.mkdir()
    (plug / "training.py").write_text(
        "import os\ndef train_fn(job):\n"
        "    (job.model_dir / 'seen.txt').write_text(' '.join(k for k in os.environ if k.startswith('AWS')))\n"
    )
    base = tmp_path / "ml"
    options = ("--docker", "--base-dir", str(base), "--env", "TIFFIN_PLUG=/opt/ml/input/data/plug")
    done = harness("train", *options, "--channel", f"plug={plug}", AWS_PROFILE="y", AWS_ACCESS_KEY_ID="x")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (base / "model" / "seen.txt").read_text() == ""


def test_image_that_is_not_there_is_named() -> None:
    done = harness("train", "--docker", "--image", "tiffin:nowhere")
    assert (done.returncode, done.stderr) == (1, "local_test: Docker has no image tiffin:nowhere (make build)\n")
    assert ours() == []


def test_ctrl_c_stops_the_job_and_removes_its_container(tmp_path: Path) -> None:
    code, output = stopped_while_fitting(signal.SIGINT, "--docker", "--base-dir", str(tmp_path / "ml"))
    assert code == 130, output
    assert ours() == []
    assert not any((tmp_path / "ml" / "model").iterdir())
