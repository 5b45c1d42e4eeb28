from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.awshosting import Hosting
from tests.deploying import Deploying
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


@pytest.fixture
def deploying(aws: LocalAws, tmp_path: Path) -> Deploying:
    """A project with a folder of data."""
    made = Deploying(aws, tmp_path)
    made.write()
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "a.csv").write_text("1,2\n")
    (tmp_path / "data" / "deep" / "b.csv").write_text("3,4\n")
    return made
