import sys
from pathlib import Path

from tiffin import extras


def test_a_clone_is_named(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    assert extras.install("sql", tmp_path) == f"{sys.executable} -m pip install '{tmp_path}[sql]'"


def test_where_it_was_installed_from_is_not_known(tmp_path: Path) -> None:
    assert extras.install("sql", tmp_path) == f"{sys.executable} -m pip install '/path/to/the/clone[sql]'"
