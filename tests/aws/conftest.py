from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.awshosting import Hosting
from tests.localaws import LocalAws, up


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """The API with processes in the place of containers; tests share it, so each names its things for itself."""
    with up(tmp_path_factory.mktemp("aws") / "state", "--no-docker") as api:
        yield api


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture(scope="session")
def hosting(aws: LocalAws) -> Hosting:
    return Hosting(aws)
