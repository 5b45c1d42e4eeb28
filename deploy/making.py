"""The one place where things are made: intended in the ledger, tagged, made, recorded.

AWS may have made a thing though the call failed (a timeout, a retry that hears "already exists"). Its tag tiffin:id
says then whether it is the one that was meant.
"""

import re
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from deploy import enterprise
from deploy.aws import Aws
from deploy.errors import DeployError, NameTaken
from deploy.faults import is_taken
from deploy.kinds import KINDS
from deploy.kinds.kind import EXPIRES, ID, PROJECT, VERSION
from deploy.ledger import INTENDED, MADE, VOID, Ledger, Resource
from deploy.sections import Project
from tiffin import __version__

SPAN = re.compile(r"(\d+)([smhd])")
UNKNOWN: Mapping[str, re.Pattern[str]] = {  # what AWS says where it does not know a kind of thing everywhere yet
    "role": re.compile(r"[Cc](ould not|annot) assume"),
    "endpoint configuration": re.compile(r'Could not find endpoint configuration "'),
    "model": re.compile(r'Could not find model "'),
}
SETTLES = 120.0  # seconds from its making on
PAUSES = (1.0, 2.0, 4.0, 8.0, 8.0, 8.0)  # seconds
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Maker:
    def __init__(self, aws: Aws, project: Project) -> None:
        self.aws = aws
        self.project = project
        self.ledger = Ledger(project.ledger, aws.account, aws.region)
        self._expires = expiry(project.expires, datetime.now(UTC))

    def make(self, kind: str, name: str, **parameters: Any) -> dict[str, Any]:
        """What AWS answered; raises NameTaken where something of that name is there and is not this one."""
        detail = {"expires": self._expires} if self._expires else {}
        resource = Resource(kind, name, self.project.project, uuid.uuid4().hex, detail)
        implied = KINDS[kind].implied(self.aws, name, self.project.project)
        self._record(INTENDED, resource)
        dressed, tags = enterprise.dressed(kind, parameters, self.aws.account_settings), self.tags(resource.id)
        try:
            answer = self.soon(KINDS[kind].create, self.aws, name, dressed, tags)
        except ClientError as error:
            if not is_taken(error):
                raise
            there = KINDS[kind].tags(self.aws, resource)
            if there is None:
                there = KINDS[kind].ended(self.aws, resource)
            if there is None:  # something else is twice there: tags that differ by capitals, to IAM
                raise
            if there.get(ID) != resource.id:
                self._record(VOID, resource)
                raise NameTaken(
                    f"{name} is taken in {self.aws.region} by another {kind}, somebody else's or an earlier one: "
                    f"choose another name, or `deploy destroy` what is of this project"
                ) from None
            answer = {}
        KINDS[kind].finish(self.aws, name, dressed, tags)
        self._record(MADE, resource, *implied)
        return answer

    def tags(self, identity: str) -> Mapping[str, str]:
        ours = {PROJECT: self.project.project, ID: identity, VERSION: __version__}
        return {**self.project.tags, **ours, **({EXPIRES: self._expires} if self._expires else {})}

    def soon(self, call: Callable[..., dict[str, Any]], *given: Any, **parameters: Any) -> dict[str, Any]:
        """Again, where AWS does not know yet what was made a moment ago."""
        for pause in PAUSES:
            try:
                return call(*given, **parameters)
            except ClientError as error:
                if not self._is_of_fresh(str(error)):
                    raise
            time.sleep(pause)
        return call(*given, **parameters)

    def _is_of_fresh(self, said: str) -> bool:
        kinds = {kind for kind, words in UNKNOWN.items() if words.search(said)}
        entries = self.ledger.standing(self.project.project)
        return any(each.resource.kind in kinds and time.time() - each.at < SETTLES for each in entries)

    def _record(self, event: str, *resources: Resource) -> None:
        if not self.aws.dry_run:
            self.ledger.write(event, *resources)


def expiry(text: str, now: datetime) -> str:
    """`8h` from now as the tag's value, in UTC; empty for none."""
    if not text:
        return ""
    length = span(text)
    if length is None:
        raise DeployError(f"expires {text!r} is no span of time: write 90m, 8h or 3d")
    return (now + length).strftime("%Y-%m-%dT%H:%M:%SZ")


def span(text: str) -> timedelta | None:
    """Of 30s, 90m, 8h, 3d; None where it is not one."""
    found = SPAN.fullmatch(text)
    return timedelta(**{UNITS[found[2]]: int(found[1])}) if found else None
