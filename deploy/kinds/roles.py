"""Roles of IAM, below a path of the project's own, with their inline policies.

IAM has no regions, and the policies have: name and path say of which one a role is, and the others leave it alone.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.aws import Aws, pages
from deploy.kinds.kind import ID, PROJECT, Kind, Tags, listed, mapped, or_none
from deploy.ledger import Resource


def name_of(aws: Aws, project: str, which: str) -> str:
    """Of up to IAM's 64 characters; a name is the account's, in all regions and below all paths."""
    return f"{project}-{which}-{aws.region}"


@dataclass(frozen=True)
class Role(Kind):
    name: str = "role"
    tagged: bool = True

    def create(self, aws: Aws, name: str, parameters: Mapping[str, Any], tags: Tags) -> dict[str, Any]:
        """`parameters`: those of CreateRole, and `Policy`, the document of its one inline policy."""
        iam = aws.client("iam")
        others = {key: value for key, value in parameters.items() if key != "Policy"}
        answer: dict[str, Any] = iam.create_role(
            RoleName=name, Path=path(aws, tags[PROJECT]), Tags=listed(tags), **others
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
        for each in pages(aws.client("iam"), "list_roles", "Roles", PathPrefix=path(aws, project)):
            tags = mapped(pages(aws.client("iam"), "list_role_tags", "Tags", RoleName=each["RoleName"]))
            if tags.get(PROJECT) == project:
                yield Resource(self.name, each["RoleName"], project, tags.get(ID, ""))


def path(aws: Aws, project: str) -> str:
    return f"/tiffin/{project}/{aws.region}/"
