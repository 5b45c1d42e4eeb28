"""The project's bucket, and the prefixes below which its data and its jobs' outputs lie."""

from deploy.context import Context
from deploy.errors import NameTaken
from deploy.kinds.kind import PROJECT
from deploy.kinds.storage import Bucket
from deploy.ledger import Resource
from deploy.sections import Project


def bucket(context: Context) -> str:
    """The one that the settings name, else the project's own, made where it is not there yet."""
    chosen = context.read(Project).bucket
    if chosen:
        return chosen
    name = f"tiffin-{context.project}-{context.aws.account}-{context.aws.region}"
    tags = Bucket().tags(context.aws, Resource("bucket", name, context.project))
    if tags is None:
        context.maker.make("bucket", name)
    elif tags.get(PROJECT) != context.project:
        raise NameTaken(
            f"the bucket {name} is there and has no tag {PROJECT}={context.project}: name one with --bucket"
        )
    return name


def prefix(context: Context, *parts: str) -> str:
    """`s3://bucket/tiffin/PROJECT/parts/`, in the ledger, so that `destroy` empties it."""
    name = "/".join(["s3:/", bucket(context), "tiffin", context.project, *parts, ""])
    context.maker.make("objects", name)
    return name
