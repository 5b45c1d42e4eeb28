"""`deploy upload`: a file or a folder into the project's bucket, its S3 address on stdout."""

import argparse
import sys
from pathlib import Path

from deploy import uploads
from deploy.context import Context
from deploy.sections import Account, Project

SECTIONS = (Project, Account)
HELP = "put a file or a folder into the project's bucket, and print its S3 address"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="FILE_OR_FOLDER")
    parser.add_argument(
        "--to",
        metavar="NAME",
        help="below s3://BUCKET/tiffin/PROJECT/data/; without it the folder's, or the file's stem",
    )


def run(context: Context, options: argparse.Namespace) -> int:
    source: Path = options.source
    name = options.to or (source.stem if source.is_file() else source.resolve().name)
    uri = uploads.send(context, source, name)
    if not context.aws.dry_run:
        sys.stdout.write(f"{uri}\n")
    return 0
