"""The project's bucket, and the prefixes below which its data and its jobs' outputs lie."""

from deploy.context import Context
from deploy.errors import NameTaken
from deploy.kinds.kind import PROJECT
from deploy.kinds.storage import Bucket
from deploy.ledger import Resource
from deploy.sections import Project


def name(context: Context) -> str:
    """That of the settings, else the one that is the project's own."""
    return context.read(Project).bucket or f"tiffin-{context.project}-{context.aws.account}-{context.aws.region}"


def bucket(context: Context) -> str:
    """Its name; the project's own is made where it is not there yet."""
    chosen = name(context)
    if context.read(Project).bucket:
        return chosen
    tags = Bucket().tags(context.aws, Resource("bucket", chosen, context.project))
    if tags is None:
        context.maker.make("bucket", chosen)
    elif tags.get(PROJECT) != context.project:
        raise NameTaken(f"the bucket {chosen} lacks the tag {PROJECT}={context.project}: choose one with --bucket")
    return chosen


def prefix(context: Context, *parts: str) -> str:
    """`s3://bucket/tiffin/PROJECT/parts/`, in the ledger, so that `destroy` empties it."""
    below = "/".join(["s3:/", bucket(context), "tiffin", context.project, *parts, ""])
    context.maker.make("objects", below)
    return below
