"""The model registry's deletes, which moto lacks; what it has, approval too, is moto's."""

from typing import Any

from moto.core.responses import EmptyResult
from moto.sagemaker.exceptions import ConflictException, ValidationError


class PackagesResponse:
    params: dict[str, Any]
    sagemaker_backend: Any

    def delete_model_package(self) -> EmptyResult:
        backend, name = self.sagemaker_backend, self.params["ModelPackageName"]
        arn = backend.model_package_name_mapping.get(name, name)
        if arn not in backend.model_packages:
            raise ValidationError(f"ModelPackage {name} does not exist.")
        del backend.model_packages[arn]
        backend.model_package_name_mapping.pop(name, None)
        return EmptyResult()

    def delete_model_package_group(self) -> EmptyResult:
        backend, name = self.sagemaker_backend, self.params["ModelPackageGroupName"].rpartition("/")[2]
        backend.describe_model_package_group(name)
        if any(package.model_package_group_name == name for package in backend.model_packages.values()):
            raise ConflictException(f"Model Package Group {name} still has model packages; delete them first.")
        del backend.model_package_groups[name]
        return EmptyResult()
