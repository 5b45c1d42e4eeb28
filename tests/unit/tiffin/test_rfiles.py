"""Which file is R's, and which of several wins; no R is needed for that."""

from pathlib import Path

import pytest

from tiffin import loader, rfiles
from tiffin.errors import NoModel
from tiffin.settings import Settings


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["model.rds"], "model.rds"),
        (["model.RData"], "model.RData"),
        (["model.Rdata"], "model.Rdata"),
        (["MODEL.RDS"], "MODEL.RDS"),
        (["other.rds", "model.txt"], None),
        ([], None),
    ],
)
def test_a_saved_model_is_found_by_its_name(tmp_path: Path, names: list[str], found: str | None) -> None:
    for name in names:
        (tmp_path / name).touch()
    file = rfiles.artifact(tmp_path)
    assert (file.name if file else None) == found


def test_two_saved_models_are_one_too_many(tmp_path: Path) -> None:
    for name in ("model.rds", "model.RData"):
        (tmp_path / name).touch()
    with pytest.raises(NoModel, match=r"the artifact holds model.RData and model.rds; leave one of them"):
        rfiles.artifact(tmp_path)


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        (["ml/model/code/inference.py", "ml/model/code/model.R"], "ml/model/code/inference.py"),
        (["ml/model/code/model.R", "plug/inference.py"], "ml/model/code/model.R"),
        (["plug/inference.py", "plug/model.R"], "plug/inference.py"),
        (["plug/model.R", "ml/model/model.rds"], "plug/model.R"),
        (["ml/model/model.rds"], "ml/model/model.rds"),
    ],
)
def test_the_first_that_is_there_serves(tmp_path: Path, files: list[str], chosen: str) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    settings = Settings(base_dir=tmp_path / "ml", plug=tmp_path / "plug")
    assert loader._handler_file(settings) == tmp_path / chosen
