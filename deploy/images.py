"""The image in ECR that jobs and models start."""

from typing import Any

from deploy.context import Context
from deploy.errors import DeployError
from deploy.kinds.kind import or_none
from deploy.sections import Image

LATEST = "latest"


def local(context: Context) -> str:
    """What `build` makes and `push` sends."""
    return context.read(Image).image or f"{context.project}:latest"


def platform(image: Any) -> str:
    """Of an image of the engine: linux/amd64."""
    return f"{image.attrs['Os']}/{image.attrs['Architecture']}"


def repository(context: Context) -> str:
    return context.read(Image).repository or context.project


def pushed(context: Context) -> str:
    """What `push` sent last, by its digest (`repositoryUri@sha256:…`): a later push changes nothing that runs."""
    ecr, name = context.aws.client("ecr"), repository(context)
    found = or_none(ecr.describe_repositories, repositoryNames=[name])
    images = found and or_none(ecr.describe_images, repositoryName=name, imageIds=[{"imageTag": LATEST}])
    if not found or not images or not images["imageDetails"]:
        raise DeployError(f"there is no image {name}:{LATEST} in ECR in {context.aws.region}: `deploy push` first")
    return f"{found['repositories'][0]['repositoryUri']}@{images['imageDetails'][0]['imageDigest']}"
