from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server import Server, serving


@pytest.fixture(scope="session")
def server(trained: Path) -> Iterator[Server]:
    """The colour classifier, served; no test may stop it."""
    with serving(trained) as running:
        yield running


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "ml" / "model").mkdir(parents=True)
    return tmp_path / "ml"
