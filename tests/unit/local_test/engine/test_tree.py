import json
import os
from pathlib import Path

import pytest

from local_test.engine.tree import MARK, Channel, Host, Tree, TreeError


@pytest.fixture
def data(tmp_path: Path) -> Path:
    file = tmp_path / "colours.csv"
    file.write_text("R,G,B,LABEL\n")
    return file


def test_lays_out_what_sagemaker_does(tmp_path: Path, data: Path) -> None:  # T-01 to T-08
    (tmp_path / "folder" / "sub").mkdir(parents=True)
    (tmp_path / "folder" / "sub" / "a.csv").write_text("x")
    tree = Tree.build(tmp_path / "ml", {"seed": "1"}, {"train": data, "test": tmp_path / "folder"})
    assert json.loads(tree.paths.hyperparameters.read_text()) == {"seed": "1"}
    channel = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}
    assert json.loads(tree.paths.input_data_config.read_text()) == {"train": channel, "test": channel}
    assert json.loads(tree.paths.resource_config.read_text()) == {
        "current_host": "algo-1",
        "hosts": ["algo-1"],
        "network_interface_name": "eth0",
    }
    assert (tree.paths.data / "train" / "colours.csv").read_text() == "R,G,B,LABEL\n"
    assert (tree.paths.data / "test" / "sub" / "a.csv").is_file()
    assert tree.artifact() == []
    assert tree.failure() is None


def test_a_second_job_starts_from_nothing(tmp_path: Path, data: Path) -> None:
    first = Tree.build(tmp_path / "ml", {}, {"train": data})
    (first.paths.model / "old.bin").write_text("x")
    first.paths.failure.write_text("x")
    second = Tree.build(tmp_path / "ml", {}, {"other": data})
    assert second.artifact() == []
    assert second.failure() is None
    assert [path.name for path in second.paths.data.iterdir()] == ["other"]


def test_somebody_elses_folder_is_never_emptied(tmp_path: Path, data: Path) -> None:
    precious = tmp_path / "home" / "thesis.tex"
    precious.parent.mkdir()
    precious.write_text("x")
    with pytest.raises(TreeError, match=r"home is not empty and not one of our trees; choose another --base-dir"):
        Tree.build(precious.parent, {}, {"train": data})
    assert precious.read_text() == "x"


def test_data_that_is_not_there_leaves_the_last_job_alone(tmp_path: Path, data: Path) -> None:
    tree = Tree.build(tmp_path / "ml", {}, {"train": data})
    (tree.paths.model / "model.bin").write_text("x")
    with pytest.raises(TreeError, match=r"there is no data at train: .*nowhere"):
        Tree.build(tmp_path / "ml", {}, {"train": tmp_path / "nowhere"})
    assert [path.name for path in tree.artifact()] == ["model.bin"]


def test_serving_needs_a_tree(tmp_path: Path) -> None:
    with pytest.raises(TreeError, match="holds no /opt/ml tree yet; train first"):
        Tree.at(tmp_path)
    (tmp_path / MARK).touch()
    assert Tree.at(tmp_path).paths.base == tmp_path


def test_T13_a_sharded_channel_gives_each_host_its_objects_or_none(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("a", "b", "c", "d"):
        (source / name).write_text(name)
    names = ("algo-1", "algo-2", "algo-3", "algo-4", "algo-5")
    sharded = Channel(source, distribution="ShardedByS3Key")
    found = []
    for name in names:
        tree = Tree.build(tmp_path / name, {}, {"train": sharded, "all": source}, Host(name, names))
        found.append([file.name for file in (tree.paths.data / "train").iterdir()])
        assert len(list((tree.paths.data / "all").iterdir())) == 4
    assert found == [["a"], ["b"], ["c"], ["d"], []]
    config = json.loads(tree.paths.input_data_config.read_text())
    assert [config[name]["S3DistributionType"] for name in ("train", "all")] == ["ShardedByS3Key", "FullyReplicated"]


def test_T03_T05_what_a_channel_and_a_host_are_told(tmp_path: Path, data: Path) -> None:
    channel = Channel(data, "FastFile", content_type="text/csv")
    hosts = ("algo-1", "algo-2")
    tree = Tree.build(tmp_path / "ml", {}, {"train": channel}, Host("algo-2", hosts, "ml.m5.large"))
    assert json.loads(tree.paths.input_data_config.read_text())["train"] == {
        "TrainingInputMode": "FastFile",
        "S3DistributionType": "FullyReplicated",
        "RecordWrapperType": "None",
        "ContentType": "text/csv",
    }
    assert json.loads(tree.paths.resource_config.read_text()) == {
        "current_host": "algo-2",
        "hosts": ["algo-1", "algo-2"],
        "network_interface_name": "eth0",
        "current_instance_type": "ml.m5.large",
        "current_group_name": "homogeneousCluster",
        "instance_groups": [
            {
                "instance_group_name": "homogeneousCluster",
                "instance_type": "ml.m5.large",
                "hosts": ["algo-1", "algo-2"],
            }
        ],
    }


def test_a_tree_is_free_though_a_process_that_was_starting_has_its_mark_open(tmp_path: Path, data: Path) -> None:
    """As a fork has it, until its exec: a thread that starts another job's process at that moment."""
    tree = Tree.build(tmp_path / "ml", {}, {"train": data})
    mark = str(tree.paths.base / MARK)
    with tree.in_use():
        held = next(
            int(fd.name) for fd in Path("/proc/self/fd").iterdir() if fd.exists() and str(fd.readlink()) == mark
        )
        forked = os.dup(held)
    try:
        with tree.in_use():
            pass
    finally:
        os.close(forked)
