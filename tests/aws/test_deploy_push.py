"""`deploy push` into a real registry behind ECR's API, what runs from there, and `destroy` of it."""

import json
import os
import re
import signal
import subprocess
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
from tests.faulty import faulty
from tests.localaws import LocalAws, up
from tests.server import PATIENCE, ROOT

pytestmark = [pytest.mark.container, pytest.mark.registry]
OCI = "application/vnd.oci.image.manifest.v1+json"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    with up(tmp_path_factory.mktemp("aws") / "state", "--docker") as api:
        yield api


class Project:
    """A project of a test's own, in a folder of its own."""

    def __init__(self, api: LocalAws, folder: Path) -> None:
        self.api, self.folder, self.name = api, folder, f"p{uuid.uuid4().hex[:10]}"
        self.ecr = api.client("ecr")
        (folder / "tiffin.toml").write_text(f'[project]\nproject = "{self.name}"\n')

    def command(self, *arguments: str) -> tuple[list[str], dict[str, Any]]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TIFFIN_"))}
        paths = {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1", "HOME": str(self.folder)}
        environ = {**kept, **self.api.variables, **paths}
        return [sys.executable, "-m", "deploy", *arguments], {"cwd": self.folder, "env": environ, "text": True}

    def deploy(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command, options = self.command(*arguments)
        return subprocess.run(command, **options, capture_output=True, timeout=PATIENCE, check=False)

    def push(self, image: str, *flags: str) -> str:
        """The address that it says."""
        done = self.deploy("push", "--image", image, *flags)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def refused(self, image: str, *flags: str) -> str:
        done = self.deploy("push", "--image", image, *flags)
        assert (done.returncode, done.stdout) == (1, ""), done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr

    def destroy(self) -> str:
        done = self.deploy("destroy", "--yes")
        assert done.returncode == 0, done.stderr
        return done.stderr

    def tags(self, repository: str | None = None) -> list[str]:
        found = self.ecr.describe_images(repositoryName=repository or self.name)["imageDetails"]
        return sorted(tag for each in found for tag in each.get("imageTags", ["(none)"]))

    @property
    def ledger(self) -> dict[tuple[str, str], str]:
        """The last event of each."""
        lines = [line for file in self.folder.glob(".tiffin/ledger/*") for line in file.read_text().splitlines()]
        return {(each["kind"], each["name"]): each["event"] for each in map(json.loads, lines)}


@pytest.fixture
def project(api: LocalAws, tmp_path: Path) -> Project:
    return Project(api, tmp_path)


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


def test_a_repository_is_made_filled_and_taken_away(project: Project, image: Callable[..., str]) -> None:
    name = image()
    address = project.push(name)
    (made,) = project.ecr.describe_repositories(repositoryNames=[project.name])["repositories"]
    assert made["imageScanningConfiguration"] == {"scanOnPush": True}
    (found,) = project.ecr.describe_images(repositoryName=project.name)["imageDetails"]
    assert address == f"{made['repositoryUri']}@{found['imageDigest']}"
    assert sorted(found["imageTags"]) == sorted([short(name), "latest"])
    assert found["imageManifestMediaType"] == DOCKER_V2
    assert docker("image", "inspect", f"{made['repositoryUri']}:{short(name)}", check=False).returncode != 0
    assert not (project.folder / ".docker").exists()  # the login is written nowhere
    assert set(project.ledger.values()) == {"made"}

    second = image()
    assert project.push(second) != address
    assert project.tags() == sorted([short(name), short(second), "latest"])
    again = project.deploy("push", "--image", second)
    assert f"{project.name}:{short(second)} is there already" in again.stderr

    project.destroy()
    with pytest.raises(project.ecr.exceptions.RepositoryNotFoundException):
        project.ecr.describe_repositories(repositoryNames=[project.name])
    assert set(project.ledger.values()) == {"gone"}


def test_what_was_pushed_trains_by_its_digest(project: Project, image: Callable[..., str]) -> None:
    name = image("FROM debian:trixie-slim")
    assert "stands on a base that container/engine.sh bootstrapped" in project.refused(name) or not inspect(name)[
        "Config"
    ].get("Labels")
    address = project.push(name, "--force")
    docker("image", "rm", "--force", name)
    job = Jobs(project.api, address).run(AlgorithmSpecification={"TrainingImage": address})
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    docker("image", "rm", "--force", address, check=False)


def test_a_bootstrapped_base_is_refused_unless_forced(project: Project, image: Callable[..., str]) -> None:
    name = image("FROM scratch\nLABEL dev.tiffin.bootstrapped=true")
    assert "bootstrapped where no registry was in reach" in project.refused(name)
    assert project.ledger == {}
    assert project.push(name, "--force")


def test_C13_the_image_the_setting_and_the_instance_type_agree(project: Project, image: Callable[..., str]) -> None:
    name = image("FROM scratch", "--platform", "linux/arm64")
    assert "is for linux/arm64 and [image] platform says linux/amd64" in project.refused(name)
    said = project.refused(name, "--platform", "linux/arm64")
    assert "[endpoint] is ml.m5.large, which runs linux/amd64" in said
    with (project.folder / "tiffin.toml").open("a") as file:
        file.write('[image]\nplatform = "linux/arm64"\n[endpoint]\ninstance_type = "ml.c6g.large"\n')
    assert project.push(name)
    assert "[image] platform says linux/arm64" in project.refused(image())


def test_somebody_elses_repository_is_used_by_name_and_left_whole(project: Project, image: Callable[..., str]) -> None:
    name, theirs, first, second = project.name, image(), image(), image()
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
    assert {kind for kind, _ in project.ledger} == {"image"}
    project.destroy()
    assert project.tags() == ["latest"]


def test_a_repository_whose_tags_never_move(project: Project, image: Callable[..., str]) -> None:
    repository = f"{project.name}-fixed"
    project.ecr.create_repository(repositoryName=repository, imageTagMutability="IMMUTABLE")
    first, second = image(), image()
    addresses = [project.push(each, "--repository", repository) for each in (first, second, second)]
    assert addresses[1] == addresses[2] != addresses[0]
    assert project.tags(repository) == sorted(f"{project.name}-{short(each)}" for each in (first, second))
    code = (
        "import argparse, sys; from deploy import images; from deploy.context import Context; "
        "print(images.pushed(Context(argparse.Namespace(config=None, repository=sys.argv[1]))))"
    )
    command, options = project.command()
    done = subprocess.run([command[0], "-c", code, repository], **options, capture_output=True, check=True)
    assert done.stdout.strip() == addresses[1]
    project.destroy()
    assert project.tags(repository) == []


def test_C12_an_oci_manifest_is_refused_and_removed_again(project: Project, image: Callable[..., str]) -> None:
    name = image()
    project.push(name)
    tag = short(name)
    (found,) = project.ecr.batch_get_image(repositoryName=project.name, imageIds=[{"imageTag": tag}])["images"]
    document = {**json.loads(found["imageManifest"]), "mediaType": OCI}
    document["config"]["mediaType"] = "application/vnd.oci.image.config.v1+json"
    for layer in document["layers"]:
        layer["mediaType"] = "application/vnd.oci.image.layer.v1.tar+gzip"
    project.ecr.put_image(
        repositoryName=project.name,
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
    project: Project, image: Callable[..., str]
) -> None:
    project.push(image())
    name = image(size=60_000_000)
    command, options = project.command("push", "--image", name)
    registry = int((project.api.state / "registry" / "process").read_text().partition(".")[0])
    with subprocess.Popen(command, **options, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert any(line.endswith(" MB\n") for line in process.stderr)  # a quarter is there
        os.kill(registry, signal.SIGSTOP)
        try:
            process.send_signal(signal.SIGTERM)
            said = process.communicate(timeout=PATIENCE)[1]
        finally:
            os.kill(registry, signal.SIGCONT)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert project.ledger["image", f"{project.name}:{short(name)}"] == "intended"
    assert short(name) not in project.tags()
    uri = project.ecr.describe_repositories(repositoryNames=[project.name])["repositories"][0]["repositoryUri"]
    assert docker("image", "inspect", f"{uri}:{short(name)}", check=False).returncode != 0
    assert project.push(name)
    project.destroy()


def test_a_dry_run_changes_nothing_and_says_what_would(project: Project, image: Callable[..., str]) -> None:
    done = project.deploy("push", "--image", image(), "--dry-run")
    assert done.returncode == 0, done.stderr
    calls = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["operation"] for each in calls] == ["CreateRepository", "PutImage"]
    assert re.search("would push tiffin-test-push:.* to <repositoryUri>:", done.stderr)
    assert project.ledger == {}


def test_what_is_not_there_is_named(project: Project) -> None:
    assert f"there is no image {project.name}:latest on this machine: `deploy build` makes one" in (
        project.deploy("push").stderr
    )
    assert "there is no image nowhere:1" in project.refused("nowhere:1")


def test_a_scans_findings_are_told(project: Project, image: Callable[..., str]) -> None:
    name = image()
    project.push(name)
    project.ecr.start_image_scan(repositoryName=project.name, imageId={"imageTag": "latest"})
    done = project.deploy("push", "--image", name)
    assert re.search(r"^ECR's scan: \d+ \w+", done.stderr, re.MULTILINE), done.stderr


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
