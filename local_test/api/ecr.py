"""ECR before a real registry: URIs that `docker push` and a job can use, and lists of what was really pushed."""

import datetime
import hashlib
import json
from base64 import b64encode
from typing import Any

from moto.core.responses import ActionResult
from moto.ecr.exceptions import InvalidParameterException
from moto.ecr.models import ECRBackend, Image, Repository
from moto.ecr.responses import ECRResponse

from local_test.api.absent import NotHereYet
from local_test.api.platform import Platform
from local_test.api.registry import RegistryError

TOKEN = datetime.timedelta(hours=12)


class Pushed(Image):
    """An image of the registry, with ECR's size: its layers and its configuration, compressed."""

    @property
    def image_size_in_bytes(self) -> int | None:
        manifest = json.loads(self.image_manifest)
        parts = [*manifest.get("layers", []), manifest.get("config", {})]
        return sum(int(part.get("size", 0)) for part in parts) or None


class LocalRegistryBackend(ECRBackend):
    platform: Platform

    def create_repository(self, repository_name: str, *args: Any, **kwargs: Any) -> Repository:
        if not self.platform.replaying:
            self.platform.registry.start()
        repository = super().create_repository(repository_name, *args, **kwargs)
        repository.uri = self._uri(repository)
        return repository

    def describe_repositories(self, *args: Any, **kwargs: Any) -> Any:
        for repository in self.repositories.values():
            repository.uri = self._uri(repository)
        return super().describe_repositories(*args, **kwargs)

    def delete_repository(self, repository_name: str, *args: Any, **kwargs: Any) -> Repository:
        if self.platform.replaying:
            return super().delete_repository(repository_name, *args, **kwargs)
        self._read(repository_name)
        repository = super().delete_repository(repository_name, *args, **kwargs)
        for image in repository.images:
            self.platform.registry.remove(repository_name, image.get_image_digest(), but=[])
        return repository

    def list_images(self, repository_name: str, *args: Any, **kwargs: Any) -> list[Image]:
        self._read(repository_name)
        return super().list_images(repository_name, *args, **kwargs)

    def describe_images(self, repository_name: str, *args: Any, **kwargs: Any) -> Any:
        self._read(repository_name)
        return super().describe_images(repository_name, *args, **kwargs)

    def batch_get_image(self, repository_name: str, *args: Any, **kwargs: Any) -> Any:
        self._read(repository_name)
        return super().batch_get_image(repository_name, *args, **kwargs)

    def put_image(
        self,
        repository_name: str,
        image_manifest: str,
        image_tag: str,
        image_manifest_mediatype: str | None = None,
        digest: str | None = None,
    ) -> Image:
        """As a push does: a manifest whose layers are there, under another tag."""
        self._read(repository_name)
        # moto would make one up from the layers, and list the image a second time, without a tag
        digest = digest or f"sha256:{hashlib.sha256(image_manifest.encode()).hexdigest()}"
        image = super().put_image(repository_name, image_manifest, image_tag, image_manifest_mediatype, digest)
        kind = image.image_manifest_media_type or json.loads(image_manifest).get("mediaType", "")
        try:
            self.platform.registry.put_manifest(repository_name, image_tag, kind, image_manifest.encode())
        except RegistryError as error:
            self._read(repository_name)
            raise InvalidParameterException(str(error)) from None
        self._read(repository_name)
        return next(image for image in self.repositories[repository_name].images if image_tag in image.image_tags)

    def batch_delete_image(self, repository_name: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        repository = self.repositories.get(repository_name)
        before = {image.get_image_digest(): list(image.image_tags) for image in repository.images} if repository else {}
        answer = super().batch_delete_image(repository_name, *args, **kwargs)
        after = {image.get_image_digest(): list(image.image_tags) for image in repository.images} if repository else {}
        for digest, tags in before.items():
            if after.get(digest) != tags:
                self.platform.registry.remove(repository_name, digest, but=after.get(digest, []))
        return answer

    def initiate_layer_upload(self, *_args: Any, **_kwargs: Any) -> Any:
        raise NotHereYet("layers reach the registry by `docker push` only")

    def _uri(self, repository: Repository) -> str:
        return f"{self.platform.registry.address}/{repository.name}"

    def _read(self, name: str) -> None:
        """What the registry holds now; an image whose tag has moved away stays, without a tag."""
        repository = self.repositories.get(name)
        if repository is None or self.platform.replaying:
            return
        registry = self.platform.registry
        known = {image.get_image_digest(): image for image in repository.images}
        for image in known.values():
            image.image_tags = []
        for tag in registry.tags(name):
            found = registry.manifest(name, tag)
            if found is None:
                continue
            digest, kind, body = found
            if digest not in known:
                known[digest] = Pushed(self.account_id, tag, body.decode(), name, kind, digest)
            known[digest].update_tag(tag)
        repository.images = list(known.values())


class LocalRegistryResponse(ECRResponse):
    platform: Platform

    def get_authorization_token(self) -> ActionResult:
        self.platform.registry.start()
        token = b64encode(b"AWS:no-login-is-asked-for").decode()
        expires = datetime.datetime.now(datetime.UTC) + TOKEN
        data = {
            "authorizationToken": token,
            "expiresAt": expires,
            "proxyEndpoint": f"http://{self.platform.registry.address}",
        }
        return ActionResult({"authorizationData": [data for _ in self._get_param("registryIds") or [None]]})

    def batch_delete_image(self) -> ActionResult:
        self.ecr_backend.list_images(self._get_param("repositoryName"), self._get_param("registryId"))
        return super().batch_delete_image()
