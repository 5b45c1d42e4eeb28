"""Roles of IAM, below a path of the project's own, with their inline policies.

IAM has no regions, and the policies have: a tag says of which one a role is, and the others leave it alone.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.aws import Aws, pages
from deploy.kinds.kind import ID, PROJECT, Kind, Tags, listed, mapped, or_none
from deploy.ledger import Resource

REGION = "tiffin:region"


@dataclass(frozen=True)
class Role(Kind):
    name: str = "role"
    tagged: bool = True

    def create(self, aws: Aws, name: str, parameters: Mapping[str, Any], tags: Tags) -> dict[str, Any]:
        """`parameters`: those of CreateRole, and `Policy`, the document of its one inline policy."""
        iam = aws.client("iam")
        others = {key: value for key, value in parameters.items() if key != "Policy"}
        tagged = {**tags, REGION: aws.region}
        answer: dict[str, Any] = iam.create_role(
            RoleName=name, Path=_path(tags[PROJECT]), Tags=listed(tagged), **others
        )
        return answer

    def finish(self, aws: Aws, name: str, parameters: Mapping[str, Any], tags: Tags) -> None:
        self.allow(aws, name, parameters["Policy"])

    @staticmethod
    def allow(aws: Aws, name: str, policy: Mapping[str, Any]) -> None:
        aws.client("iam").put_role_policy(RoleName=name, PolicyName="tiffin", PolicyDocument=json.dumps(policy))

    def tags(self, aws: Aws, resource: Resource) -> Tags | None:
        found = or_none(aws.client("iam").get_role, RoleName=resource.name)
        return None if found is None else mapped(found["Role"].get("Tags", []))

    def delete(self, aws: Aws, resource: Resource) -> None:
        iam = aws.client("iam")
        for policy in pages(iam, "list_role_policies", "PolicyNames", RoleName=resource.name):
            iam.delete_role_policy(RoleName=resource.name, PolicyName=policy)
        for attached in pages(iam, "list_attached_role_policies", "AttachedPolicies", RoleName=resource.name):
            iam.detach_role_policy(RoleName=resource.name, PolicyArn=attached["PolicyArn"])
        iam.delete_role(RoleName=resource.name)

    def find(self, aws: Aws, project: str) -> Iterable[Resource]:
        for each in pages(aws.client("iam"), "list_roles", "Roles", PathPrefix=_path(project)):
            tags = mapped(pages(aws.client("iam"), "list_role_tags", "Tags", RoleName=each["RoleName"]))
            if tags.get(PROJECT) == project and tags.get(REGION, aws.region) == aws.region:
                yield Resource(self.name, each["RoleName"], project, tags.get(ID, ""))


def _path(project: str) -> str:
    return f"/tiffin/{project}/"
