"""`python -m local_test`: SageMaker on your machine.

Commands: train, serve, predict, demo. The /opt/ml tree they share lies in .tiffin/ml unless --base-dir says otherwise.
"""

import argparse
import signal
import sys
from pathlib import Path

from local_test import client, demo, terminal
from local_test.engine.choose import choose
from local_test.engine.containers import EngineError, Runner
from local_test.engine.process_runner import free_port, is_taken
from local_test.engine.serving import Server, ServingSpec
from local_test.engine.training import Result, TrainingRun, TrainingSpec
from local_test.engine.tree import Channel, Tree, TreeError
from tiffin import __version__, limits

IMAGE = f"tiffin:{__version__}-colour"
URL_FILE = ".server"  # in the tree, while a server runs: where `predict` finds it


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C: what was started is ended too
        signal.signal(number, signal.default_int_handler)
    try:
        return int(options.command(options))
    except (TreeError, EngineError, client.NotServing) as error:
        sys.stderr.write(f"local_test: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def train(options: argparse.Namespace) -> int:
    channels = {name: Channel(Path(path)) for name, path in options.channel} or {"train": Channel(demo.DATA)}
    runner, image = _runner(options)
    spec = TrainingSpec("local", image, dict(options.hyperparameter), channels, environment=dict(options.env))
    log = terminal.log_lines("train")
    run = TrainingRun(runner, spec, options.base_dir, lambda _host, line: log(line))
    return _judge(run.run())


def serve(options: argparse.Namespace) -> int:
    tree = Tree.at(options.base_dir)
    if not tree.artifact():
        raise TreeError(f"{tree.paths.model} is empty: train first")
    runner, image = _runner(options)
    port = options.port
    if port and is_taken(port):
        port = free_port()
        terminal.say(f"port {options.port} is taken; using {port}")
    url_file = tree.paths.base / URL_FILE
    spec = ServingSpec(image, tree.paths.base, dict(options.env), publish=port)
    with tree.in_use():
        server = Server.begin(runner, spec, terminal.log_lines("serve"))
        try:
            server.wait_until_ready()
            url_file.write_text(server.url)
            terminal.say(f"ready at {server.url} (Ctrl-C stops it); try: make predict")
            code = server.running.wait()
        except KeyboardInterrupt:
            terminal.say("stopping")
            return 0
        finally:
            url_file.unlink(missing_ok=True)
            server.close()
    terminal.say(f"the server ended by itself with exit code {code}")
    return 1


def predict(options: argparse.Namespace) -> int:
    url_file = options.base_dir / URL_FILE
    url = options.url or (url_file.read_text() if url_file.is_file() else f"http://127.0.0.1:{limits.PORT}")
    if not options.payload.is_file():
        raise TreeError(f"there is no payload {options.payload}")
    content_type = options.content_type or client.content_type_of(options.payload)
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


def _demo(options: argparse.Namespace) -> int:
    return demo.run(options.base_dir)


def _runner(options: argparse.Namespace) -> tuple[Runner, str]:
    """And the image to start with it: without Docker, the plug of the current folder."""
    runner, why = choose(options.image, options.docker)
    terminal.say(f"running as {f'the image {options.image}, in Docker' if runner.runs_images else runner.name}: {why}")
    return runner, options.image if runner.runs_images else ""


def _judge(result: Result) -> int:
    """What SageMaker would make of the job: its exit code decides (T-33), the failure file explains (T-32)."""
    (tree,) = result.trees
    (code,) = result.exit_codes.values()
    failure, artifact = tree.failure(), tree.artifact()
    if code:
        reason = (failure or "")[: limits.FAILURE_REASON_CHARS].split("\n\n")[0]
        terminal.say(f"Failed with exit code {code}: {reason or 'and no output/failure says why'}")
        return _failed(tree, code)
    if failure is not None:
        terminal.say("warning: exit code 0, so SageMaker calls it Completed, but the job wrote output/failure")
    if not artifact:
        terminal.say("Failed: exit code 0, but the model directory is empty, so there is nothing to serve")
        return _failed(tree, 1)
    for file in artifact:
        terminal.say(f"artifact: {file} ({file.stat().st_size} bytes)")
    report = tree.paths.output_data / "report.html"
    if report.is_file():
        terminal.say(f"report: {report}")
    terminal.say("Completed")
    return 0


def _failed(tree: Tree, code: int) -> int:
    if tree.restore():
        terminal.say("the model of the job before is back in its place")
    return code


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="local_test", description="SageMaker on your machine")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    tree = argparse.ArgumentParser(add_help=False)
    tree.add_argument("--base-dir", type=Path, default=Path(".tiffin/ml"), help="the /opt/ml tree")
    how = argparse.ArgumentParser(add_help=False)
    how.add_argument("--image", default=IMAGE, help="the image to run (default: %(default)s)")
    how.add_argument("--docker", action=argparse.BooleanOptionalAction, help="insist on the image, or on processes")
    how.add_argument("--env", type=_pair, action="append", default=[], metavar="NAME=VALUE")

    command = commands.add_parser("train", parents=[tree, how], help="run a training job")
    command.add_argument(
        "--channel",
        type=_pair,
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="default: train=the colours",
    )
    command.add_argument("--hyperparameter", "-p", type=_pair, action="append", default=[], metavar="NAME=VALUE")
    command.set_defaults(command=train)

    command = commands.add_parser("serve", parents=[tree, how], help="serve the artifact until Ctrl-C")
    command.add_argument("--port", type=int, default=limits.PORT, help="0 takes a free one (default: %(default)s)")
    command.set_defaults(command=serve)

    command = commands.add_parser("predict", parents=[tree], help="send a payload to the running server")
    command.add_argument("payload", type=Path, nargs="?", default=demo.PAYLOAD)
    command.add_argument("--content-type", help="default: by the payload's name")
    command.add_argument("--accept")
    command.add_argument("--attributes", metavar="TEXT", help="X-Amzn-SageMaker-Custom-Attributes")
    command.add_argument("--url", help="default: the server that `serve` started")
    command.set_defaults(command=predict)

    command = commands.add_parser("demo", parents=[tree], help="train, serve and predict without Docker")
    command.set_defaults(command=_demo)
    return parser


if __name__ == "__main__":
    sys.exit(main())
