"""`python -m local_test sql`; mounted by local_test/__main__.py, and light until it runs."""

import argparse
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from local_test import terminal

PORT = 3306
DATA = Path(".tiffin/sql")
STATE = Path(".tiffin/aws")  # of `up`
PASSWORD = "TIFFIN_SQL_PASSWORD"  # noqa: S105  its name


class NotHere(Exception):
    """Its text is for the user."""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("sql", help="a MySQL server whose functions call endpoints, as Aurora's do")
    parser.add_argument("--port", type=int, default=PORT, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the tables (default: %(default)s)")
    parser.add_argument("--database", default="test", help="that of a client that names none (default: %(default)s)")
    parser.add_argument("--endpoint-url", metavar="URL", help="of AWS's API (default: AWS_ENDPOINT_URL, or `up`'s)")
    parser.add_argument("--state", type=Path, default=STATE, help="where `up` keeps its port (default: %(default)s)")
    parser.add_argument(
        *("--endpoint",), type=_pair, action="append", default=[], metavar="NAME=URL",
        help="an endpoint that is a container's own address, such as that of `serve`",
    )  # fmt: skip
    parser.add_argument("--accept", metavar="TYPE", help="the Accept header to send (default: none)")
    parser.add_argument(
        "--password-file", type=Path, metavar="FILE", help=f"admin's (default: {PASSWORD}, or a new one)"
    )
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Serve until a signal; raises NotHere with a sentence for the user."""
    import asyncio

    try:
        from local_test.sql import errors
        from local_test.sql.accounts import ADMIN, hashes
        from local_test.sql.database import Database
        from local_test.sql.endpoints import Access, Address
        from local_test.sql.server import LOOPBACK, Server
    except ImportError as error:
        raise NotHere(f"{error.name} is not installed: pip install 'tiffin[sql]'") from None
    password, is_new = chosen_password(options.password_file, os.environ)
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    straight = dict(options.endpoint)
    try:
        for url in (*straight.values(), *filter(None, [options.endpoint_url])):
            Address.of(url)
        access = Access(
            lambda: api(options.endpoint_url, options.state, os.environ), straight, options.accept, region=region
        )
        database = Database.open(options.data, access, options.database)
    except errors.NotHere as error:
        raise NotHere(str(error)) from None
    database.catalog.set_admin(*hashes(password))

    def ready(port: int) -> None:
        terminal.say(f"a MySQL server is at {LOOPBACK}:{port} (Ctrl-C stops it); in another shell:")
        terminal.say(f"  mysql -h {LOOPBACK} -P {port} -u {ADMIN} -p")
        if is_new:
            terminal.say(f"the password of {ADMIN}, of this start only: {password}")
        for name, url in straight.items():
            terminal.say(f"endpoint {name} is at {url}")
        where = api(options.endpoint_url, options.state, os.environ)
        terminal.say(f"endpoints are called at {where}" if where else "AWS's API is not up: only --endpoint is there")

    try:
        asyncio.run(Server(database, options.database).run(options.port, ready))
    except errors.NotHere as error:
        raise NotHere(str(error)) from None
    finally:
        database.close()
    terminal.say("stopped")
    return 0


def chosen_password(file: Path | None, environ: Mapping[str, str]) -> tuple[str, bool]:
    """And whether it was made here. Raises NotHere for an empty one."""
    if file is not None:
        try:
            given = file.read_text(encoding="utf-8").strip("\r\n")
        except OSError as error:
            raise NotHere(f"{file} cannot be read: {error.strerror}") from None
    elif PASSWORD in environ:
        given = environ[PASSWORD]
    else:
        return secrets.token_urlsafe(12), True
    if not given:
        raise NotHere(f"the password in {file or PASSWORD} is empty; leave it out to have one made")
    return given, False


def api(given: str | None, state: Path, environ: Mapping[str, str]) -> str | None:
    """The address of AWS's API, as botocore would find it, or that of the `up` of this folder."""
    for url in (given, environ.get("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"), environ.get("AWS_ENDPOINT_URL")):
        if url:
            return url
    file = state / "port"
    return f"http://127.0.0.1:{file.read_text(encoding='utf-8').strip()}" if file.is_file() else None


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=URL")
    return name, value
