"""`serve`: the artifact behind /ping and /invocations until Ctrl-C, started again when its code changes."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from local_test import terminal
from local_test.commands import options as shared
from local_test.engine.containers import EngineError, Part, Runner
from local_test.engine.process_runner import free_port, is_taken
from local_test.engine.serving import NeverReady, Server, ServingSpec
from local_test.engine.tree import Tree, TreeError
from tiffin import limits

URL_FILE = ".server"  # in the tree, while a server runs: where `predict` finds it
_LOOK = 0.2 * limits.SECONDS


def add_parser(commands: Any, parents: Sequence[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("serve", parents=parents, help="serve the artifact until Ctrl-C")
    parser.add_argument("--port", type=int, default=limits.PORT, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--watch", action="store_true", help="start again when a file of --code changes")
    parser.set_defaults(command=serve)


def serve(options: argparse.Namespace) -> int:
    if options.watch and not options.code:
        raise EngineError("--watch needs the folder to watch: --code FOLDER")
    tree = Tree.at(options.base_dir)
    if not tree.artifact():
        raise TreeError(f"{tree.paths.model} is empty: train first")
    runner, image = shared.runner(options)
    port = options.port
    if port and is_taken(port):
        port = free_port()
        terminal.say(f"port {options.port} is taken; using {port}")
    spec = ServingSpec(
        image,
        tree.paths.base,
        shared.environment(options, runner.runs_images),
        (Part("model", read_only=True), *shared.code_part(options, runner.runs_images)),
        resources=shared.resources(options),
        publish=port or free_port(),  # the same one after each change
    )
    with tree.in_use():
        try:
            if options.watch:
                _serve_and_watch(runner, spec, options.code)
            return _serve(runner, spec)
        except KeyboardInterrupt:
            terminal.say("stopping")
            return 0


def _serve(runner: Runner, spec: ServingSpec) -> int:
    server = _started(runner, spec)
    try:
        code = server.running.wait()
    finally:
        _stop(server)
    terminal.say(f"the server ended by itself with exit code {code}")
    return 1


def _serve_and_watch(runner: Runner, spec: ServingSpec, code: Path) -> None:
    """Until Ctrl-C; code that cannot be served is said, and waited for to change."""
    while True:
        before, server = _stamps(code), None
        try:
            server = _started(runner, spec)
        except NeverReady as error:
            terminal.say(f"not ready: {error}")
        try:
            while (now := _stamps(code)) == before:
                time.sleep(_LOOK)
        finally:
            if server is not None:
                _stop(server, grace=0)
        changed = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
        terminal.say(f"changed: {', '.join(changed)}")


def _started(runner: Runner, spec: ServingSpec) -> Server:
    begun = time.monotonic()
    server = Server.start(runner, spec, terminal.log_lines("serve"))
    (spec.tree / URL_FILE).write_text(server.url)
    terminal.say(f"ready at {server.url} in {time.monotonic() - begun:.1f} s (Ctrl-C stops it); try: {how_to_ask()}")
    return server


def how_to_ask() -> str:
    """How to ask it from here: a project of one's own has no Makefile of ours."""
    return "make predict" if (Path.cwd() / "local_test").is_dir() else "tiffin local predict FILE"


def _stop(server: Server, grace: float | None = None) -> None:
    (server.spec.tree / URL_FILE).unlink(missing_ok=True)
    server.close(grace)


def _stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """What changes with a file, by its name."""
    found = {}
    for file in folder.rglob("*"):
        if "__pycache__" not in file.parts and not file.name.startswith("."):
            try:
                stat = file.stat()
            except FileNotFoundError:
                continue  # an editor replaces it
            if not file.is_dir():
                found[str(file.relative_to(folder))] = (stat.st_mtime_ns, stat.st_size)
    return found
