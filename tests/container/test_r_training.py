"""Training in R, in the image whose tag ends in -r: what the job's owner sees."""

import uuid
from pathlib import Path

import pytest

from local_test.engine.tree import Tree
from tests.container.conftest import LABEL, ContainerServer, docker
from tests.rimage import COLOURS, IMAGE, PLUG

pytestmark = pytest.mark.container


@pytest.mark.parametrize(
    ("hyperparameters", "reason"),
    [
        ({"minbuckt": "5"}, "hyperparameter 'minbuckt' is unknown; did you mean 'minbucket'?"),
        ({"minbucket": "5.5"}, "hyperparameter minbucket='5.5' is not a whole number"),
        ({"color_space": "xyz"}, "hyperparameter color_space='xyz' is none of"),
    ],
)
def test_a_wrong_hyperparameter_is_the_failure_reason(
    tmp_path: Path, hyperparameters: dict[str, str], reason: str
) -> None:
    assert failure(Tree.build(tmp_path / "ml", hyperparameters, {"train": COLOURS})).startswith(reason)


def test_a_column_that_is_missing_is_the_failure_reason(tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    data.write_text("R,G,B\n1,2,3\n")
    reason = failure(Tree.build(tmp_path / "ml", {}, {"train": data}))
    assert reason.startswith("the training data has no column LABEL")


def test_a_channel_that_is_missing_is_the_failure_reason(tmp_path: Path) -> None:
    reason = failure(Tree.build(tmp_path / "ml", {}, {"other": COLOURS}))
    assert reason.startswith("there is no channel 'train' or 'training'; channels given: other")


def failure(tree: Tree) -> str:
    mounts = ("--volume", f"{tree.paths.base}:/opt/ml", "--volume", f"{PLUG}:/opt/program/model:ro")
    done = docker("run", "--rm", "--label", LABEL, *mounts, IMAGE, "train", check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    return tree.paths.failure.read_text()


STOPPABLE = """
train_fn <- function(job) {
  cat("started\n")
  %s
}
"""


@pytest.mark.parametrize(
    ("body", "code", "files"),
    [
        ("repeat sum(1:10)", 143, set()),
        (
            'tryCatch(repeat sum(1:10), interrupt = function(i) saveRDS(1, file.path(job$model_dir, "m.rds")))',
            0,
            {"m.rds"},
        ),
    ],
)
def test_T35_sigterm_is_an_interrupt_that_r_may_catch(tmp_path: Path, body: str, code: int, files: set[str]) -> None:
    (tmp_path / "plug").mkdir()
    (tmp_path / "plug" / "model.R").write_text(STOPPABLE % body)
    tree = Tree.build(tmp_path / "ml", {}, {})
    mounts = ("--volume", f"{tree.paths.base}:/opt/ml", "--volume", f"{tmp_path / 'plug'}:/opt/program/model:ro")
    name = f"tiffin-test-{uuid.uuid4().hex[:12]}"
    docker("run", "--detach", "--name", name, "--label", LABEL, *mounts, IMAGE, "train")
    try:
        job = ContainerServer(name)
        job.wait_for_log("(?m)^started$")
        assert job.stop() == code, job.log
        assert {file.name for file in tree.paths.model.glob("*")} == files
    finally:
        docker("rm", "--force", name, check=False)
