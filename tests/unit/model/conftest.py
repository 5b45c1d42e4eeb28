from pathlib import Path

import pytest

from model import artifact
from tests.unit.model.fitted import SCORES, fitted


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stored colour classifier; no test may change it."""
    folder = tmp_path_factory.mktemp("saved") / "model"
    folder.mkdir()
    artifact.save(folder, fitted(), SCORES)
    return folder
