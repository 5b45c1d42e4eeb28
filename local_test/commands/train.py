"""`train`: one training job, and what SageMaker would make of it."""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from local_test import demo, terminal
from local_test.commands import options as shared
from local_test.engine.training import Log, Result, TrainingRun, TrainingSpec
from local_test.engine.tree import Channel, Tree, TreeError
from tiffin import limits


def add_parser(commands: Any, parents: Sequence[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("train", parents=parents, help="run a training job")
    add = parser.add_argument
    channel = {"type": shared.pair, "action": "append", "default": [], "metavar": "NAME=PATH"}
    add("--channel", **channel, help="default: train=the colours")
    add("--hyperparameter", "-p", type=shared.pair, action="append", default=[], metavar="NAME=VALUE")
    add("--fast-file", action="append", default=[], metavar="NAME", help="a channel in FastFile mode: read-only")
    add("--pipe", action="append", default=[], metavar="NAME", help="a channel in Pipe mode: a FIFO for each epoch")
    add("--sharded", action="append", default=[], metavar="NAME", help="a channel whose files the hosts share")
    add("--hosts", type=int, default=1, metavar="N", help="several containers that see each other (Docker)")
    add("--isolated", action="store_true", help="no way out to any network (Docker)")
    add("--checkpoints", type=Path, metavar="FOLDER", help="restored before the start, written during the run")
    add("--max-runtime", type=float, default=limits.MAX_RUNTIME, metavar="SECONDS")
    add("--metric", type=_metric, action="append", default=[], metavar="NAME=REGEX", help="read from the log")
    parser.set_defaults(command=train)


def train(options: argparse.Namespace) -> int:
    channels = _channels(options)
    if options.hosts < 1:
        raise TreeError(f"--hosts {options.hosts}: a job has one host or more")
    if options.checkpoints:
        options.checkpoints.mkdir(parents=True, exist_ok=True)
    runner, image = shared.runner(options)
    spec = TrainingSpec(
        "local",
        image,
        dict(options.hyperparameter),
        channels,
        options.hosts,
        shared.environment(options, runner.runs_images),
        resources=shared.resources(options),
        isolated=options.isolated,
        max_runtime=options.max_runtime,
        checkpoints=options.checkpoints,
        metric_definitions=dict(options.metric),
        more=shared.code_part(options, runner.runs_images),
    )
    result = TrainingRun(runner, spec, options.base_dir, _log(options.hosts)).run()
    for metric in result.metrics:
        terminal.say(f"metric {metric.name}: {metric.value:g}")
    if result.secondary == "MaxRuntimeExceeded":
        terminal.say(f"stopped: it ran longer than {options.max_runtime:g} s (T-42)")
    for name in result.clashes():
        terminal.say(f"warning: several hosts wrote {name} into the model; one overwrites the other (T-30)")
    return _judge(result)


def _channels(options: argparse.Namespace) -> dict[str, Channel]:
    paths = {name: Path(path) for name, path in options.channel} or {"train": demo.DATA}
    for option in ("fast_file", "pipe", "sharded"):
        for name in getattr(options, option):
            if name not in paths:
                raise TreeError(f"--{option.replace('_', '-')} {name}: there is no channel of that name")
    modes = {**dict.fromkeys(options.fast_file, "FastFile"), **dict.fromkeys(options.pipe, "Pipe")}
    return {
        name: Channel(
            path,
            modes.get(name, "File"),
            "ShardedByS3Key" if name in options.sharded else "FullyReplicated",
        )
        for name, path in paths.items()
    }


def _log(hosts: int) -> Log:
    sinks = {f"algo-{n}": terminal.log_lines(f"algo-{n}" if hosts > 1 else "train") for n in range(1, hosts + 1)}
    return lambda host, line: sinks[host](line)


def _judge(result: Result) -> int:
    """SageMaker goes by exit codes (T-33); the failure file explains (T-32)."""
    tree = result.trees[0]
    code = next((code for code in result.exit_codes.values() if code), 0)
    failures = [text for each in result.trees if (text := each.failure()) is not None]
    artifact = [file for each in result.trees for file in each.artifact()]
    if code:
        reason = "".join(failures[:1])[: limits.FAILURE_REASON_CHARS].split("\n\n")[0]
        terminal.say(f"Failed with exit code {code}: {reason or 'and no output/failure says why'}")
        return _failed(tree, code)
    if failures:
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


def _metric(text: str) -> tuple[str, re.Pattern[str]]:
    name, pattern = shared.pair(text)
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{pattern!r} is no regular expression: {error}") from None
    if not compiled.groups:
        raise argparse.ArgumentTypeError(f"{pattern!r} has no group; the first one is the number (T-40)")
    return name, compiled
