"""Application Auto Scaling's targets and policies, where moto's are not as AWS's: a policy stands on its target."""

from typing import Any

from moto.applicationautoscaling import models, urls
from moto.core.exceptions import JsonRESTError


class ObjectNotFoundException(JsonRESTError):
    def __init__(self, message: str) -> None:
        super().__init__("ObjectNotFoundException", message)


class TargetsBackend(models.ApplicationAutoscalingBackend):
    _url_module = urls  # moto would look beside the class

    def deregister_scalable_target(self, namespace: str, r_id: str, dimension: str) -> None:
        where = (namespace, r_id, dimension)
        self._registered(*where, how="found")
        super().deregister_scalable_target(*where)
        for policy in list(self.policies.values()):
            if (policy.service_namespace, policy.resource_id, policy.scalable_dimension) == where:
                super().delete_scaling_policy(policy.policy_name, *where)

    def put_scaling_policy(self, *_: Any, **named: Any) -> Any:
        where = named["service_namespace"], named["resource_id"], named["scalable_dimension"]
        self._registered(*where, how="registered")
        return super().put_scaling_policy(**named)

    def delete_scaling_policy(
        self, policy_name: str, service_namespace: str, resource_id: str, scalable_dimension: str
    ) -> None:
        where = (service_namespace, resource_id, scalable_dimension)
        key = models.FakeApplicationAutoscalingPolicy.formulate_key(*where, policy_name)
        if key not in self.policies:
            raise ObjectNotFoundException(f"No scaling policy found for {_said(*where)}, policy name: {policy_name}")
        super().delete_scaling_policy(policy_name, *where)

    def _registered(self, namespace: str, resource: str, dimension: str, *, how: str) -> None:
        if not self._scalable_target_exists(resource, dimension):
            raise ObjectNotFoundException(f"No scalable target {how} for {_said(namespace, resource, dimension)}")


def _said(namespace: str, resource: str, dimension: str) -> str:
    return f"service namespace: {namespace}, resource ID: {resource}, scalable dimension: {dimension}"


def install() -> None:
    models.applicationautoscaling_backends.backend = TargetsBackend


def can_install() -> bool:
    moved = ("deregister_scalable_target", "put_scaling_policy", "delete_scaling_policy", "_scalable_target_exists")
    backends = models.applicationautoscaling_backends
    return hasattr(backends, "backend") and all(hasattr(models.ApplicationAutoscalingBackend, one) for one in moved)
