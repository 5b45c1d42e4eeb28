"""Which account and region are meant, before anything is asked of them."""

from pathlib import Path

import pytest

from deploy.aws import Aws
from deploy.errors import DeployError
from deploy.sections import Account


@pytest.fixture(autouse=True)
def nothing_is_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


@pytest.mark.parametrize(
    ("setting", "environment", "region"),
    [
        ("", {"AWS_REGION": "eu-west-1"}, "eu-west-1"),
        ("", {"AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-2"),
        ("", {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-1"),
        ("eu-west-3", {"AWS_REGION": "eu-west-1"}, "eu-west-3"),
        ("", {"AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-2"),
    ],
)
def test_the_region_is_the_settings_or_the_environments(
    monkeypatch: pytest.MonkeyPatch, setting: str, environment: dict[str, str], region: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Aws(Account(region=setting)).region == region


def test_without_any_region_it_says_how_to_choose_one() -> None:
    with pytest.raises(DeployError, match=r"^no region is chosen: --region .* or AWS_REGION$"):
        Aws(Account())
