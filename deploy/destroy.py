"""Take away what the project made, and prove by listing that nothing is left.

What is taken: every standing entry of the ledger, what carries the project's tag whether the ledger knows it or not (it
may be another machine's), and what AWS made along with either. Of an entry that was only intended, and of every tagged
thing, the tag decides whose it is: nothing of anybody else's is deleted because it has the name.
"""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from deploy import faults
from deploy.aws import Aws
from deploy.errors import DeployError
from deploy.kinds import KINDS, ORDER
from deploy.kinds.kind import EXPIRES, ID, PROJECT, Kind, Tags
from deploy.ledger import GONE, INTENDED, VOID, Entry, Ledger, Resource

FOUND = "found"  # by its tag
PATIENCE = 900.0  # seconds for one thing to go: an endpoint that is being made has to be made first
# Seconds after which a call that was taken is made again: of an endpoint that is being made AWS takes it, and may do
# nothing (hashicorp/terraform-provider-aws#39152).
AGAIN = 30.0
BUSY = ("in-progress", "in progress", "is in use", "InUse", "Cannot", "Conflict", "Updating", "Creating", "Throttl")
STANDS_ON = ("endpoint configuration", "model")  # AWS: not while an endpoint that is being made or updated has them
Say = Callable[[str], None]


@dataclass(frozen=True)
class Left:
    resource: Resource
    why: str

    def __str__(self) -> str:
        return f"{self.resource.kind} {self.resource.name}: {self.why}"


def chosen(
    aws: Aws, ledger: Ledger, project: str, *, expired_at: datetime | None = None
) -> tuple[list[Resource], list[Left]]:
    """What `destroy` would take, in its order, and what could not be looked at: all of a kind has the name `*`."""
    known: dict[tuple[str, str], list[Entry]] = {}
    for entry in ledger.standing(project):
        known.setdefault(entry.resource.key, []).append(entry)
    unlisted = []
    for kind in ORDER:
        try:
            for resource in kind.find(aws, project):
                known.setdefault(resource.key, []).append(Entry(resource, FOUND, 0.0))
        except (ClientError, BotoCoreError) as error:
            unlisted.append(Left(Resource(kind.name, "*", project), faults.sentence(error, aws)))
    taken: dict[tuple[str, str], Resource] = {}
    for entries in known.values():
        resource, kind = entries[-1].resource, KINDS[entries[-1].resource.kind]
        try:
            tags = kind.tags(aws, resource)
            owner = kind.ended(aws, resource) if tags is None else tags
        except (ClientError, BotoCoreError) as error:
            unlisted.append(Left(resource, faults.sentence(error, aws)))  # nobody knows whose it is
            continue
        if owner is not None and not any(_is_ours(kind, entry, owner) for entry in entries):
            if not aws.dry_run:
                ledger.write(VOID, *(entry.resource for entry in entries))
            continue
        if expired_at and not _is_expired(resource, tags or {}, expired_at):
            continue
        implied = kind.implied(aws, resource.name, project)
        taken |= {each.key: each for each in (resource, *implied)}
    order = [kind.name for kind in ORDER]
    return sorted(taken.values(), key=lambda each: order.index(each.kind)), unlisted


def destroy(
    aws: Aws, ledger: Ledger, resources: Iterable[Resource], say: Say, patience: float = PATIENCE
) -> list[Left]:
    """What could not be taken, and why; the rest is gone, and recorded as that."""
    left: list[Left] = []
    for resource in resources:
        if resource.kind in STANDS_ON and (needed := [each for each in left if each.resource.kind == "endpoint"]):
            left.append(Left(resource, f"the endpoint {needed[0].resource.name} is left, and may need it"))
            continue
        try:
            was_there = _remove(aws, resource, patience)
        except (ClientError, BotoCoreError, DeployError) as error:
            why = str(error) if isinstance(error, DeployError) else faults.sentence(error, aws)
            left.append(Left(resource, why))
            say(f"left     {left[-1]}")
            continue
        if not aws.dry_run:
            ledger.write(GONE, resource)
        if was_there:
            say(f"{'would go' if aws.dry_run else 'gone    '} {resource.kind} {resource.name}")
    return left


def _remove(aws: Aws, resource: Resource, patience: float) -> bool:
    """Whether there was something; returns when AWS lists it no more."""
    kind, deadline, pause, why = KINDS[resource.kind], time.monotonic() + patience, 0.0, ""  # most go at once
    was_there, taken_at = False, -math.inf
    while kind.is_there(aws, resource):
        was_there, now = True, time.monotonic()
        if now - taken_at > AGAIN:
            is_taken, why = _asked(aws, kind, resource, taken_at > 0)
            taken_at = now if is_taken else taken_at
        if aws.dry_run:
            return True
        if now > deadline:
            said = f", and AWS says: {why}" if why else ""
            raise DeployError(f"it is still there after {patience:.0f} s{said}; run destroy again")
        time.sleep(pause)
        pause = min(max(pause * 1.5, 0.2), 5.0)
    return was_there


def _asked(aws: Aws, kind: Kind, resource: Resource, was_taken: bool) -> tuple[bool, str]:
    """Whether AWS took the call, or why not yet; what is busy with something else is asked again."""
    try:
        return kind.delete(aws, resource) is not False, ""
    except ClientError as error:
        said = f"{error.response['Error'].get('Code')} {error.response['Error'].get('Message')}"
        # absent may be a part of it, gone by a call whose answer was lost: the rest is asked for again
        if was_taken or faults.is_absent(error) or any(word in said for word in BUSY):
            return was_taken, said
        raise


def _is_ours(kind: Kind, entry: Entry, tags: Tags) -> bool:
    if not kind.tagged:
        return True
    if entry.event == INTENDED:
        return tags.get(ID) == entry.resource.id
    return tags.get(PROJECT) == entry.resource.project


def _is_expired(resource: Resource, tags: Tags, now: datetime) -> bool:
    written = tags.get(EXPIRES) or resource.detail.get("expires", "")
    try:
        return bool(written) and datetime.strptime(written, "%Y-%m-%dT%H:%M:%S%z").astimezone(UTC) <= now
    except ValueError:
        return False  # written by hand, and no time: nothing is deleted by it
