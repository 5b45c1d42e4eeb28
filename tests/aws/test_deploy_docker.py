"""`deploy train` of several hosts, in real containers."""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.container.conftest import COLOUR, docker
from tests.deploying import Deploying
from tests.localaws import up
from tests.runs import PROGRAM

pytestmark = pytest.mark.container


@pytest.fixture
def deploying(tmp_path: Path) -> Iterator[Deploying]:
    """Somebody else's program on our image's Python."""
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "Dockerfile").write_text(f"FROM {COLOUR}\nCOPY train /own/\nRUN chmod 755 /own/*\nENV PATH=/own:$PATH\n")
    (folder / "train").write_bytes((PROGRAM / "train").read_bytes())
    name = f"tiffin-test-deploy-{tmp_path.name}".lower()
    docker("build", "--quiet", "--tag", name, str(folder))
    try:
        with up(tmp_path / "state", "--docker") as api:
            made = Deploying(api, tmp_path)
            train = {
                "channels": {"train": "data"},
                "sharded": ("train",),
                "hyperparameters": {"do": "report"},
                "metrics": {"loss": r"loss=(\S+)"},
                "train_instance_count": 2,
            }
            made.write(image={"image_uri": name}, train=train)
            yield made
    finally:
        docker("image", "rm", "--force", name)


def test_hosts_are_told_apart_and_get_their_shares(deploying: Deploying) -> None:
    (deploying.folder / "data").mkdir()
    for name in ("a", "b"):
        (deploying.folder / "data" / name).write_text(name)
    run = deploying.run("train", "--json")
    for host in ("algo-1", "algo-2"):
        assert [line for line in run.err if line.startswith(f"{host} |")] == [
            f"{host} | {text}\n" for text in ("begun", "loss=0.5", "loss=0.25", "loss=none")
        ]
        assert f"metric loss = 0.25 ({host})" in run.said
    (archive,) = deploying.objects(run.json["artifact"]).values()
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        seen = [json.load(tar.extractfile(f"{host}.json") or io.BytesIO()) for host in ("algo-1", "algo-2")]
    assert sorted(file for each in seen for file in each["channels"]["train"]) == ["a", "b"]
    assert {len(each["channels"]["train"]) for each in seen} == {1}
    name = run.json["job"]
    job = deploying.client("sagemaker").describe_training_job(TrainingJobName=name)
    source = job["InputDataConfig"][0]["DataSource"]["S3DataSource"]
    assert source["S3DataDistributionType"] == "ShardedByS3Key"
    failed = deploying.run("train", "--hyperparameters", "do=unheard_of", code=1).said.partition("deploy: ")[2]
    assert {"  last of algo-1:", "  last of algo-2:"} & set(failed.splitlines())
