"""Transform jobs through boto3 in real containers."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.awsbatch import Batch
from tests.container.conftest import COLOUR, docker, own
from tests.localaws import command, up
from tests.outside import outside
from tests.runs import PROGRAM

pytestmark = pytest.mark.container


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Batch]:
    with own(PROGRAM) as name, up(tmp_path_factory.mktemp("aws") / "state", "--docker") as api:
        yield Batch(api, name)


def test_the_api_and_the_command_give_the_same_bytes(batch: Batch, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    files = {name: b"73,84,116\n200,16,46\n" * size for name, size in (("a", 1), ("b", 500), ("c", 2))}
    for name, body in files.items():
        (tmp_path / "in" / name).write_bytes(body)
    model = Batch(batch.aws, COLOUR).model(data=trained / "model")
    job = batch.run(
        model,
        batch.jobs.put(**files),
        ContentType="text/csv",
        Accept="text/csv",
        SplitType="Line",
        AssembleWith="Line",
        DataProcessing={"JoinSource": "Input"},
        InstanceCount=2,
    )
    assert job["TransformJobStatus"] == "Completed", job
    done = command(
        *("transform", str(tmp_path / "in"), "--output", str(tmp_path / "out"), "--base-dir", str(trained)),
        *("--docker", "--image", COLOUR, "--content-type", "text/csv", "--accept", "text/csv"),
        *("--split-type", "Line", "--assemble-with", "Line", "--join-source", "Input"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert batch.output(job) == {f"{name}.out": (tmp_path / "out" / f"{name}.out").read_bytes() for name in files}
    assert batch.output(job)["a.out"].startswith(b"73,84,116,blue\n200,16,46,red\n")


def test_instances_see_their_model_alone_and_are_gone_afterwards(batch: Batch) -> None:
    job = batch.run(
        batch.model(), batch.jobs.put(a=b"environment", b=b"environment", c=b"see", d=b"write"), InstanceCount=2
    )
    assert job["TransformJobStatus"] == "Completed", job
    answers = batch.output(job)
    hosts = {json.loads(answers[key])["HOSTNAME"] for key in ("a.out", "b.out")}
    assert len(hosts) == 2
    assert answers["c.out"] == b"model"
    assert answers["d.out"].startswith(b"refused")
    running = docker("ps", "--quiet", "--no-trunc").stdout
    assert not [host for host in hosts if host in running]


def test_a_model_that_is_isolated(batch: Batch) -> None:
    """By itself, with no way out and nothing that would lead there."""
    model = batch.model_of(PrimaryContainer={"Image": batch.image}, EnableNetworkIsolation=True)
    with outside() as there:
        data = batch.jobs.put(a=b"environment", b=f"python {there.code}".encode())
        job = batch.run(model, data, InstanceCount=2)
    assert job["TransformJobStatus"] == "Completed", job
    assert sorted(batch.output(job)["b.out"].decode().splitlines()) == there.of_nobody()
    assert there.datagrams == []
    assert not [name for name in json.loads(batch.output(job)["a.out"]) if name.startswith("AWS_")]


def test_memory_that_runs_out_is_said_and_nothing_is_left(batch: Batch) -> None:
    once = {"InvocationsMaxRetries": 0}
    data = batch.jobs.put(a=b"1", b=b"memory")
    name = batch.start(batch.model(), data, InstanceType="ml.c6i.large", ModelClientConfig=once)
    job = batch.ended(name, 180)  # 4 GiB are to be written
    assert job["TransformJobStatus"] == "Failed"
    assert re.fullmatch(
        r"AlgorithmError: b: the whole file: the connection to the container broke \(.*\); the container ended with "
        "exit code 137; the memory of the instance was used up",
        job["FailureReason"],
    )
    assert batch.output(job) == {"a.out": b"1"}
    assert docker("ps", "--all", "--quiet", "--filter", f"ancestor={batch.image}").stdout == ""
    assert not list((batch.aws.state / "work" / "transform-job").rglob(job["TransformJobName"]))


def test_a_stop_is_sigterm(batch: Batch) -> None:
    name = batch.start(batch.model(), batch.jobs.put(a=b"1", b=b"hang"), InstanceCount=2)
    batch.wait_for_line(name, "asked to hang")
    batch.sagemaker.stop_transform_job(TransformJobName=name)
    job = batch.ended(name)
    assert job["TransformJobStatus"] == "Stopped"
    assert batch.lines(name).count("told to end") == 2
    assert batch.output(job) == {}


def test_P01_a_pipeline_of_containers(batch: Batch) -> None:
    containers = [
        {"Image": batch.image, "ContainerHostname": host, "Environment": {"DOES": "append", "SAYS": host}}
        for host in ("first", "second")
    ]
    job = batch.run(batch.model_of(Containers=containers), batch.jobs.put(a=b"1"), ContentType="text/x")
    assert batch.output(job) == {"a.out": b"1first(text/x,-)second(text/x,-)"}
