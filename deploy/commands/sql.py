"""`deploy sql`: a model that SQL can ask, as text: the function, the permissions, the same as a template."""

import argparse
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from deploy.context import Context
from deploy.errors import DeployError
from deploy.kinds import storage
from deploy.sections import Account, Project
from deploy.sql import artifact, athena, mysql, names, postgresql, redshift, schema, setup, template
from deploy.sql.function import Function
from deploy.sql.place import ENGINES, Place
from deploy.sql.refusal import NotSql
from deploy.sql.schema import Schema

_TEXTS: Mapping[str, Callable[[Function], str]] = {
    "aurora-mysql": mysql.text,
    "aurora-postgresql": postgresql.text,
    "redshift": redshift.text,
    "athena": athena.text,
}
# the file of each part
PARTS = {"function": "function.sql", "setup": "setup.sh", "template": "template.yaml"}


SECTIONS = (Project, Account)
HELP = "write what makes the endpoint a function of a database: SQL, permissions, a template; nothing is changed"


def run(context: Context, options: argparse.Namespace) -> int:
    texts = _made(context, options)
    if options.output is None:
        sys.stdout.write(texts[options.part])
        return 0
    try:
        _write(options.output, texts)
    except OSError as error:
        raise DeployError(f"{options.output} cannot be written: {error.strerror}") from None
    return 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--engine", required=True, choices=list(ENGINES))
    parser.add_argument("--endpoint", metavar="NAME", help="default: the project's")
    parser.add_argument("--function", metavar="NAME", help="or DATABASE.NAME; default: from the endpoint's name")
    asked = parser.add_argument_group("what the model is asked and answers")
    asked.add_argument(
        "--artifact",
        metavar="PATH",
        help="its folder or model.tar.gz, here or in S3, which says it; default: that of the endpoint's model",
    )
    asked.add_argument("--columns", metavar="TEXT", help="'user_id bigint, item_id bigint', in the model's order")
    asked.add_argument("--returns", metavar="TYPE", help="double, varchar(16); Aurora PostgreSQL: 'a double, b double'")
    parser.add_argument("--max-batch-size", type=int, metavar="N", help="rows of a request, at most")
    parser.add_argument("--user", action="append", default=[], metavar="NAME", help="may call it; MySQL's: app@10.0.%%")
    parser.add_argument("--table", default="inputs", metavar="NAME", help="of the example query")
    parser.add_argument(
        "--mysql-version",
        type=int,
        choices=mysql.VERSIONS,
        default=mysql.VERSIONS[-1],
        help="Aurora MySQL's, for its GRANT",
    )
    parser.add_argument("--target-model", default="", metavar="PATH", help="Redshift: of a multi-model endpoint")
    parser.add_argument(
        "--iam-role", default="default", metavar="ARN", help="Redshift: in the place of its default role"
    )
    place = parser.add_argument_group("permissions")
    place.add_argument("--cluster", default="", metavar="ID", help="default: said when the script is run")
    place.add_argument(
        "--parameter-group", default="", metavar="NAME", help="of an Aurora MySQL that has AWS's default"
    )
    place.add_argument("--role-name", default="", metavar="NAME", help="default: from engine and endpoint")
    out = parser.add_mutually_exclusive_group()
    out.add_argument("--output", type=Path, metavar="DIR", help=f"for {', '.join(PARTS.values())}")
    out.add_argument("--part", choices=list(PARTS), default="function", help="which of them goes to stdout")


def _made(context: Context, options: argparse.Namespace) -> dict[str, str]:
    engine = options.engine
    endpoint = context.project if options.endpoint is None else options.endpoint
    for flag, only in (("target_model", "redshift"), ("parameter_group", "aurora-mysql")):
        if getattr(options, flag) and engine != only:
            raise NotSql(f"--{flag.replace('_', '-')} is for {only} only; leave it out")
    if options.iam_role != "default" and engine != "redshift":
        raise NotSql("--iam-role is for redshift only; the others find their role by the cluster, or are the caller's")
    place = Place(engine, endpoint, options.cluster, options.parameter_group, options.role_name)
    database, _, name = names.not_of_aws(options.function or _named_for(place.endpoint)).rpartition(".")
    function = Function(
        name=name,
        endpoint=place.endpoint,
        schema=_schema(context, options, place.endpoint),
        database=database,
        table=options.table,
        max_batch_size=options.max_batch_size,
        users=options.user,
        mysql_version=options.mysql_version,
        target_model=options.target_model,
        iam_role=options.iam_role,
    )
    return {"function": _TEXTS[engine](function), "setup": setup.text(place), "template": template.text(place)}


def _named_for(endpoint: str) -> str:
    """A name of SQL: `churn-2026` becomes churn_2026."""
    name = re.sub(r"[^a-z0-9]+", "_", names.endpoint(endpoint).lower())
    return name if not name[0].isdigit() else f"f_{name}"


def _schema(context: Context, options: argparse.Namespace, endpoint: str) -> Schema:
    answer = schema.returns(options.returns) if options.returns is not None else None
    if options.columns is not None:
        if answer is None:
            raise NotSql("--columns needs --returns, what the model answers: --returns double")
        return Schema(schema.columns(options.columns), answer)
    where = options.artifact or _artifact_of(context, endpoint)
    if not where.startswith(storage.SCHEME):
        return artifact.read(Path(where), answer)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.tar.gz"
        bucket, key = storage.address(where)
        context.aws.client("s3").download_file(bucket, key, str(file))
        return artifact.read(file, answer, where)


def _artifact_of(context: Context, endpoint: str) -> str:
    """S3 address of what the endpoint serves; of several variants the first's."""
    sagemaker = context.aws.client("sagemaker")
    config = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    variant = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"][0]
    model = sagemaker.describe_model(ModelName=variant["ModelName"])
    data = (model.get("PrimaryContainer") or model["Containers"][0]).get("ModelDataUrl", "")
    if not data.endswith(".tar.gz"):
        raise NotSql(f"the model of {endpoint} has no one artifact: give --artifact, or --columns and --returns")
    return str(data)


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for part, name in PARTS.items():
        file = folder / name
        file.write_text(texts[part], encoding="utf-8")
        file.chmod(0o755 if name.endswith(".sh") else 0o644)
        sys.stdout.write(f"{file}\n")
