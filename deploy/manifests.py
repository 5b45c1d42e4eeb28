"""The manifest of an image as it is in ECR: SageMaker takes Docker's version 2, schema 2, and no other (C-12)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deploy.context import Context
from deploy.errors import DeployError
from deploy.kinds.kind import or_none
from deploy.kinds.registry import where
from deploy.repositories import Place

DOCKER_V2 = "application/vnd.docker.distribution.manifest.v2+json"
KINDS = (
    DOCKER_V2,
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
)


@dataclass(frozen=True)
class Manifest:
    digest: str
    media_type: str
    text: str

    @property
    def config(self) -> str:
        """The digest of the image's configuration: the image's id on the engine that pushed it."""
        return str(self._document.get("config", {}).get("digest", ""))

    @property
    def parts(self) -> list[str]:
        """Of an index: the manifests that came with it."""
        return [each["digest"] for each in self._document.get("manifests", [])]

    @property
    def size(self) -> int:
        """Bytes that an instance pulls."""
        return sum(int(each.get("size", 0)) for each in self._document.get("layers", []))

    @property
    def _document(self) -> Mapping[str, Any]:
        document: Mapping[str, Any] = json.loads(self.text)
        return document


def read(context: Context, place: Place, tag: str) -> Manifest | None:
    found = or_none(
        context.aws.client("ecr").batch_get_image,
        **where(place.name),
        imageIds=[{"imageTag": tag}],
        acceptedMediaTypes=list(KINDS),
    )
    if not found or not found.get("images"):
        return None
    image = found["images"][0]
    text = image["imageManifest"]
    media_type = image.get("imageManifestMediaType") or json.loads(text).get("mediaType", "")
    return Manifest(image["imageId"]["imageDigest"], media_type, text)


def refuse(context: Context, place: Place, tag: str, manifest: Manifest) -> None:
    """Away with what SageMaker would refuse only when an endpoint is made of it; raises DeployError."""
    context.aws.client("ecr").batch_delete_image(
        **where(place.name), imageIds=[{"imageDigest": each} for each in [manifest.digest, *manifest.parts]]
    )
    raise DeployError(
        f"the manifest of {place.name}:{tag} is {manifest.media_type}, and SageMaker takes {DOCKER_V2} alone (C-12); "
        "it was removed again. Build with `deploy build`, or with `docker buildx build --provenance=false --sbom=false "
        "--output type=docker,oci-mediatypes=false`; Docker Desktop: turn off 'containerd for pulling and storing "
        "images' where that is not enough"
    )
