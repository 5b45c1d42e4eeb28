"""`run -- COMMAND`: a command against AWS's API on this machine, which is up only as long as the command runs."""

import argparse
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from local_test import terminal
from local_test.api.command import PORT_FILE, NotHere
from local_test.sql.command import PASSWORD

ADMIN = "admin"  # of local_test/sql/accounts.py, which is heavy to import
PATIENCE = 60.0  # seconds for the API to be up: Docker may have to end what an earlier start left
STOP = 40.0


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("run", help="run a command against AWS's API on this machine: run -- sh deploy.sh")
    parser.add_argument("--state", type=Path, help="the folder of all state (default: a new one, deleted at the end)")
    parser.add_argument("--docker", action=argparse.BooleanOptionalAction, help="insist on Docker, or on processes")
    parser.add_argument("--sql", action="store_true", help="with a MySQL server, too: mysql needs no flag to reach it")
    parser.add_argument("argv", nargs="+", metavar="COMMAND")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """The command's own exit status."""
    with ExitStack() as stack:
        state = options.state or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tiffin-")))
        variables = dict(stack.enter_context(_api(state, options.docker)))
        if options.sql:
            variables |= stack.enter_context(_sql(state))
        try:
            done = subprocess.run(options.argv, env={**_without_accounts(os.environ), **variables}, check=False)
        except OSError as error:
            raise NotHere(f"{options.argv[0]} cannot be run: {error.strerror}") from None
        return done.returncode if done.returncode >= 0 else 128 - done.returncode


@contextmanager
def _api(state: Path, use_docker: bool | None) -> Iterator[Mapping[str, str]]:
    """The environment in which AWS is here."""
    runner = [] if use_docker is None else ["--docker" if use_docker else "--no-docker"]
    with started("up", state, "--port", "0", *runner) as process:
        file = state / PORT_FILE
        wait(process, file.is_file, state / "up.log")
        from local_test.api import env

        port = int(file.read_text(encoding="utf-8"))
        terminal.say(f"AWS's API is at http://127.0.0.1:{port} while {state / 'up.log'} is written")
        yield env.variables(port, state / "env")


@contextmanager
def _sql(state: Path) -> Iterator[Mapping[str, str]]:
    """What the `mysql` command, and most clients with it, read from the environment."""
    password, log = secrets.token_urlsafe(12), state / "sql.log"
    with started("sql", state, "--port", "0", "--data", str(state / "sql"), **{PASSWORD: password}) as process:
        found: list[str] = []

        def is_ready() -> bool:
            found[:] = re.findall(r"MySQL server is at [\d.]+:(\d+)", log.read_text(encoding="utf-8"))
            return bool(found)

        wait(process, is_ready, log)
        terminal.say(f"a MySQL server is at 127.0.0.1:{found[0]} while {log} is written")
        yield {"MYSQL_HOST": "127.0.0.1", "MYSQL_TCP_PORT": found[0], "MYSQL_USER": ADMIN, "MYSQL_PWD": password}


@contextmanager
def started(command: str, state: Path, *arguments: str, **environ: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Another command of local_test, its output in a file of the state folder."""
    try:
        state.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotHere(f"the state folder {state} cannot be made: {error.strerror}") from None
    with (state / f"{command}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "local_test", command, "--state", str(state), *arguments],
            env={**os.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # a Ctrl-C is for the command, which may want the API to clean up by
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait(process: "subprocess.Popen[bytes]", is_ready: Any, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
            raise NotHere("it did not start:\n  " + "\n  ".join(lines or ["it said nothing"]))
        time.sleep(0.05)


def _without_accounts(environ: Mapping[str, str]) -> dict[str, str]:
    from local_test.api import env

    away: Sequence[str] = env.removed(environ)
    return {name: value for name, value in environ.items() if name not in away}
