"""The image in ECR that jobs and models start."""

from deploy.context import Context
from deploy.errors import DeployError
from deploy.kinds.kind import or_none
from deploy.sections import Image

LATEST = "latest"


def repository(context: Context) -> str:
    return context.read(Image).repository or context.project


def pushed(context: Context) -> str:
    """What `push` sent last, by its digest (`repositoryUri@sha256:…`): a later push changes nothing that runs.

    The settings may name one that somebody else pushed.
    """
    chosen = context.read(Image).image_uri
    if chosen:
        return chosen
    ecr, name = context.aws.client("ecr"), repository(context)
    found = or_none(ecr.describe_repositories, repositoryNames=[name])
    images = found and or_none(ecr.describe_images, repositoryName=name, imageIds=[{"imageTag": LATEST}])
    if not found or not images or not images["imageDetails"]:
        raise DeployError(
            f"there is no image {name}:{LATEST} in ECR in {context.aws.region}: `deploy push` first, "
            f"or name one with --image-uri"
        )
    return f"{found['repositories'][0]['repositoryUri']}@{images['imageDetails'][0]['imageDigest']}"
