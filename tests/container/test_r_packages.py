"""More R packages: Debian's for real, the other routes of docs/07-r.md by their text and the message of a failure."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.container.conftest import LABEL, docker
from tests.rimage import CASES, IMAGE, container
from tests.server import ROOT

pytestmark = pytest.mark.container

BLOCKS = re.findall(r"```dockerfile\n(.*?)```", (ROOT / "docs" / "07-r.md").read_text(), re.DOTALL)
MODELS = ("ranger", "randomForest", "svm", "naiveBayes")


def test_debians_packages_serve_their_saved_models(build: Callable[[str, dict[str, str]], str], tmp_path: Path) -> None:
    text = re.sub(r" *COPY.*\n", "", BLOCKS[0]).replace(
        "r-cran-ranger", "r-cran-ranger r-cran-randomforest r-cran-e1071"
    )
    image = build(text, {})
    mounts = ("--volume", f"{tmp_path}:/data", "--volume", f"{CASES}:/cases:ro")
    docker("run", "--rm", "--label", LABEL, *mounts, image, "Rscript", "--vanilla", "/cases/packages.R", "/data")
    body = (tmp_path / "rows.csv").read_bytes()
    for name in MODELS:
        with container("--volume", f"{tmp_path / name / 'model'}:/opt/ml/model:ro", image=image) as server:
            answer = server.invoke(body)
            single = server.invoke(body.splitlines()[100] + b"\n")
        expected = (tmp_path / name / "expected").read_text()
        assert (answer.status, answer.body.decode()) == (200, expected), name
        assert single.body.decode() == expected.splitlines()[100] + "\n"


@pytest.mark.parametrize(("block", "package"), [(1, "tree"), (2, "renv")])
def test_a_package_that_cannot_be_had_fails_the_build_and_is_named(block: int, package: str) -> None:
    run = re.findall(r"^ *RUN (Rscript(?:.*\\\n)*.*)", BLOCKS[block], re.MULTILINE)[0]
    where = ("--network", "none", "--env", "SNAPSHOT=http://127.0.0.1:9")
    done = docker("run", "--rm", "--label", LABEL, *where, IMAGE, "sh", "-c", run, check=False)
    assert done.returncode != 0
    assert (
        f"the R package {package} was not installed; is SNAPSHOT a CRAN repository that can be reached?" in done.stderr
    )
