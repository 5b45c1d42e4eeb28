"""`EXTRAS=arrow container/build.sh`: the image that reads and writes Parquet and Arrow streams."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.container.conftest import LABEL, STOCK, ContainerServer, docker
from tests.server import ROOT
from tests.unit.tiffin import bodies

pytestmark = pytest.mark.container

ARROW = "tiffin-test:arrow"
CODE = """
def model_fn(model_dir):
    return None

def predict_fn(data, model):
    return data.select(["a"]).numbers() + 1
"""


@pytest.fixture(scope="module")
def arrow() -> Iterator[str]:
    options = ("--file", "container/Dockerfile", "--build-arg", "EXTRAS=arrow", "--target", "python", "--label", LABEL)
    docker("build", *options, "--tag", ARROW, ".", cwd=ROOT)
    yield ARROW
    docker("image", "rm", "--force", ARROW, check=False)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "inference.py").write_text(CODE)
    return tmp_path


def test_parquet_in_and_out(run: Callable[..., ContainerServer], arrow: str, model: Path) -> None:
    server = run(arrow, "--volume", f"{model}:/opt/ml/model:ro", "--publish", "127.0.0.1::8080")
    body = bodies.parquet_file({"b": ["x"], "a": [1]})
    answer = server.invoke(body, "application/x-parquet", Accept="text/csv")
    assert (answer.status, answer.body) == (200, b"2.0\n")
    assert server.invoke(body, "application/x-parquet").body.startswith(b"PAR1")


def test_the_stock_image_says_what_it_lacks(run: Callable[..., ContainerServer], model: Path) -> None:
    server = run(STOCK, "--volume", f"{model}:/opt/ml/model:ro", "--publish", "127.0.0.1::8080")
    answer = server.invoke(bodies.parquet_file({"a": [1]}), "application/x-parquet")
    assert answer.status == 415
    assert b"needs pyarrow, which is not installed here: build the image with EXTRAS=arrow" in answer.body
