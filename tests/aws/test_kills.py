"""What is killed, cut off or full: nothing accepted is lost, nothing left running, and a sentence says what happened.

A kill of a job alone is in test_training.py; signals, a taken port and a torn journal are in test_shell.py.
"""

import contextlib
import io
import os
import random
import shutil
import signal
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.awshosting import HOSTED, Hosting, packed
from tests.awsjobs import BUCKET, Jobs, channel
from tests.container.conftest import COLOUR, LABEL, docker
from tests.localaws import ROLE, LocalAws, up
from tests.runs import PROGRAM
from tests.server import PATIENCE


@dataclass(frozen=True)
class Somebody:
    """Somebody else's program, in Docker or as processes; all it runs of a test has `mark` in its environment."""

    image: str
    option: str
    mark: str

    @property
    def environment(self) -> dict[str, str]:
        return {"MARK": self.mark, "SAYS": "here"}

    def running(self) -> list[str]:
        if self.option == "--docker":
            return [each for each in docker("ps", "--quiet").stdout.split() if self.mark in _environment(each)]
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (process / "environ").read_bytes():
                    found.append(process.name)
            except OSError:  # it has just ended, or is somebody else's
                continue
        return found

    def kill(self) -> None:
        for each in self.running():
            if self.option == "--docker":  # a kill from outside, and more than that
                docker("rm", "--force", each)
            else:
                os.kill(int(each), signal.SIGKILL)


def _environment(container: str) -> str:
    return docker("inspect", "--format", "{{.Config.Env}}", container, check=False).stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("somebody")
    for program in (PROGRAM / "train", HOSTED / "serve"):
        shutil.copy(program, folder)
    return folder


@pytest.fixture(scope="module")
def image(folder: Path) -> Iterator[str]:
    (folder / "Dockerfile").write_text(f"FROM {COLOUR}\nCOPY train serve /own/\nENV PATH=/own:$PATH\n")
    name = f"tiffin-test-{folder.name}".lower()
    docker("build", "--quiet", "--label", LABEL, "--tag", name, str(folder))
    yield name
    docker("image", "rm", "--force", name)


@pytest.fixture(params=["processes", pytest.param("docker", marks=pytest.mark.container)])
def somebody(request: pytest.FixtureRequest, folder: Path) -> Iterator[Somebody]:
    docker = request.param == "docker"
    image = request.getfixturevalue("image") if docker else str(folder)
    found = Somebody(image, "--docker" if docker else "--no-docker", uuid4().hex)
    yield found
    assert found.running() == []


def killed(api: LocalAws) -> None:
    api.process.kill()
    api.process.wait(PATIENCE)


def test_a_killed_api_goes_on_where_it_was(somebody: Somebody, state: Path) -> None:
    """A job that is done, one under way, and an endpoint in service."""
    with up(state, somebody.option) as api:
        jobs, hosting = Jobs(api, somebody.image), Hosting(api, somebody.image)
        done = jobs.run(channels=[channel(jobs.put(a=b"1"))])
        artifact = done["ModelArtifacts"]["S3ModelArtifacts"]
        before = jobs.read(artifact)
        model = hosting.model(somebody.environment, ModelDataUrl=hosting.put("model.tar.gz", packed({"f": "1"})))
        endpoint = hosting.serve(hosting.variant(model))
        name = jobs.start("stubborn", Environment=somebody.environment)
        jobs.wait_for_line(name, "waiting")
        was_running = set(somebody.running())
        killed(api)
    with up(state, somebody.option) as api:
        assert not was_running & set(somebody.running())
        jobs, hosting = Jobs(api, somebody.image), Hosting(api, somebody.image)
        assert {**jobs.describe(done["TrainingJobName"]), "ResponseMetadata": None} == {
            **done,
            "ResponseMetadata": None,
        }
        assert jobs.read(artifact) == before
        lost = jobs.describe(name)
        assert lost["TrainingJobStatus"] == "Failed"
        assert "`local_test up` ended while the job ran" in lost["FailureReason"]
        assert hosting.settled(endpoint)["EndpointStatus"] == "InService"
        assert hosting.said(endpoint) == "here"
        assert api.stop() == 0
        assert somebody.running() == []


