"""ECR through boto3 and a real `docker push`, to a real registry."""

import base64
import hashlib
import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker as sdk
import pytest
from botocore.exceptions import ClientError

from tests.awsjobs import Jobs
from tests.container.conftest import docker
from tests.localaws import LocalAws, up

pytestmark = [pytest.mark.container, pytest.mark.registry]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    with up(tmp_path_factory.mktemp("aws") / "state", "--docker") as api:
        yield api


@pytest.fixture
def engine() -> Iterator[Any]:
    client = sdk.from_env()
    yield client
    client.close()


@pytest.fixture
def image(engine: Any, tmp_path: Path) -> Iterator[Any]:
    """A small image that trains."""
    (tmp_path / "train").write_text("#!/bin/sh\necho trained > /opt/ml/model/done\n")
    lines = "FROM debian:trixie-slim\nCOPY train /usr/local/bin/train\nRUN chmod 755 /usr/local/bin/train\n"
    (tmp_path / "Dockerfile").write_text(lines)
    name = f"tiffin-test-ecr:{uuid.uuid4().hex[:12]}"
    docker("build", "--quiet", "--tag", name, str(tmp_path))
    yield engine.images.get(name)
    docker("image", "rm", "--force", name)


def pushed(api: LocalAws, engine: Any, image: Any, repository: str, *tags: str) -> str:
    """As AWS's own instructions do it, for AWS's and ours alike; the repository's URI."""
    ecr = api.client("ecr")
    if not ecr.describe_repositories()["repositories"] or repository not in names(ecr):
        ecr.create_repository(repositoryName=repository)
    uri = ecr.describe_repositories(repositoryNames=[repository])["repositories"][0]["repositoryUri"]
    data = ecr.get_authorization_token()["authorizationData"][0]
    assert data["expiresAt"] > datetime.now(UTC)
    assert uri.startswith(data["proxyEndpoint"].removeprefix("http://"))
    user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
    for tag in tags:
        image.tag(uri, tag)
        said = engine.images.push(
            uri, tag, auth_config={"username": user, "password": password}, stream=True, decode=True
        )
        assert not [line for line in said if "error" in line]
        engine.images.remove(f"{uri}:{tag}")
    return str(uri)


def names(ecr: Any) -> list[str]:
    return [repository["repositoryName"] for repository in ecr.describe_repositories()["repositories"]]


def tags(ecr: Any, repository: str) -> list[str]:
    found = ecr.list_images(repositoryName=repository, filter={"tagStatus": "TAGGED"})["imageIds"]
    return sorted(item["imageTag"] for item in found)


def test_what_is_pushed_is_listed_and_trains(api: LocalAws, engine: Any, image: Any) -> None:
    uri = pushed(api, engine, image, "team/model", "one", "two")
    ecr = api.client("ecr")
    assert tags(ecr, "team/model") == ["one", "two"]
    (detail,) = ecr.describe_images(repositoryName="team/model")["imageDetails"]
    assert sorted(detail["imageTags"]) == ["one", "two"]
    assert 10_000_000 < detail["imageSizeInBytes"] < 100_000_000
    assert detail["imageManifestMediaType"] == "application/vnd.docker.distribution.manifest.v2+json"
    jobs = Jobs(api, f"{uri}:one")
    for name in (
        f"{uri}:one",
        f"{uri}@{detail['imageDigest']}",
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/model:two",
    ):
        job = jobs.run(AlgorithmSpecification={"TrainingImage": name})
        assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
        assert jobs.archive(job["ModelArtifacts"]["S3ModelArtifacts"]) == {"done": b"trained\n"}
    gone = jobs.run(AlgorithmSpecification={"TrainingImage": f"{uri}:three"})
    assert gone["TrainingJobStatus"] == "Failed"
    assert "cannot be pulled" in gone["FailureReason"]
    docker("image", "rm", "--force", f"{uri}:one", f"{uri}:two", check=False)


def test_a_tag_is_put_and_deleted(api: LocalAws, engine: Any, image: Any) -> None:
    pushed(api, engine, image, "tags", "first")
    ecr = api.client("ecr")
    (found,) = ecr.batch_get_image(repositoryName="tags", imageIds=[{"imageTag": "first"}])["images"]
    ecr.put_image(repositoryName="tags", imageManifest=found["imageManifest"], imageTag="second")
    assert tags(ecr, "tags") == ["first", "second"]
    ecr.batch_delete_image(repositoryName="tags", imageIds=[{"imageTag": "first"}])
    assert tags(ecr, "tags") == ["second"]
    ecr.batch_delete_image(repositoryName="tags", imageIds=[{"imageDigest": found["imageId"]["imageDigest"]}])
    assert tags(ecr, "tags") == []
    with pytest.raises(ClientError):
        ecr.put_image(
            repositoryName="tags", imageManifest=found["imageManifest"].replace("sha256:", "sha256:0"), imageTag="x"
        )


def test_a_manifest_that_is_put_is_listed_once_by_its_own_digest(api: LocalAws, engine: Any, image: Any) -> None:
    pushed(api, engine, image, "put", "first")
    ecr = api.client("ecr")
    (found,) = ecr.batch_get_image(repositoryName="put", imageIds=[{"imageTag": "first"}])["images"]
    other = found["imageManifest"] + " "
    ecr.put_image(repositoryName="put", imageManifest=other, imageTag="second")
    listed = {each.get("imageTag"): each["imageDigest"] for each in ecr.list_images(repositoryName="put")["imageIds"]}
    assert listed == {
        "first": found["imageId"]["imageDigest"],
        "second": f"sha256:{hashlib.sha256(other.encode()).hexdigest()}",
    }


def test_a_repository_is_emptied_by_force(api: LocalAws, engine: Any, image: Any) -> None:
    pushed(api, engine, image, "full", "tag")
    ecr = api.client("ecr")
    with pytest.raises(ecr.exceptions.RepositoryNotEmptyException):
        ecr.delete_repository(repositoryName="full")
    ecr.delete_repository(repositoryName="full", force=True)
    ecr.create_repository(repositoryName="full")
    assert tags(ecr, "full") == []


def test_a_restart_keeps_images_and_their_names(engine: Any, image: Any, tmp_path: Path) -> None:
    with up(tmp_path / "state", "--docker") as api:
        uri = pushed(api, engine, image, "kept", "tag")
        api.process.kill()
        api.process.wait()
    with up(tmp_path / "state", "--docker") as api:
        ecr = api.client("ecr")
        assert ecr.describe_repositories()["repositories"][0]["repositoryUri"] == uri
        assert tags(ecr, "kept") == ["tag"]
        assert api.stop() == 0
        port = int(uri.partition("/")[0].rpartition(":")[2])
        assert docker("pull", f"127.0.0.1:{port}/kept:tag", check=False).returncode != 0


def test_without_the_program_it_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "ps", "mount", "unshare"):
        (folder / name).symlink_to(str(shutil.which(name)))
    with up(tmp_path / "state", "--no-docker", PATH=str(folder)) as api:
        with pytest.raises(ClientError) as raised:
            api.client("ecr").create_repository(repositoryName="any")
        assert raised.value.response["Error"]["Code"] == "NotImplemented"
        assert "apt-get install docker-registry" in raised.value.response["Error"]["Message"]
