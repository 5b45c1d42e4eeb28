"""The project's bucket, and the prefixes below which its data and its jobs' outputs lie."""

from deploy.context import Context
from deploy.errors import DeployError, NameTaken
from deploy.kinds import storage
from deploy.kinds.kind import PROJECT, or_none
from deploy.ledger import Resource
from deploy.sections import Project

LONGEST = 63  # characters of a bucket's name


def name(context: Context) -> str:
    """That of the settings, else the one that is the project's own."""
    return context.read(Project).bucket or storage.own(context.aws, context.project)


def bucket(context: Context) -> str:
    """Its name; the project's own is made where it is not there yet."""
    if not context.bucket:
        context.bucket = _checked(context) if context.read(Project).bucket else _own(context)
    return context.bucket


def _checked(context: Context) -> str:
    """S3 would find it anywhere; SageMaker takes only what is in its own region, and says so after the upload."""
    chosen = name(context)
    found = or_none(context.aws.client("s3").head_bucket, Bucket=chosen)
    if found is None:
        raise DeployError(f"there is no bucket {chosen}: --bucket names one that is there, and without it one is made")
    headers = found.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    region = found.get("BucketRegion") or headers.get("x-amz-bucket-region") or context.aws.region
    if region != context.aws.region:
        raise DeployError(
            f"the bucket {chosen} is in {region}, and the jobs are in {context.aws.region}: name one of "
            f"{context.aws.region} with --bucket, or go to {region} with --region"
        )
    return chosen


def _own(context: Context) -> str:
    chosen = name(context)
    if len(chosen) > LONGEST:
        raise DeployError(
            f"the bucket's name would be {chosen}, longer than S3's {LONGEST} characters: name one with --bucket, "
            f"or give the project a shorter name"
        )
    tags = storage.Bucket().tags(context.aws, Resource("bucket", chosen, context.project))
    if tags is None:
        context.maker.make("bucket", chosen)
    elif tags.get(PROJECT) != context.project:
        raise NameTaken(
            f"the bucket {chosen} lacks the tag {PROJECT}={context.project}: choose one with --bucket; one that a "
            f"crash left empty goes by `deploy destroy`"
        )
    return chosen


def below(context: Context, *parts: str) -> str:
    """`s3://bucket/tiffin/PROJECT/parts/`; `prefix` makes it."""
    return "/".join(["s3:/", name(context), "tiffin", context.project, *parts, ""])


def prefix(context: Context, *parts: str) -> str:
    """Where `below` says, in the ledger, so that `destroy` empties it."""
    bucket(context)
    context.maker.make("objects", below(context, *parts))
    return below(context, *parts)
