"""The image: its name on this machine, and in ECR, where jobs and models start it."""

from typing import Any

from deploy import repositories
from deploy.aws import pages
from deploy.context import Context
from deploy.errors import DeployError
from deploy.kinds.kind import or_none
from deploy.kinds.registry import where
from deploy.repositories import Place
from deploy.sections import Image


def local(context: Context) -> str:
    """What `build` makes and `push` sends."""
    return context.read(Image).image or f"{context.project}:latest"


def repository(context: Context) -> str:
    """Its name in ECR, or its ARN where another account has it."""
    return repositories.place(context).name


def platform(image: Any) -> str:
    """Of an image of the engine: linux/amd64."""
    return f"{image.attrs['Os']}/{image.attrs['Architecture']}"


def pushed(context: Context) -> str:
    """What `push` sent last, by its digest (`repositoryUri@sha256:…`): a later push changes nothing that runs.

    The settings may name one that somebody else pushed.
    """
    chosen = context.read(Image).image_uri
    if chosen:
        return chosen
    place = repositories.find(context)
    digest = place and _last(context, place)
    if not place or not digest:
        name = context.read(Image).repository or context.project
        raise DeployError(
            f"there is no image of {context.project} in {name} in {context.aws.region}: `deploy push` first, "
            f"or name one with --image-uri"
        )
    return f"{place.uri}@{digest}"


def _last(context: Context, place: Place) -> str | None:
    ecr = context.aws.client("ecr")
    if place.is_immutable:  # no tag moves there
        every = pages(ecr, "describe_images", "imageDetails", **where(place.name), filter={"tagStatus": "TAGGED"})
        ours = [each for each in every if any(map(place.is_ours, each["imageTags"]))]
        return max(ours, key=lambda each: each["imagePushedAt"])["imageDigest"] if ours else None
    found = or_none(ecr.describe_images, **where(place.name), imageIds=[{"imageTag": place.latest}])
    return found["imageDetails"][0]["imageDigest"] if found and found["imageDetails"] else None
