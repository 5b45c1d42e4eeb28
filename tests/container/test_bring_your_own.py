"""The ways of the README to bring a model, each built and served for real."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.container.conftest import STOCK, ContainerServer, docker
from tests.server import ROOT

Run = Callable[..., ContainerServer]
Build = Callable[[str, dict[str, str]], str]
pytestmark = pytest.mark.container
PUBLISH = ("--publish", "127.0.0.1::8080")

INFERENCE = """\
import json
from pathlib import Path


def model_fn(model_dir):
    return json.loads((Path(model_dir) / "mean.json").read_text())


def predict_fn(data, model):
    return [model + sum(row) for row in data.numbers()]
"""

TRAINING = """\
import json
from dataclasses import dataclass

from tiffin.codecs import csv


@dataclass(frozen=True)
class Hyperparameters:
    scale: float = 1.0


def train_fn(job):
    values = []
    for name, stream in job.channel("train").streams(".csv"):
        lines = stream.read().decode().splitlines(keepends=True)
        values += [float(fields[0]) for _, fields in csv.records(lines)]
    mean = job.hyperparameters.scale * sum(values) / len(values)
    job.metric("train_mean", mean)
    (job.model_dir / "mean.json").write_text(json.dumps(mean))
"""


def test_from_the_stock_image_and_copy_model(build: Build, run: Run, tmp_path: Path) -> None:
    files = {"model/inference.py": INFERENCE, "model/training.py": TRAINING}
    image = build(f"FROM {STOCK}\nCOPY model/ /opt/program/model/\n", files)
    data = tmp_path / "ml" / "input" / "data" / "train"
    data.mkdir(parents=True)
    (data / "values.csv").write_text("1\n2\n3\n")
    done = docker("run", "--rm", "--volume", f"{tmp_path / 'ml'}:/opt/ml", image, "train")
    assert "train_mean=2;" in done.stdout
    server = run(image, *PUBLISH, "--volume", f"{tmp_path / 'ml' / 'model'}:/opt/ml/model:ro")
    assert server.invoke(b"1,2\n3,4\n").body == b"5.0\n9.0\n"


def test_code_inside_the_artifact_on_the_stock_image(run: Run, tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "inference.py").write_text(INFERENCE)
    (tmp_path / "mean.json").write_text("10")
    server = run(STOCK, *PUBLISH, "--volume", f"{tmp_path}:/opt/ml/model:ro")
    assert server.invoke(b"1,2\n").body == b"13.0\n"


def test_program_copied_into_a_base_of_ones_own(build: Build, run: Run, tmp_path: Path) -> None:
    (tmp_path / "mean.json").write_text("10")
    dockerfile = f"""\
FROM {STOCK} AS tiffin
FROM debian:trixie-slim
RUN apt-get update && apt-get install -y --no-install-recommends python3-pip
COPY --from=tiffin /opt/program /opt/program
COPY requirements.txt model/ /opt/program/model/
RUN pip install --break-system-packages --no-cache-dir -r /opt/program/model/requirements.txt
ENV PATH=/opt/program/bin:$PATH PYTHONPATH=/opt/program PYTHONSAFEPATH=1 PYTHONUNBUFFERED=1
RUN ln -s /usr/bin/python3 /opt/program/bin/python
CMD ["serve"]
"""
    wanted = ("flask==", "gunicorn==", "numpy==")
    pins = [
        line.split(" ")[0]
        for line in (ROOT / "container" / "requirements.txt").read_text().splitlines()
        if line.startswith(wanted)
    ]
    assert len(pins) == len(wanted)
    image = build(dockerfile, {"requirements.txt": "\n".join(pins), "model/inference.py": INFERENCE})
    server = run(image, *PUBLISH, "--volume", f"{tmp_path}:/opt/ml/model:ro")
    assert server.invoke(b"1,2\n").body == b"13.0\n"
