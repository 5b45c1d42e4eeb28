"""Training jobs through boto3 in real containers."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.awsjobs import BUCKET, Jobs, channel
from tests.container.conftest import COLOUR, docker, own
from tests.localaws import up
from tests.runs import PROGRAM
from tests.server import PATIENCE, ROOT

pytestmark = pytest.mark.container


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    with own(PROGRAM) as name:
        yield name


@pytest.fixture(scope="module")
def jobs(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    with up(tmp_path_factory.mktemp("aws") / "state", "--docker") as api:
        yield Jobs(api, image)


def test_a_job_in_a_container(jobs: Jobs) -> None:
    job = jobs.run(channels=[channel(jobs.put(a=b"1"))], Environment={"OWN": "mine"})
    assert job["TrainingJobStatus"] == "Completed", jobs.lines(job["TrainingJobName"])
    seen = json.loads(jobs.archive(job["ModelArtifacts"]["S3ModelArtifacts"])["algo-1.json"])
    assert seen["channels"] == {"train": ["a"]}
    assert seen["arguments"] == []
    assert seen["environment"]["OWN"] == "mine"


def test_the_colour_classifier(jobs: Jobs) -> None:
    jobs.s3.upload_file(str(ROOT / "model" / "data" / "colours.csv"), BUCKET, "colours/colours.csv")
    job = jobs.run(
        channels=[channel(f"s3://{BUCKET}/colours/")],
        HyperParameters={"algorithm": "tree", "max_leaf_nodes": "60"},
        AlgorithmSpecification={"TrainingImage": COLOUR},
    )
    assert job["TrainingJobStatus"] == "Completed", jobs.lines(job["TrainingJobName"])
    assert "colour.json" in jobs.archive(job["ModelArtifacts"]["S3ModelArtifacts"])


def test_hosts_get_their_shards_and_meet(jobs: Jobs) -> None:
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 3, "VolumeSizeInGB": 1}
    data = jobs.put(a=b"1", b=b"2", c=b"3", d=b"4")
    job = jobs.run(channels=[channel(data, distribution="ShardedByS3Key")], ResourceConfig=cluster)
    assert job["TrainingJobStatus"] == "Completed", jobs.lines(job["TrainingJobName"])
    model = jobs.archive(job["ModelArtifacts"]["S3ModelArtifacts"])
    shards = [json.loads(model[f"algo-{number}.json"])["channels"]["train"] for number in (1, 2, 3)]
    assert sorted(name for shard in shards for name in shard) == ["a", "b", "c", "d"]
    assert sorted(len(shard) for shard in shards) == [1, 1, 2]
    met = jobs.run("meet", ResourceConfig=cluster)
    assert met["TrainingJobStatus"] == "Completed", jobs.lines(met["TrainingJobName"])


def test_isolation_takes_the_keys_away(jobs: Jobs) -> None:
    """That it cuts the network is tests/container/test_engine.py's."""
    job = jobs.run(EnableNetworkIsolation=True)
    seen = json.loads(jobs.archive(job["ModelArtifacts"]["S3ModelArtifacts"])["algo-1.json"])
    assert not [name for name in seen["environment"] if name.startswith("AWS")]


def test_a_container_calls_the_api(jobs: Jobs) -> None:
    """By the address that it is told; without boto3 in the image, S3's own HTTP will do."""
    code = (
        "import os, urllib.request; "
        "url = os.environ['AWS_ENDPOINT_URL'] + '/jobs/from-inside'; "
        "sent = urllib.request.Request(url, b'hello', {'Content-Type': 'text/plain'}, method='PUT'); "
        "urllib.request.urlopen(sent).close()"
    )
    job = jobs.run(AlgorithmSpecification={"ContainerEntrypoint": ["python3", "-c"], "ContainerArguments": [code]})
    assert job["TrainingJobStatus"] == "Completed", jobs.lines(job["TrainingJobName"])
    assert jobs.read(f"s3://{BUCKET}/from-inside") == b"hello"


def test_memory_of_the_instance(jobs: Jobs) -> None:
    small = {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}
    job = jobs.run("memory", ResourceConfig=small)
    assert job["TrainingJobStatus"] == "Failed"
    assert "the memory of the instance was used up" in job["FailureReason"]


@pytest.mark.alone
def test_a_kill_leaves_no_container(image: str, tmp_path: Path) -> None:
    with up(tmp_path / "state", "--docker") as api:
        jobs = Jobs(api, image)
        name = jobs.start("stubborn")
        jobs.wait_for_line(name, "waiting")
        api.process.kill()
        api.process.wait(PATIENCE)
    assert _containers(image)
    with up(tmp_path / "state", "--docker") as api:
        assert not _containers(image)
        job = api.client("sagemaker").describe_training_job(TrainingJobName=name)
        assert job["TrainingJobStatus"] == "Failed"


def test_the_end_of_the_api_leaves_no_container(image: str, tmp_path: Path) -> None:
    with up(tmp_path / "state", "--docker") as api:
        jobs = Jobs(api, image)
        jobs.wait_for_line(jobs.start("stubborn"), "waiting")
        assert api.stop() == 0
        assert not _containers(image)


def _containers(image: str) -> list[str]:
    return docker("ps", "--all", "--quiet", "--filter", f"ancestor={image}").stdout.split()
