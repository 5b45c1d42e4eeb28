"""`deploy push` into a real registry behind ECR's API, what runs from there, and `destroy` of it."""

import json
import os
import re
import shlex
import signal
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.manifests import DOCKER_V2
from tests.aws.test_deploy_faults import ALL, Step, every, goes_wrong
from tests.awsjobs import Jobs
from tests.container.conftest import docker, inspect
from tests.deploying import Deploying, Run
from tests.faulty import faulty
from tests.localaws import LocalAws, up

pytestmark = [pytest.mark.container, pytest.mark.registry]
OCI = "application/vnd.oci.image.manifest.v1+json"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    with up(tmp_path_factory.mktemp("aws") / "state", "--docker") as api:
        yield api


class Pushing(Deploying):
    """A project of a test's own; its home is its folder."""

    def deploy(self, *arguments: str, code: int = 0) -> Run:
        return self.run(*arguments, code=code, HOME=str(self.folder))

    def push(self, image: str, *flags: str) -> str:
        """The address that it says."""
        return self.deploy("push", "--image", image, *flags).stdout.strip()

    def refused(self, image: str, *flags: str) -> str:
        run = self.deploy("push", "--image", image, *flags, code=1)
        assert run.stdout == ""
        return run.said

    def tags(self, repository: str = "") -> list[str]:
        found = self.ecr.describe_images(repositoryName=repository or self.project)["imageDetails"]
        return sorted(tag for each in found for tag in each.get("imageTags", ["(none)"]))

    @property
    def ecr(self) -> Any:
        return self.client("ecr")

    @property
    def last(self) -> dict[tuple[str, str], str]:
        """The ledger's last event of each."""
        return {(each["kind"], each["name"]): each["event"] for each in self.ledger}


@pytest.fixture
def project(api: LocalAws, tmp_path: Path) -> Pushing:
    made = Pushing(api, tmp_path)
    made.write(image={"image_uri": ""})
    return made