def test_a_kill_at_any_moment_loses_no_accepted_call(state: Path) -> None:
    accepted: dict[str, list[str]] = {"object": [], "model": [], "role": []}
    for _ in range(3):
        with up(state, "--no-docker") as api:
            s3, sagemaker, iam = (api.client(each) for each in ("s3", "sagemaker", "iam"))
            s3.create_bucket(Bucket=BUCKET)
            calls: dict[str, Callable[[str], Any]] = {
                "object": lambda name: s3.put_object(Bucket=BUCKET, Key=name, Body=name.encode() * 1000),  # noqa: B023
                "model": lambda name: sagemaker.create_model(  # noqa: B023
                    ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "i"}
                ),
                "role": lambda name: iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}"),  # noqa: B023
            }
            threads = [threading.Thread(target=_repeat, args=(calls[kind], accepted[kind])) for kind in calls]
            for thread in threads:
                thread.start()
            wanted = len(accepted["model"]) + random.randrange(1, 20)  # noqa: S311
            api.wait(lambda: len(accepted["model"]) >= wanted, f"{wanted} models")  # noqa: B023
            killed(api)
            for thread in threads:
                thread.join(PATIENCE)
    with up(state, "--no-docker") as api:
        s3, sagemaker, iam = (api.client(each) for each in ("s3", "sagemaker", "iam"))
        for name in accepted["object"]:
            assert s3.get_object(Bucket=BUCKET, Key=name)["Body"].read() == name.encode() * 1000
        for name in accepted["model"]:
            assert sagemaker.describe_model(ModelName=name)["ExecutionRoleArn"] == ROLE
        for name in accepted["role"]:
            assert iam.get_role(RoleName=name)["Role"]["RoleName"] == name


def _repeat(call: Callable[[str], Any], accepted: list[str]) -> None:
    """Until nobody answers."""
    for _ in range(5000):
        name = uuid4().hex
        try:
            call(name)
        except BotoCoreError:
            return
        accepted.append(name)


def test_a_container_killed_in_the_middle_of_a_request(somebody: Somebody, state: Path) -> None:
    with up(state, somebody.option) as api, ThreadPoolExecutor() as pool:
        hosting = Hosting(api, somebody.image)
        endpoint = hosting.serve(hosting.variant(hosting.model(somebody.environment)))
        begun = pool.submit(hosting.said, endpoint, b"sleep 50")
        api.wait(lambda: hosting.said(endpoint, b"most") == "2", "the request in the container")
        somebody.kill()
        with pytest.raises(ClientError, match=r"ModelError.*(the connection broke|nobody answers)"):
            begun.result(PATIENCE)

        def answers() -> bool:
            try:
                return hosting.said(endpoint) == "here"
            except ClientError:
                return False

        api.wait(answers, "an instance in its place")
        assert len(somebody.running()) == 1 or somebody.option == "--no-docker"
        hosting.sagemaker.delete_endpoint(EndpointName=endpoint)
        api.wait(lambda: not somebody.running(), "its end")


