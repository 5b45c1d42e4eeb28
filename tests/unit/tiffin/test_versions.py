from importlib import metadata

from tiffin import versions


def test_a_package_is_found_by_its_name_and_by_what_is_imported() -> None:
    assert versions.installed("pillow") == metadata.version("pillow")
    assert versions.installed("PIL") == metadata.version("pillow")  # as xgboost is of xgboost-cpu
    assert versions.installed("no_such_package_here") is None
