"""T-01 to T-07: what SageMaker lays under input/config, and what a person writes there by hand."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tiffin.errors import BadJob
from tiffin.job import Channel, TrainingJob
from tiffin.paths import Paths
from train.config import read_job


@dataclass(frozen=True)
class Declared:
    rounds: int = 10
    rate: float = 0.1


def read(base: Path, declared: type | None = None, **files: Any) -> TrainingJob:
    """The job of a tree with these config files; text is written as it is, anything else as JSON."""
    paths = Paths(base)
    paths.config.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (paths.config / f"{name}.json").write_text(text, encoding="utf-8")
    return read_job(paths, "a-job", declared, base / "staged")


def test_without_any_file(tmp_path: Path) -> None:
    job = read_job(Paths(tmp_path), "", None, tmp_path / "staged")
    assert job == TrainingJob(
        hyperparameters={},
        channels={},
        model_dir=tmp_path / "staged",
        output_data_dir=tmp_path / "output" / "data",
        checkpoint_dir=tmp_path / "checkpoints",
        name="",
        hosts=("algo-1",),
        current_host="algo-1",
    )
    assert job.is_leader


# T-01, T-02
def test_hyperparameters_are_strings_plain_or_json(tmp_path: Path) -> None:
    given = {"rounds": '"20"', "rate": "0.5"}
    assert read(tmp_path, Declared, hyperparameters=given).hyperparameters == Declared(20, 0.5)
    free = {"a": "10", "b": '"adam"', "c": "adam", "d": "[1,2]", "e": "{broken"}
    decoded = {"a": 10, "b": "adam", "c": "adam", "d": [1, 2], "e": "{broken"}
    assert read(tmp_path, hyperparameters=free).hyperparameters == decoded


def test_a_hand_written_number_is_read_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert read(tmp_path, Declared, hyperparameters={"rounds": 20}).hyperparameters == Declared(20)
    assert "SageMaker sends the string '20'" in caplog.text


# T-23
@pytest.mark.parametrize("declared", [None, Declared])
def test_a_tuning_jobs_own_keys_are_passed_over(declared: type | None, tmp_path: Path) -> None:
    given = {"_tuning_objective_metric": "loss", "sagemaker_job_name": '"x"', "sagemaker_program": "a.py"}
    assert read(tmp_path, declared, hyperparameters=given).hyperparameters in ({}, Declared())


# T-03
def test_channels_as_configured(tmp_path: Path) -> None:
    job = read(
        tmp_path,
        inputdataconfig={
            "train": {
                "TrainingInputMode": "Pipe",
                "S3DistributionType": "ShardedByS3Key",
                "RecordWrapperType": "RecordIO",
                "ContentType": "text/csv",
                "KeyOfNextYear": {"a": 1},
            },
            "test": {"TrainingInputMode": "FastFile", "RecordWrapperType": None, "ContentType": None},
        },
    )
    data = tmp_path / "input" / "data"
    assert job.channels == {
        "train": Channel("train", data / "train", "Pipe", "ShardedByS3Key", "text/csv", "RecordIO"),
        "test": Channel("test", data / "test", "FastFile"),
    }
    assert job.channels["train"].is_sharded


def test_without_inputdataconfig_each_folder_is_a_channel(tmp_path: Path) -> None:
    data = tmp_path / "input" / "data"
    for name in ("train", "test"):
        (data / name).mkdir(parents=True)
    (data / "train-manifest").write_text("a file is no channel")
    assert read(tmp_path).channels == {name: Channel(name, data / name) for name in ("test", "train")}


# T-04, T-05, T-06
def test_hosts_of_a_newer_job(tmp_path: Path) -> None:
    group = {"instance_group_name": "g", "instance_type": "ml.m5.large", "hosts": ["algo-2", "algo-1"]}
    config = {
        "current_host": "algo-2",
        "hosts": ["algo-2", "algo-1"],
        "network_interface_name": "eth1",
        "current_instance_type": "ml.m5.large",
        "current_group_name": "g",
        "instance_groups": [group],
        "topology": None,
    }
    job = read(tmp_path, resourceconfig=config)
    assert (job.hosts, job.current_host, job.is_leader) == (("algo-1", "algo-2"), "algo-2", False)


def test_a_lone_host_may_have_any_name(tmp_path: Path) -> None:
    job = read(tmp_path, resourceconfig={"hosts": ["gpu-box"]})
    assert (job.current_host, job.is_leader) == ("gpu-box", True)


# T-07; the AWS example ships an empty, wrongly cased resourceConfig.json (X, T-04)
def test_files_of_other_names_are_tolerated(tmp_path: Path) -> None:
    config = Paths(tmp_path).config
    config.mkdir(parents=True)
    for name in ("init-config.json", "resourceConfig.json", "notes"):
        (config / name).write_text("")
    assert read(tmp_path, checkpointconfig={"a": 1}).hosts == ("algo-1",)


def test_a_byte_order_mark_is_no_obstacle(tmp_path: Path) -> None:
    assert read(tmp_path, Declared, hyperparameters='\ufeff{"rounds": "3"}').hyperparameters == Declared(3)


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("hyperparameters", "{rounds: 3}", r"hyperparameters\.json cannot be read: .*line 1 column 2"),
        ("hyperparameters", "", r"hyperparameters\.json cannot be read: "),
        ("hyperparameters", [1, 2], r"hyperparameters\.json holds \[1, 2\], not an object"),
        ("inputdataconfig", "null", r"inputdataconfig\.json holds None, not an object"),
        ("inputdataconfig", {"train": "File"}, r"inputdataconfig\.json: channel 'train' is 'File', not an object"),
        (
            "inputdataconfig",
            {"train": {"TrainingInputMode": "pipe"}},
            r"channel 'train' has TrainingInputMode 'pipe', none of File, FastFile, Pipe$",
        ),
        (
            "inputdataconfig",
            {"train": {"S3DistributionType": ["Sharded"]}},
            r"channel 'train' has S3DistributionType \['Sharded'\], none of FullyReplicated, ShardedByS3Key$",
        ),
        (
            "inputdataconfig",
            {"train": {"RecordWrapperType": 5}},
            r"channel 'train' has RecordWrapperType 5, none of None, RecordIO$",
        ),
        ("resourceconfig", {"hosts": []}, r"resourceconfig\.json: 'hosts' is \[\], not a list of host names"),
        ("resourceconfig", {"hosts": "algo-1"}, r"'hosts' is 'algo-1', not a list of host names"),
        ("resourceconfig", {"hosts": [1]}, r"'hosts' is \[1\], not a list of host names"),
        ("resourceconfig", {"hosts": ["a", "b"]}, r"'current_host' is missing, and it must say which of the hosts"),
        (
            "resourceconfig",
            {"hosts": ["a", "b"], "current_host": "c"},
            r"'current_host' 'c' is none of the hosts \['a', 'b'\]",
        ),
    ],
)
def test_what_is_there_must_be_right(file: str, content: Any, reason: str, tmp_path: Path) -> None:
    with pytest.raises(BadJob, match=reason):
        read(tmp_path, **{file: content})


def test_a_file_that_is_not_utf8_or_a_folder(tmp_path: Path) -> None:
    file = Paths(tmp_path).hyperparameters
    file.parent.mkdir(parents=True)
    file.write_bytes(b'{"a": "\xff"}')
    with pytest.raises(BadJob, match=r"hyperparameters\.json cannot be read: 'utf-8' codec can't decode"):
        read(tmp_path)
    file.unlink()
    file.mkdir()
    with pytest.raises(BadJob, match=r"hyperparameters\.json cannot be read: .*directory"):
        read(tmp_path)