def test_a_job_whose_container_is_killed_has_failed(somebody: Somebody, state: Path) -> None:
    with up(state, somebody.option) as api:
        jobs = Jobs(api, somebody.image)
        name = jobs.start("stubborn", Environment=somebody.environment)
        jobs.wait_for_line(name, "waiting")
        somebody.kill()
        job = jobs.ended(name)
        assert job["TrainingJobStatus"] == "Failed"
        assert "exit code: 137" in job["FailureReason"]
        assert "memory" not in job["FailureReason"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        assert "CI" not in os.environ, done.stderr  # left out there is a failure
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    state = small_disk / "state"
    with up(state, "--no-docker") as api:
        jobs, hosting = Jobs(api), Hosting(api)
        serving = hosting.serve(hosting.variant(hosting.model({"SAYS": "here"})))
        output = {"OutputConfig": {"S3OutputPath": f"s3://{BUCKET}/out"}}
        queueing = hosting.serve(hosting.variant(hosting.model()), AsyncInferenceConfig=output)
        data = jobs.put(a=b"1" * 1_000_000, b=b"2")
        done = jobs.run(channels=[channel(data)])["TrainingJobName"]
        filled = jobs.run("fill")
        assert filled["TrainingJobStatus"] == "Failed"
        assert any("No space left on device" in line for line in jobs.lines(filled["TrainingJobName"]))
        _fill(small_disk / "filler")
        assert hosting.said(serving) == "here"

        def queue() -> None:
            hosting.runtime.invoke_endpoint_async(EndpointName=queueing, Body=b"who")

        for call in (hosting.model, jobs.start, lambda: jobs.put(a=b"3"), queue):
            with pytest.raises(ClientError, match=rf"would not be kept: the disk of {state} has \d+ bytes left"):
                call()
        assert jobs.read(f"{data}a") == b"1" * 1_000_000
        jobs.s3.delete_object(Bucket=BUCKET, Key=data.partition(BUCKET)[2].strip("/") + "/b")
        (small_disk / "filler").unlink()
        again, model = jobs.run(channels=[channel(data)])["TrainingJobName"], hosting.model()
        killed(api)
    with up(state, "--no-docker") as api:
        jobs = Jobs(api)
        assert jobs.keys(data) == ["a"]
        assert jobs.read(f"{data}a") == b"1" * 1_000_000
        statuses = [jobs.describe(name)["TrainingJobStatus"] for name in (done, filled["TrainingJobName"], again)]
        assert statuses == ["Completed", "Failed", "Completed"]
        assert jobs.sagemaker.describe_model(ModelName=model)["ModelName"] == model
        assert "warning" not in api.log


def _fill(file: Path) -> None:
    with file.open("wb", buffering=0) as out:
        for size in (1 << 20, 1 << 10, 1):
            with contextlib.suppress(OSError):
                while True:
                    out.write(b"x" * size)


def _tar(*members: tuple[str, bytes, str]) -> bytes:
    """Of members by name, type and where they point."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, kind, target in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, target
            tar.addfile(member)
    return file.getvalue()


WHOLE = packed({"weights": os.urandom(20_000).hex()})
ARTIFACTS = {
    "cut off": (WHOLE[: len(WHOLE) // 2], "model.tar.gz is no whole .tar.gz: Compressed file ended"),
    "a byte changed": (WHOLE[:9000] + bytes([WHOLE[9000] ^ 1]) + WHOLE[9001:], "model.tar.gz is no whole .tar.gz: "),
    "no bytes": (b"", "model.tar.gz is no whole .tar.gz: empty file"),
    "a link out": (_tar(("weights", tarfile.SYMTYPE, "/etc/passwd")), "weights is a link to /etc/passwd"),
    "a hard link": (_tar(("weights", tarfile.LNKTYPE, "../secret")), "weights is a link to ../secret"),
    "a device": (_tar(("weights", tarfile.CHRTYPE, "")), "weights is neither a file nor a folder"),
    "a path through a link": (
        _tar(("sub", tarfile.SYMTYPE, ".."), ("sub/weights", tarfile.REGTYPE, "")),
        "sub is a link to ..",
    ),
}


def test_artifacts_that_are_none_fail_and_harm_nobody(aws: LocalAws) -> None:
    hosting = Hosting(aws)
    good = hosting.serve(hosting.variant(hosting.model({"SAYS": "here"})))
    endpoints = {
        name: hosting.create(
            hosting.config(hosting.variant(hosting.model(ModelDataUrl=hosting.put("model.tar.gz", body))))
        )
        for name, (body, _) in ARTIFACTS.items()
    }
    for name, endpoint in endpoints.items():
        found = hosting.settled(endpoint)
        assert found["EndpointStatus"] == "Failed", name
        assert ARTIFACTS[name][1] in found["FailureReason"]
    assert hosting.said(good) == "here"
