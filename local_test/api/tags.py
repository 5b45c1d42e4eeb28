"""Tags of what is not there: refused as AWS does, where moto trips."""

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