@pytest.fixture
def image(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """`image("FROM …", *flags, size=…)`: the name of an image with a layer of so many random bytes."""
    made: list[str] = []

    def build(text: str = "FROM scratch", *flags: str, size: int = 1000) -> str:
        folder = tmp_path / f"context{len(made)}"
        folder.mkdir()
        (folder / "blob").write_bytes(os.urandom(size))
        (folder / "train").write_text("#!/bin/sh\necho trained >/opt/ml/model/done\n")
        (folder / "train").chmod(0o755)
        (folder / "Dockerfile").write_text(f"{text}\nCOPY blob /blob\nCOPY train /usr/local/bin/train\n")
        made.append(f"tiffin-test-push:{uuid.uuid4().hex[:12]}")
        docker("build", "--quiet", "--tag", made[-1], *flags, str(folder))
        return made[-1]

    yield build
    docker("image", "rm", "--force", *made, check=False)


def short(image: str) -> str:
    return str(inspect(image)["Id"]).removeprefix("sha256:")[:12]


def test_a_repository_is_made_filled_and_taken_away(project: Pushing, image: Callable[..., str]) -> None:
    name = image()
    address = project.push(name)
    (made,) = project.ecr.describe_repositories(repositoryNames=[project.project])["repositories"]
    assert made["imageScanningConfiguration"] == {"scanOnPush": True}
    (found,) = project.ecr.describe_images(repositoryName=project.project)["imageDetails"]
    assert address == f"{made['repositoryUri']}@{found['imageDigest']}"
    assert sorted(found["imageTags"]) == sorted([short(name), "latest"])
    assert found["imageManifestMediaType"] == DOCKER_V2
    assert docker("image", "inspect", f"{made['repositoryUri']}:{short(name)}", check=False).returncode != 0
    assert not (project.folder / ".docker").exists()  # the login is written nowhere
    assert set(project.last.values()) == {"made"}

    second = image()
    assert project.push(second) != address
    assert project.tags() == sorted([short(name), short(second), "latest"])
    again = project.deploy("push", "--image", second).said
    assert f"{project.project}:{short(second)} is there already" in again

    project.deploy("destroy", "--yes")
    with pytest.raises(project.ecr.exceptions.RepositoryNotFoundException):
        project.ecr.describe_repositories(repositoryNames=[project.project])
    assert set(project.last.values()) == {"gone"}


def test_what_was_pushed_trains_by_its_digest(project: Pushing, image: Callable[..., str]) -> None:
    name = image("FROM debian:trixie-slim")
    assert "stands on a base that container/engine.sh bootstrapped" in project.refused(name) or not inspect(name)[
        "Config"
    ].get("Labels")
    address = project.push(name, "--force")
    docker("image", "rm", "--force", name)
    job = Jobs(project.aws, address).run(AlgorithmSpecification={"TrainingImage": address})
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    docker("image", "rm", "--force", address, check=False)


def test_a_bootstrapped_base_is_refused_unless_forced(project: Pushing, image: Callable[..., str]) -> None:
    name = image("FROM scratch\nLABEL dev.tiffin.bootstrapped=true")
    assert "bootstrapped where no registry was in reach" in project.refused(name)
    assert project.last == {}
    assert project.push(name, "--force")


def test_C13_the_image_the_setting_and_the_instance_type_agree(project: Pushing, image: Callable[..., str]) -> None:
    name = image("FROM scratch", "--platform", "linux/arm64")
    assert "is for linux/arm64 and [image] platform says linux/amd64" in project.refused(name)
    said = project.refused(name, "--platform", "linux/arm64")
    assert "[endpoint] is ml.m5.large, which runs linux/amd64" in said
    project.write(image={"image_uri": "", "platform": "linux/arm64"}, endpoint={"instance_type": "ml.c6g.large"})
    assert project.push(name)
    assert "[image] platform says linux/arm64" in project.refused(image())


def test_somebody_elses_repository_is_used_by_name_and_left_whole(project: Pushing, image: Callable[..., str]) -> None:
    name, theirs, first, second = project.project, image(), image(), image()
    project.ecr.create_repository(repositoryName=name)
    there = project.ecr.describe_repositories(repositoryNames=[name])["repositories"][0]["repositoryUri"]
    docker("tag", theirs, f"{there}:latest")
    docker("push", f"{there}:latest")
    docker("image", "rm", f"{there}:latest")
    said = project.refused(first)
    assert f"the repository {name} is there and has no tag tiffin:project={name}" in said
    arn = project.ecr.describe_repositories(repositoryNames=[name])["repositories"][0]["repositoryArn"]
    for each, repository in ((first, name), (second, name), (second, arn)):
        project.push(each, "--repository", repository)
    ours = [f"{name}-{short(first)}", f"{name}-{short(second)}", f"{name}-latest"]
    assert project.tags() == sorted(["latest", *ours])
    assert {kind for kind, _ in project.last} == {"image"}
    project.deploy("destroy", "--yes")
    assert project.tags() == ["latest"]


def test_a_repository_whose_tags_never_move(project: Pushing, image: Callable[..., str]) -> None:
    repository = f"{project.project}-fixed"
    project.ecr.create_repository(repositoryName=repository, imageTagMutability="IMMUTABLE")
    first, second = image(), image()
    addresses = [project.push(each, "--repository", repository) for each in (first, second, second)]
    assert addresses[1] == addresses[2] != addresses[0]
    assert project.tags(repository) == sorted(f"{project.project}-{short(each)}" for each in (first, second))
    code = (
        "import argparse, sys; from deploy import images; from deploy.context import Context; "
        "print(images.pushed(Context(argparse.Namespace(config=None, repository=sys.argv[1]))))"
    )
    assert project.shell(shlex.join([sys.executable, "-c", code, repository])).stdout.strip() == addresses[1]
    project.deploy("destroy", "--yes")
    assert project.tags(repository) == []


def test_C12_an_oci_manifest_is_refused_and_removed_again(project: Pushing, image: Callable[..., str]) -> None:
    name = image()
    project.push(name)
    tag = short(name)
    (found,) = project.ecr.batch_get_image(repositoryName=project.project, imageIds=[{"imageTag": tag}])["images"]
    document = {**json.loads(found["imageManifest"]), "mediaType": OCI}
    document["config"]["mediaType"] = "application/vnd.oci.image.config.v1+json"
    for layer in document["layers"]:
        layer["mediaType"] = "application/vnd.oci.image.layer.v1.tar+gzip"
    project.ecr.put_image(
        repositoryName=project.project,
        imageManifest=json.dumps(document),
        imageManifestMediaType=OCI,
        imageTag=tag,
    )
    said = project.refused(name)
    assert f"is {OCI}, and SageMaker takes {DOCKER_V2} alone (C-12); it was removed again" in said
    assert "docker buildx build --provenance=false" in said
    assert project.tags() == ["latest"]
    assert project.push(name)


def test_a_push_that_is_stopped_leaves_an_intention_that_destroy_takes(
    project: Pushing, image: Callable[..., str]
) -> None:
    project.push(image())
    name = image(size=60_000_000)
    registry = int((project.aws.state / "registry" / "process").read_text().partition(".")[0])
    with project.start("push", "--image", name) as run:
        run.wait_for(" MB\n")  # a quarter is there
        os.kill(registry, signal.SIGSTOP)
        try:
            run.process.send_signal(signal.SIGTERM)
            assert run.end() == 130, run.said
        finally:
            os.kill(registry, signal.SIGCONT)
    assert "Traceback" not in run.said
    assert project.last["image", f"{project.project}:{short(name)}"] == "intended"
    assert short(name) not in project.tags()
    uri = project.ecr.describe_repositories(repositoryNames=[project.project])["repositories"][0]["repositoryUri"]
    assert docker("image", "inspect", f"{uri}:{short(name)}", check=False).returncode != 0
    assert project.push(name)
    project.deploy("destroy", "--yes")


def test_a_dry_run_changes_nothing_and_says_what_would(project: Pushing, image: Callable[..., str]) -> None:
    done = project.deploy("push", "--image", image(), "--dry-run")
    assert [each["operation"] for each in done.calls] == ["CreateRepository", "PutImage"]
    assert re.search("would push tiffin-test-push:.* to <repositoryUri>:", done.said)
    assert project.last == {}


def test_what_is_not_there_is_named(project: Pushing) -> None:
    said = project.deploy("push", code=1).said
    assert f"there is no image {project.project}:latest on this machine: `deploy build` makes one" in said
    assert "there is no image nowhere:1" in project.refused("nowhere:1")


def test_a_scans_findings_are_told(project: Pushing, image: Callable[..., str]) -> None:
    name = image()
    project.push(name)
    project.ecr.start_image_scan(repositoryName=project.project, imageId={"imageTag": "latest"})
    said = project.deploy("push", "--image", name).said
    assert re.search(r"^ECR's scan: \d+ \w+", said, re.MULTILINE), said


@pytest.mark.timeout(600)
def test_after_any_fault_of_a_push_destroy_leaves_nothing(
    api: LocalAws, tmp_path: Path, image: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    step = Step(("push", "--image", image()), ())
    with faulty(api.port) as between:
        calls = every(api, between, tmp_path / "ledger", [step])
        assert len(calls) > 1  # the repository, `latest`
        for way in ALL:
            for call in calls:
                goes_wrong(api, between, tmp_path / "ledger", call, way)
