"""Stacks of CloudFormation, which take what they made with them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.aws import Aws, pages
from deploy.kinds.kind import ID, PROJECT, Kind, Tags, listed, mapped, or_none
from deploy.ledger import Resource


@dataclass(frozen=True)
class Stack(Kind):
    name: str = "stack"
    tagged: bool = True

    def create(self, aws: Aws, name: str, parameters: Mapping[str, Any], tags: Tags) -> dict[str, Any]:
        answer: dict[str, Any] = aws.client("cloudformation").create_stack(
            StackName=name, Tags=listed(tags), **parameters
        )
        return answer

    def tags(self, aws: Aws, resource: Resource) -> Tags | None:
        found = or_none(aws.client("cloudformation").describe_stacks, StackName=resource.name)
        return mapped(found["Stacks"][0].get("Tags", [])) if found and found["Stacks"] else None

    def delete(self, aws: Aws, resource: Resource) -> bool | None:
        aws.client("cloudformation").delete_stack(StackName=resource.name)
        return None

    def find(self, aws: Aws, project: str) -> Iterable[Resource]:
        for each in pages(aws.client("cloudformation"), "describe_stacks", "Stacks"):
            tags = mapped(each.get("Tags", []))
            if tags.get(PROJECT) == project:
                yield Resource(self.name, each["StackName"], project, tags.get(ID, ""))
