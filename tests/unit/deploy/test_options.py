"""tiffin.toml and flags into settings."""

import argparse
from pathlib import Path

import pytest

from deploy import options
from deploy.errors import DeployError
from deploy.sections import SECTIONS, Account, Endpoint, Image, Project, Training


def parsed(sections: list[type], *flags: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    options.add_flags(parser, sections)
    return parser.parse_args(flags)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "tiffin.toml"


def test_defaults_file_and_flags_win_in_this_order(here: Path) -> None:
    here.write_text('[train]\nmax_seconds = 60\n[train.hyperparameters]\nseed = 0\nalgorithm = "tree"\n')
    read = options.read(Training, parsed([Training], "--hyperparameters", "algorithm=forest", "--spot"))
    assert (read.max_seconds, read.spot, read.train_instance_count) == (60, True, 1)
    assert read.hyperparameters == {"seed": "0", "algorithm": "forest"}


def test_a_value_may_hold_an_equals_sign(here: Path) -> None:
    read = options.read(Training, parsed([Training], "--metrics", r"acc=test_accuracy=([0-9.]+)"))
    assert read.metrics == {"acc": r"test_accuracy=([0-9.]+)"}


def test_lists_and_truths_come_from_either(here: Path) -> None:
    here.write_text('[account]\nsubnets = ["subnet-1", "subnet-2"]\nnetwork_isolation = true\n')
    assert options.read(Account, parsed([Account])).subnets == ("subnet-1", "subnet-2")
    read = options.read(Account, parsed([Account], "--subnets", "subnet-3", "--no-network-isolation"))
    assert (read.subnets, read.network_isolation) == (("subnet-3",), False)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[trian]\n", r"there is no table \[trian\]; is it train\?"),
        ("[train]\nmax_second = 3\n", r"\[train\] has no max_second; is it max_seconds\?"),
        ('[train]\nmax_seconds = "60"\n', "train|max_seconds is '60' and not a whole number"),
        ("[train]\nmax_seconds = true\n", "max_seconds is True and not a whole number"),
        ("[train]\nhyperparameters = 3\n", "hyperparameters is 3 and not a table"),
        ("[train.hyperparameters]\na = [1]\n", r"hyperparameters.a is \[1\] and not a string"),
        ('[train]\nchannel_mode = "file"\n', "channel_mode 'file' is none of 'File', 'FastFile', 'Pipe'"),
        ("train = 3\n", "train is not a table"),
        ("[train\n", "is not TOML"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(here: Path, text: str, says: str) -> None:
    here.write_text(text)
    with pytest.raises(DeployError, match=says):
        options.read(Training, parsed([Training]))


@pytest.mark.parametrize("name", ["", "c", "Colours", "-a", "a-", "a_b", "a" * 33])
def test_a_project_has_a_name_that_every_service_takes(here: Path, name: str) -> None:
    with pytest.raises(DeployError, match="project"):
        options.read(Project, parsed([Project], f"--project={name}"))


def test_a_file_that_was_named_has_to_be_there(here: Path) -> None:
    with pytest.raises(DeployError, match=r"there is no file other\.toml"):
        options.read(Endpoint, parsed([Endpoint], "--config", "other.toml"))


def test_a_flag_without_an_equals_sign_is_refused(here: Path) -> None:
    with pytest.raises(DeployError, match="--build-args 'A' is not NAME=VALUE"):
        options.read(Image, parsed([Image], "--build-args", "A"))


def test_no_two_sections_share_a_name_so_that_any_may_meet_in_a_command() -> None:
    parsed(list(SECTIONS.values()))


def test_settings_are_frozen(here: Path) -> None:
    with pytest.raises(AttributeError):
        options.read(Account, parsed([Account])).region = "x"  # type: ignore[misc]


def test_every_flag_says_what_it_is() -> None:
    for section in SECTIONS.values():
        for one in section.__dataclass_fields__.values():  # type: ignore[attr-defined]
            assert one.metadata["help"], one.name
