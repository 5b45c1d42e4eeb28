"""Tags, held to AWS's rules; of what is not there they are refused as AWS does, where moto trips."""

from collections.abc import Iterable, Mapping
from typing import Any

from moto.sagemaker.exceptions import ValidationError


class TagsBackend:
    """Of moto's SageMaker backend, what it looks tags up by."""

    def _get_resource_from_arn(self, arn: str) -> Any:
        resource = super()._get_resource_from_arn(arn)  # type: ignore[misc]
        if resource is None:  # it may have gone a moment ago
            kind = arn.rpartition(":")[2].partition("/")[0]
            raise ValidationError(f'Could not find {kind} "{arn}".')
        return resource

    def add_tags(self, arn: str, tags: list[dict[str, str]]) -> list[dict[str, str]]:
        """moto would keep the old value of a key beside the new one."""
        resource = self._get_resource_from_arn(arn)
        new = {tag["Key"] for tag in tags}
        together = [*(tag for tag in resource.tags if tag["Key"] not in new), *tags]
        check_tags(together)
        resource.tags = together
        return together


def check_tags(tags: Iterable[Mapping[str, str]]) -> None:
    """Raises ValidationError; the lengths are the API model's."""
    keys = [tag["Key"] for tag in tags]
    if len(set(keys)) < len(keys):
        raise ValidationError(f"Duplicate tag keys: {', '.join(sorted({key for key in keys if keys.count(key) > 1}))}")
    for key in keys:
        if key.lower().startswith("aws:"):
            raise ValidationError(f"Tag keys may not begin with 'aws:', which is reserved: {key}")
    if len(keys) > MOST:
        raise ValidationError(f"A resource has at most {MOST} tags, and this would have {len(keys)}.")


MOST = 50
