"""The steps of docs/08-existing-scripts.md, from an empty folder: its files written, its `console` blocks run."""

import re
import time
from pathlib import Path

import pytest

from local_test.engine.process_runner import free_port
from tests.container import console
from tests.container.conftest import STOCK, docker
from tests.server import PATIENCE, ROOT

pytestmark = pytest.mark.container
PAGE = (ROOT / "docs" / "08-existing-scripts.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```(?:python|text)\n# (\S+)\n(.*?)```", PAGE, re.DOTALL))
BLOCKS = console.blocks(ROOT / "docs" / "08-existing-scripts.md")


def test_from_an_empty_folder_to_an_answer(tmp_path: Path) -> None:
    assert set(FILES) == {"source/points.py", "source/labels.py", "source/requirements.txt"}
    assert len(BLOCKS) == 2
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    console.run(BLOCKS, tmp_path)


def test_K01_a_missing_package_is_named_by_the_stock_image(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "inference.py").write_text("def model_fn(model_dir):\n    return sum\n")
    (tmp_path / "code" / "requirements.txt").write_text("numpy\nno-such-package-here==1.5\n")
    volume = f"{tmp_path}:/opt/ml/model:ro"
    done = docker("run", "--rm", "--network", "none", "--volume", volume, STOCK, "serve", check=False)
    assert done.returncode == 1
    assert "no-such-package-here==1.5 (is not installed)" in done.stdout + done.stderr
    assert "pip --python /opt/venv/bin/python install no-such-package-here==1.5" in done.stdout + done.stderr


def test_T15_an_install_without_pip_says_so(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "inference.py").write_text("def model_fn(model_dir):\n    return sum\n")
    (tmp_path / "code" / "requirements.txt").write_text("no-such-package-here\n")
    options = ("--env", "TIFFIN_INSTALL_REQUIREMENTS=true", "--volume", f"{tmp_path}:/opt/ml/model:ro")
    done = docker("run", "--rm", "--network", "none", *options, STOCK, "serve", check=False)
    assert done.returncode == 1
    assert "there is no pip here to install" in done.stdout + done.stderr


def test_T36_docker_stop_reaches_a_training_script(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "input" / "config").mkdir(parents=True)
    (tmp_path / "input" / "config" / "hyperparameters.json").write_text('{"sagemaker_program": "train.sh"}')
    save = "trap 'echo kept > $SM_MODEL_DIR/checkpoint; exit 5' TERM"
    (tmp_path / "code" / "train.sh").write_text(f"{save}\necho waiting\nwhile :; do sleep 0.1; done\n")
    name = f"script-{free_port()}"
    docker("run", "--detach", "--name", name, "--volume", f"{tmp_path}:/opt/ml", STOCK, "train")
    try:
        deadline = time.monotonic() + PATIENCE
        while "waiting" not in docker("logs", name).stdout:
            assert time.monotonic() < deadline, docker("logs", name).stderr
            time.sleep(0.1)
        docker("stop", "--time", "120", name)  # T-35
        assert docker("inspect", "--format", "{{.State.ExitCode}}", name).stdout == "5\n"
    finally:
        docker("rm", "--force", name, check=False)
    assert (tmp_path / "model" / "checkpoint").read_text() == "kept\n"
    assert (tmp_path / "output" / "failure").read_text().startswith("train.sh ended with exit code 5\n")
