"""Repositories of ECR, and the images that we pushed into one."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from deploy.aws import Aws, pages
from deploy.kinds.kind import ID, PROJECT, Kind, TaggedByArn, Tags, listed, mapped, or_none
from deploy.ledger import Resource


def where(repository: str) -> dict[str, str]:
    """A name, or the ARN of another account's, as ECR's operations take it."""
    if not repository.startswith("arn:"):
        return {"repositoryName": repository}
    _, _, _, _, account, path = repository.split(":", 5)
    return {"repositoryName": path.removeprefix("repository/"), "registryId": account}


@dataclass(frozen=True)
class Repository(TaggedByArn):
    name: str = "repository"

    def create(self, aws: Aws, name: str, parameters: Mapping[str, Any], tags: Tags) -> dict[str, Any]:
        answer: dict[str, Any] = aws.client("ecr").create_repository(
            repositoryName=name, tags=listed(tags), imageScanningConfiguration={"scanOnPush": True}, **parameters
        )
        return answer

    def arn(self, aws: Aws, resource: Resource) -> str | None:
        found = or_none(aws.client("ecr").describe_repositories, repositoryNames=[resource.name])
        return None if found is None else str(found["repositories"][0]["repositoryArn"])

    def delete(self, aws: Aws, resource: Resource) -> None:
        aws.client("ecr").delete_repository(repositoryName=resource.name, force=True)

    def find(self, aws: Aws, project: str) -> Iterable[Resource]:
        for each in pages(aws.client("ecr"), "describe_repositories", "repositories"):
            tags = self.tags_of(aws, each["repositoryArn"])
            if tags.get(PROJECT) == project:
                yield Resource(self.name, each["repositoryName"], project, tags.get(ID, ""))

    def tags_of(self, aws: Aws, arn: str) -> Tags:
        return mapped(aws.client("ecr").list_tags_for_resource(resourceArn=arn)["tags"])


@dataclass(frozen=True)
class PushedImage(Kind):
    """Named `repository:tag`, with an ARN in the place of another account's repository.

    In somebody else's repository a tag of ours begins with the project's name: a push that was cut off leaves the
    intention alone, and what `destroy` then deletes is still nobody else's.
    """

    name: str = "image"

    def create(self, aws: Aws, name: str, parameters: Mapping[str, Any], tags: Tags) -> dict[str, Any]:
        """`push`: what sends the layers, since that is the engine's; else the members of PutImage, or nothing."""
        if "push" in parameters:
            parameters["push"]()
        elif parameters:
            repository, _, tag = name.rpartition(":")
            ecr = aws.client("ecr")
            with suppress(ecr.exceptions.ImageAlreadyExistsException):  # the tag is on this very image: as wanted
                ecr.put_image(**where(repository), imageTag=tag, **parameters)
        return {}

    def tags(self, aws: Aws, resource: Resource) -> Tags | None:
        repository, _, tag = resource.name.rpartition(":")
        found = or_none(aws.client("ecr").batch_get_image, **where(repository), imageIds=[{"imageTag": tag}])
        return {} if found and found.get("images") else None

    def delete(self, aws: Aws, resource: Resource) -> None:
        repository, _, tag = resource.name.rpartition(":")
        aws.client("ecr").batch_delete_image(**where(repository), imageIds=[{"imageTag": tag}])
