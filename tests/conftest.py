from pathlib import Path

import pytest

from tests.server import ROOT, train


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of an /opt/ml tree with the colour classifier in it; no test may change it."""
    base = tmp_path_factory.mktemp("trained") / "ml"
    return train(base, {"algorithm": "tree", "max_leaf_nodes": "90"}, ROOT / "model" / "data" / "colours.csv")
