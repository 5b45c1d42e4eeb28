"""`predict`: a payload to the server that `serve` started, or to any."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from local_test import client, demo
from local_test.commands.serve import URL_FILE
from local_test.engine.tree import TreeError
from tiffin import limits, media


def add_parser(commands: Any, parents: Sequence[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("predict", parents=parents, help="send a payload to the running server")
    parser.add_argument("payload", type=Path, nargs="?", default=demo.PAYLOAD)
    parser.add_argument("--content-type", help="default: by the payload's name")
    parser.add_argument("--accept")
    parser.add_argument("--attributes", metavar="TEXT", help="X-Amzn-SageMaker-Custom-Attributes")
    parser.add_argument("--url", help="default: the server that `serve` started")
    parser.set_defaults(command=predict)


def predict(options: argparse.Namespace) -> int:
    url_file = options.base_dir / URL_FILE
    url = options.url or (url_file.read_text() if url_file.is_file() else f"http://127.0.0.1:{limits.PORT}")
    if not options.payload.is_file():
        raise TreeError(f"there is no payload {options.payload}")
    content_type = options.content_type or media.of_file(options.payload)
    if content_type is None:
        raise TreeError(f"the name {options.payload.name} does not tell its Content-Type; add --content-type")
    body = options.payload.read_bytes()
    answer = client.invoke(url, body, content_type, options.accept, options.attributes)
    text = answer.body.decode(errors="replace")
    if answer.status == 200 and answer.content_type == content_type == "text/csv" and sys.stdout.isatty():  # noqa: PLR2004
        demo.show(body.decode(), text)
    else:
        sys.stdout.write(text)
    if answer.status != 200:  # noqa: PLR2004
        sys.stderr.write(f"local_test: the server answered {answer.status}\n")
        return 1
    return 0
