"""The repository that images are pushed into: the project's own, or one that others own."""

import re
from dataclasses import dataclass

from deploy.context import Context
from deploy.errors import DeployError, NameTaken
from deploy.kinds.kind import PROJECT, or_none
from deploy.kinds.registry import Repository, where
from deploy.ledger import Resource
from deploy.sections import Image

NAME = re.compile(r"(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*")  # ECR's own rule
SHORT = 12  # digits of a digest, as Docker shows it
ARN = re.compile(r"arn:[\w-]+:ecr:([\w-]+):(\d{12}):repository/(.+)")


@dataclass(frozen=True)
class Place:
    """`name`: of the repository, or its ARN where another account has it. `prefix`: of our tags in it."""

    name: str
    prefix: str
    uri: str = ""
    is_immutable: bool = False

    @property
    def latest(self) -> str:
        return f"{self.prefix}latest"

    def tag(self, image: str) -> str:
        """Of the content: `image` is its id on the engine."""
        return f"{self.prefix}{image.removeprefix('sha256:')[:SHORT]}"

    def is_ours(self, tag: str) -> bool:
        """Of colours, `colours-0123456789ab` and not what colours-two pushed, `colours-two-…`."""
        return bool(re.fullmatch(rf"{re.escape(self.prefix)}[0-9a-f]{{{SHORT}}}", tag))


def find(context: Context) -> Place | None:
    """None where there is none yet; what AWS says is its URI."""
    wanted = place(context)
    known = where(wanted.name)
    registry = {"registryId": known["registryId"]} if "registryId" in known else {}
    found = or_none(
        context.aws.client("ecr").describe_repositories, repositoryNames=[known["repositoryName"]], **registry
    )
    if not found or not found["repositories"]:
        return None
    there = found["repositories"][0]
    is_immutable = str(there.get("imageTagMutability", "")).startswith("IMMUTABLE")
    return Place(wanted.name, wanted.prefix, there["repositoryUri"], is_immutable)


def ensure(context: Context) -> Place:
    """Made and recorded where it is not there; the settings' own is used as it is, and stays its owner's."""
    wanted, there = place(context), find(context)
    if there is None and wanted.name.startswith("arn:"):
        raise DeployError(
            f"there is no repository {wanted.name}, or its policy does not let this account see it: its owner makes it"
        )
    if there is None:
        answer = context.maker.make("repository", wanted.name)
        made = answer.get("repository") or {}
        return find(context) or Place(wanted.name, wanted.prefix, made.get("repositoryUri", "<repositoryUri>"))
    if not context.read(Image).repository:
        tags = Repository().tags(context.aws, Resource("repository", wanted.name, context.project))
        if (tags or {}).get(PROJECT) != context.project:
            raise NameTaken(
                f"the repository {wanted.name} is there and has no tag {PROJECT}={context.project}: it is somebody "
                f"else's; --repository {wanted.name} uses it as it is, another name makes another one"
            )
    return there


def place(context: Context) -> Place:
    """Where the settings say; whether it is there is not asked."""
    chosen = context.read(Image).repository
    if not chosen:
        return Place(context.project, "")
    arn = ARN.fullmatch(chosen)
    if arn and arn[1] != context.aws.region:
        raise DeployError(f"the repository {chosen} is in {arn[1]}, and all else in {context.aws.region} (C-14)")
    if not NAME.fullmatch(arn[3] if arn else chosen):
        raise DeployError(
            f"the repository {chosen!r} is no name: a-z, 0-9 and . _ - / between them, or an ARN "
            "arn:aws:ecr:REGION:ACCOUNT:repository/NAME; without the registry's host, which ECR says itself"
        )
    is_own = arn is not None and arn[2] == context.aws.account
    return Place(arn[3] if arn and is_own else chosen, f"{context.project}-")
