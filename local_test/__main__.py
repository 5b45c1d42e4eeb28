"""`python -m local_test`: SageMaker on your machine.

Commands: train, serve, predict, transform, verify, explain, up, env, run, sql, demo. The /opt/ml tree that most of
them share lies in .tiffin/ml unless --base-dir says otherwise.
"""

import argparse
import atexit
import gc
import signal
import sys

from local_test import client, demo
from local_test.api import command as api
from local_test.commands import options, predict, run, serve, train
from local_test.engine.containers import EngineError
from local_test.engine.tree import TreeError
from local_test.sql import command as sql
from local_test.transform import command as transform
from local_test.verify import command as judging


def main(arguments: list[str] | None = None) -> int:
    chosen = _parser().parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C: what was started is ended too
        signal.signal(number, signal.default_int_handler)
    try:
        return int(chosen.command(chosen))
    except (TreeError, EngineError, client.NotServing, api.NotHere, sql.NotHere) as error:
        sys.stderr.write(f"local_test: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="local_test", description="SageMaker on your machine")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    tree, container = options.tree(), options.container()
    train.add_parser(commands, [tree, container])
    serve.add_parser(commands, [tree, container])
    predict.add_parser(commands, [tree])
    transform.add_parser(commands, [tree, container])
    judging.add_parser(commands)
    demo.add_parser(commands, [tree])
    api.add_parsers(commands)
    run.add_parser(commands)
    sql.add_parser(commands)
    return parser


if __name__ == "__main__":
    atexit.register(gc.freeze)  # else the end looks for garbage in all of moto: half a second of a core
    sys.exit(main())
