"""What deploy has to know of a kind of thing to make it, to recognise it as ours, and to take it away."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from deploy.aws import Aws
from deploy.faults import is_absent
from deploy.ledger import Resource

PROJECT, ID, EXPIRES, VERSION = "tiffin:project", "tiffin:id", "tiffin:expires", "tiffin:version"
Tags = Mapping[str, str]


@dataclass(frozen=True)
class Kind:
    """As it stands here: a thing without tags that comes with another one, so that only the ledger says whose it is."""

    name: str = ""
    tagged: bool = False

    def create(self, aws: Aws, name: str, parameters: Mapping[str, Any], tags: Tags) -> dict[str, Any]:
        return {}

    def finish(self, aws: Aws, name: str, parameters: Mapping[str, Any], tags: Tags) -> None:
        """What a kind takes other calls for; made also where the answer to `create` was lost."""

    def tags(self, aws: Aws, resource: Resource) -> Tags | None:
        """None where it is not there (of a job: has ended)."""
        raise NotImplementedError

    def is_there(self, aws: Aws, resource: Resource) -> bool:
        return self.tags(aws, resource) is not None

    def ended(self, aws: Aws, resource: Resource) -> Tags | None:
        """Those of a job that has ended: it stays listed, and its lines are whose it was."""
        return None

    def delete(self, aws: Aws, resource: Resource) -> bool | None:
        """Ask for it; what takes time is seen by `tags`. False: ask again when something else is done."""
        raise NotImplementedError

    def find(self, aws: Aws, project: str) -> Iterable[Resource]:
        """All that is there with the project's tag, whatever the ledger knows."""
        return ()

    def implied(self, aws: Aws, name: str, project: str) -> tuple[Resource, ...]:
        """What AWS makes by itself with one of these, and leaves behind."""
        return ()


@dataclass(frozen=True)
class TaggedByArn(Kind):
    """Whose it is takes another call than whether it is there."""

    tagged: bool = True

    def arn(self, aws: Aws, resource: Resource) -> str | None:
        """As `tags`."""
        raise NotImplementedError

    def tags_of(self, aws: Aws, arn: str) -> Tags | None:
        raise NotImplementedError

    def is_there(self, aws: Aws, resource: Resource) -> bool:
        return self.arn(aws, resource) is not None

    def tags(self, aws: Aws, resource: Resource) -> Tags | None:
        arn = self.arn(aws, resource)
        return None if arn is None else self.tags_of(aws, arn)


def listed(tags: Tags) -> list[dict[str, str]]:
    return [{"Key": each, "Value": tags[each]} for each in sorted(tags)]


def mapped(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in tags}


def or_none(call: Any, **parameters: Any) -> dict[str, Any] | None:
    """The answer, or None where AWS says that there is no such thing."""
    try:
        answer: dict[str, Any] = call(**parameters)
        return answer
    except ClientError as error:
        if is_absent(error):
            return None
        raise
