"""`python -m deploy COMMAND`: from a trained model to an endpoint that others call, and back to nothing.

Settings come from tiffin.toml, and from flags of the same names, which win.
"""

import argparse
import atexit
import gc
import importlib
import signal
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from tiffin import extras

# Light until one of them runs: each is a module of deploy.commands, imported for its flags alone.
COMMANDS = (
    *("role", "build", "push", "upload", "train", "tune", "transform"),
    *("up", "info", "invoke", "update", "metrics", "logs", "stop", "sql", "notebook", "idle", "destroy"),
)


def main(arguments: list[str] | None = None) -> int:
    for name in ("boto3", "docker"):
        if find_spec(name) is None:
            sys.stderr.write(f"deploy: {name} is not installed: {extras.install('deploy')}\n")
            return 1
    from botocore.exceptions import BotoCoreError, ClientError

    from deploy import faults
    from deploy.context import Context
    from deploy.errors import DeployError

    given = sys.argv[1:] if arguments is None else arguments
    chosen = [name for name in COMMANDS if given[:1] == [name]]
    options = _parser(chosen or COMMANDS).parse_args(given)
    context = Context(options)
    try:
        return int(options.command(context, options))
    except DeployError as error:
        sys.stderr.write(f"deploy: {error}\n")
        return 1
    except (ClientError, BotoCoreError) as error:
        aws = None if isinstance(error, BotoCoreError) else context.aws
        sys.stderr.write(f"deploy: {faults.sentence(error, aws)}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("deploy: stopped; what was made is in the ledger, and `deploy destroy` takes it away\n")
        return 130


def _parser(names: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """With these commands; a module is imported for each."""
    from deploy.options import add_flags

    parser = argparse.ArgumentParser(prog="deploy", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name in names:
        module = importlib.import_module(f"deploy.commands.{name.replace('-', '_')}")
        command = commands.add_parser(name, help=module.HELP, description=module.__doc__)
        module.add_arguments(command)
        add_flags(command, module.SECTIONS)
        command.add_argument(
            "--dry-run", action="store_true", help="print the calls that would change something, as JSON, and make none"
        )
        command.set_defaults(command=module.run)
    return parser


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C
        signal.signal(number, signal.default_int_handler)
    atexit.register(gc.freeze)  # else the end looks for garbage in all of boto3, which takes a quarter of the command
    sys.exit(main())
