from pathlib import Path

import pytest

from tests.server import ROOT, train

# The files that take longest, in the order of their time. Side by side they begin first (`--no-loadscope-reorder`; else
# xdist begins with the files of the most tests), so that no long one is left to one worker at the end.
LONGEST = (
    "aws/test_deploy_hosting.py",
    "aws/test_deploy_faults.py",
    "aws/test_deploy_jobs.py",
    "aws/test_kills.py",
    "aws/test_training_ends.py",
    "aws/test_deploy_batch.py",
    "aws/test_shell.py",
    "aws/test_deploy_update.py",
    "aws/test_notebooks.py",
    "aws/test_deployments.py",
    "aws/test_serverless.py",
    "aws/test_transform.py",
    "aws/test_tuning.py",
    "aws/test_sql.py",
    "aws/test_deploy_upload.py",
    "aws/test_transform_ends.py",
    "container/test_verify_foreign.py",
    "container/test_r.py",
    "container/test_image.py",
    "container/test_verify.py",
    "container/test_hosts.py",
    "container/test_r_processes.py",
    "container/test_round.py",
    "container/test_photos.py",
    "container/test_examples.py",
    "container/test_r_packages.py",
    "container/test_readme.py",
    "http/test_scripts.py",
    "http/test_server.py",
    "http/test_local_test.py",
    "http/test_model_processes.py",
    "http/test_hosting.py",
    "http/test_stream_life.py",
    "http/test_worker.py",
    "http/test_examples.py",
    "http/test_sql_session.py",
    "http/test_readiness.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {ROOT / "tests" / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of an /opt/ml tree with the colour classifier in it; no test may change it."""
    base = tmp_path_factory.mktemp("trained") / "ml"
    return train(base, {"algorithm": "tree", "max_leaf_nodes": "90"}, ROOT / "model" / "data" / "colours.csv")
