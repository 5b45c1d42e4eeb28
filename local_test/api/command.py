"""`local_test up` and `local_test env`; mounted by local_test/__main__.py, and light until one of them runs."""

import argparse
import gc
import os
import sys
from pathlib import Path

from tiffin import extras

PORT = 4566
STATE = Path(".tiffin/aws")
PORT_FILE = "port"  # in the state folder, while the API is up: where `env` finds it


class NotHere(Exception):
    """Its text is for the user."""


def add_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument("--state", type=Path, default=STATE, help="the folder of all state (default: %(default)s)")

    up = commands.add_parser("up", parents=[where], help="serve AWS's API on this machine until Ctrl-C")
    up.add_argument("--port", type=int, default=PORT, help="0 takes a free one (default: %(default)s)")
    up.add_argument("--docker", action=argparse.BooleanOptionalAction, help="insist on Docker, or on processes")
    up.add_argument("--fresh", action="store_true", help="forget what was there before")
    up.set_defaults(command=_up)

    settings = commands.add_parser(
        "env", parents=[where], help="shell lines that point AWS clients at `up`: eval $(...)"
    )
    settings.add_argument("--port", type=int, help="default: that of the running `up`")
    settings.add_argument("--region", default="us-east-1", help="default: %(default)s")
    settings.set_defaults(command=_env)


def _up(options: argparse.Namespace) -> int:
    # moto, once it is imported, lets any page that a browser here shows read its answers
    os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"
    from local_test.api import env

    for name in env.removed(os.environ):  # moto would look for the shell's profile, and may not find it
        del os.environ[name]
    gc.disable()  # what is imported stays: nothing of it is garbage, now or later
    try:
        from local_test.api import server
    except ImportError as error:
        raise NotHere(f"{error.name} is not installed: {extras.install('api')}") from None
    gc.freeze()
    gc.enable()
    return server.run(options.state, options.port, options.docker, fresh=options.fresh)


def _env(options: argparse.Namespace) -> int:
    from local_test.api import env

    port, file = options.port, options.state / PORT_FILE
    if port is None:
        if not file.is_file():
            sys.stderr.write(f"local_test: nothing is up in {options.state}; assuming port {PORT}\n")
        port = int(file.read_text(encoding="utf-8")) if file.is_file() else PORT
    sys.stdout.write(env.shell(port, options.state / "env", options.region))
    return 0
