"""`deploy invoke`: one request to the endpoint; the answer's bytes go to stdout."""

import argparse
import sys

from deploy import invocation, plans
from deploy.context import Context
from deploy.sections import Account, Project

SECTIONS = (Project, Account)
HELP = "send a file, a text or stdin to the endpoint; the answer goes to stdout"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("payload", help="a file (CSV, JSON, a photo ...), - for stdin, or the text itself: 255,0,0")
    parser.add_argument("--endpoint", metavar="NAME", help="its name; without it the settings', or the project's")
    parser.add_argument("--content-type", default="", metavar="TYPE", help="of the payload; without it by its name")
    parser.add_argument("--accept", default="", metavar="TYPE", help="of the answer; without it the container decides")
    parser.add_argument("--variant", default="", metavar="NAME", help="the variant that shall answer")
    parser.add_argument("--model", default="", metavar="NAME.tar.gz", help="of many models, below their prefix")
    parser.add_argument("--attributes", default="", metavar="TEXT", help="custom attributes, 1024 characters at most")
    parser.add_argument(
        "--async",
        action=argparse.BooleanOptionalAction,
        dest="asynchronous",
        help="by way of S3, and wait for the answer (default: where the settings' kind is async)",
    )
    parser.add_argument("--patience", type=float, default=900.0, metavar="SECONDS", help="for an asynchronous answer")


def run(context: Context, options: argparse.Namespace) -> int:
    settings = plans.endpoint_of(context)
    asked = invocation.Asked(options.accept, options.attributes, options.variant, options.model)
    sent = invocation.payload(options.payload, options.content_type)
    is_async = settings.kind == "async" if options.asynchronous is None else options.asynchronous
    if is_async:
        body = invocation.invoke_async(context, settings.endpoint, sent, asked, options.patience)
    else:
        body = invocation.invoke(context, settings.endpoint, sent, asked)
    sys.stdout.buffer.write(body)
    if body and sys.stdout.isatty() and not body.endswith(b"\n"):
        sys.stdout.write("\n")
    return 0
