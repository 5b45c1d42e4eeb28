"""The notebooks of examples/notebooks: what is committed is what they show, executed from top to bottom."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests import notebooks, rimage
from tests.container.conftest import docker
from tests.localaws import up
from tests.server import ROOT

R, PYTHON, AWS = "1-colours-r.ipynb", "1-colours-python.ipynb", notebooks.AWS
NAMES = (R, PYTHON, AWS)
NAMED = "{{.Repository}}@{{.Digest}}"
OF_THIS_MACHINE = re.compile(
    r"(?<!/opt)/(?:home|root|tmp|work|usr|var)/|127\.0\.0\.1|localhost:(?!8080)|\d{4}-?\d\d-?\d\d[T -]?\d\d:?\d\d"
)


def committed(name: str) -> Any:
    return nbformat.read(ROOT / notebooks.FOLDER / name, as_version=4)


@pytest.fixture
def copy() -> Iterator[Path]:
    with notebooks.project() as folder:
        yield folder


def test_all_are_known() -> None:
    assert sorted(file.name for file in (ROOT / notebooks.FOLDER).glob("*.ipynb")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_committed_is_whole_small_and_of_no_machine(name: str) -> None:
    book = committed(name)
    nbformat.validate(book)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert {output.output_type for cell in code for output in cell.outputs} <= {
        "stream",
        "display_data",
        "execute_result",
    }
    assert OF_THIS_MACHINE.findall("".join(notebooks.texts(book))) == []
    assert max(map(len, notebooks.pictures(book))) < 100_000
    assert sum(len((ROOT / notebooks.FOLDER / each).read_bytes()) for each in NAMES) < 1_500_000


@pytest.mark.parametrize("name", NAMES)
def test_every_text_is_in_both_languages(name: str) -> None:
    for cell in committed(name).cells:
        if cell.cell_type == "markdown":
            assert re.search("[a-z]{4}", cell.source), cell.source
            assert re.search("[가-힣]{2}", cell.source), cell.source


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    for cell in committed(name).cells:
        for target in re.findall(r"\]\(([^)#:]+)\)", cell.source if cell.cell_type == "markdown" else ""):
            assert (ROOT / notebooks.FOLDER / target).exists(), target


def test_in_python(copy: Path) -> None:
    same(notebooks.execute(PYTHON, copy), committed(PYTHON))


@pytest.mark.rkernel
def test_in_r(copy: Path) -> None:
    same(notebooks.execute(R, copy), committed(R))


@pytest.mark.rkernel
@pytest.mark.container
def test_what_the_notebook_in_r_saves_is_served_by_the_image_for_r(copy: Path) -> None:
    shown = notebooks.texts(notebooks.execute(R, copy))[-1]
    rows = [line.split() for line in shown.splitlines()[1:]]
    assert len(rows) == 4
    with rimage.container("--volume", f"{copy / 'ml'}:/opt/ml:ro") as server:
        answer = server.invoke("\n".join(",".join(row[1:4]) for row in rows).encode())
    assert answer.body.decode().split() == [row[4] for row in rows]


@pytest.mark.rkernel
@pytest.mark.container
@pytest.mark.registry
@pytest.mark.timeout(900)
def test_the_tree_in_r_behind_an_endpoint(copy: Path, tmp_path: Path) -> None:
    notebooks.execute(R, copy)
    page = (copy / notebooks.FOLDER / "README.md").read_text(encoding="utf-8")
    (steps,) = [block for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) if "model.rds" in block]
    steps = steps.replace("deploy push", "deploy push --force")  # as in notebooks.ON_ANY_BASE
    with up(tmp_path / "state", "--docker") as aws, images_of("colours-r"):
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environ = {**inherited, **aws.variables, "PATH": path, "PYTHONPATH": str(copy), "HOME": str(tmp_path)}
        command = ["bash", "-euo", "pipefail", "-c", steps]
        done = subprocess.run(command, cwd=copy, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[2:] == ["blue"], done.stderr  # after the role and the image
    assert "nothing of colours-r is left" in done.stderr


@pytest.mark.container
@pytest.mark.registry
@pytest.mark.timeout(1200)
def test_to_aws_and_back(copy: Path, tmp_path: Path) -> None:
    with up(tmp_path / "state", "--docker") as aws, images_of(notebooks.PROJECT):
        book = notebooks.execute(AWS, copy, notebooks.ON_ANY_BASE, aws.variables)
    same(book, committed(AWS))


@contextmanager
def images_of(project: str) -> Iterator[None]:
    """Afterwards, what was built, and what was pulled of it from a registry that is no more, is gone."""
    before = pulled(project)
    try:
        yield
    finally:
        docker("image", "rm", "--force", f"{project}:latest", *(pulled(project) - before), check=False)


def pulled(project: str) -> set[str]:
    listed = docker("images", "--digests", "--filter", f"reference=*/{project}", "--format", NAMED)
    return set(listed.stdout.split())


def same(executed: Any, original: Any) -> None:
    """No cell has erred, each says what is committed, and draws where a picture is."""
    assert notebooks.texts(executed) == notebooks.texts(original)
    assert len(notebooks.pictures(executed)) == len(notebooks.pictures(original))
