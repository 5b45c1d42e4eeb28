"""`python -m local_test transform`: files and folders through a server that runs, or that it starts."""

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from local_test import terminal
from local_test.commands import options as shared
from local_test.engine.containers import Part
from local_test.engine.serving import Server, ServingSpec
from local_test.engine.tree import Tree, TreeError
from local_test.transform.assemble import SUFFIX
from local_test.transform.job import (
    ASSEMBLY_TYPES,
    BATCH_STRATEGIES,
    COMPRESSION_TYPES,
    JOIN_SOURCES,
    SPLIT_TYPES,
    InvalidJob,
    TransformJob,
)
from local_test.transform.lane import Progress
from local_test.transform.parameters import environment
from local_test.transform.run import Outcome
from local_test.transform.run import run as run_job
from tiffin import limits, media

_OFTEN = 2 * limits.SECONDS  # between two lines of progress


def add_parser(commands: Any, parents: Sequence[argparse.ArgumentParser]) -> None:
    """`parents`: those that give base_dir, image, docker and env."""
    parser = commands.add_parser("transform", parents=parents, help="batch transform: files through the model")
    parser.add_argument("input", type=Path, nargs="+", metavar="FILE", help="files, or folders of files")
    parser.add_argument("--output", type=Path, default=Path(), metavar="FOLDER", help="for FILE.out (default: here)")
    parser.add_argument("--url", action="append", metavar="URL", help="of a running server; several share the files")
    parser.add_argument("--instance-count", type=int, default=1, metavar="N", help="servers to start, without --url")
    parser.add_argument("--content-type", help="default: by the first file's name")
    parser.add_argument("--accept")
    parser.add_argument("--split-type", choices=SPLIT_TYPES)
    parser.add_argument("--batch-strategy", choices=BATCH_STRATEGIES)
    parser.add_argument("--assemble-with", choices=ASSEMBLY_TYPES)
    parser.add_argument("--compression-type", choices=COMPRESSION_TYPES)
    parser.add_argument("--max-payload-in-mb", type=int, metavar="MB", help="0: chunked, of unknown length")
    parser.add_argument("--max-concurrent-transforms", type=int, metavar="N")
    parser.add_argument("--input-filter", metavar="JSONPATH")
    parser.add_argument("--output-filter", metavar="JSONPATH")
    parser.add_argument("--join-source", choices=JOIN_SOURCES)
    parser.add_argument("--invocations-timeout", type=int, metavar="SECONDS")
    parser.add_argument("--invocations-max-retries", type=int, metavar="N")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """The exit status. Raises what `local_test.client` and the runner raise."""
    try:
        files = _files(options.input, options.output)
        job = _job(options, files[0][0])
    except InvalidJob as error:
        terminal.say(f"not a transform job: {error}")
        return 2
    with _containers(options, job) as addresses:
        started = time.monotonic()
        outcome = run_job(job, files, addresses, say=terminal.say, progress=_Ticker())
        return _report(outcome, time.monotonic() - started)


def _job(options: argparse.Namespace, first: Path) -> TransformJob:
    named = first.with_suffix("") if first.suffix == ".gz" else first
    given = {
        name: getattr(options, name)
        for name in TransformJob.__dataclass_fields__
        if name not in ("environment", "content_type") and getattr(options, name) is not None
    }
    content_type = options.content_type or media.of_file(named)
    return TransformJob(**given, content_type=content_type, environment=dict(options.env))


def _files(inputs: Sequence[Path], output: Path) -> list[tuple[Path, Path]]:
    """Each file with its output; below a folder the names stay as they are there. Raises InvalidJob."""
    found: list[tuple[Path, Path]] = []
    for given in inputs:
        if not given.exists():
            raise InvalidJob(f"there is no {given}")
        inside = sorted(path for path in given.rglob("*") if path.is_file()) if given.is_dir() else [given]
        root = given if given.is_dir() else given.parent
        found += [(path, output / f"{path.relative_to(root)}{SUFFIX}") for path in inside]
    if not found:
        raise InvalidJob(f"there is no file in {', '.join(map(str, inputs))}")
    if len({target for _, target in found}) < len(found):
        raise InvalidJob(f"two of the files would both be written to the same file below {output}")
    return found


@contextmanager
def _containers(options: argparse.Namespace, job: TransformJob) -> Iterator[list[str]]:
    """The addresses: those that were given, or of servers on the artifact, ended afterwards."""
    if options.url:
        yield options.url
        return
    tree = Tree.at(options.base_dir)
    if not tree.artifact():
        raise TreeError(f"{tree.paths.model} is empty: train first")
    runner, image = shared.runner(options)
    spec = ServingSpec(
        image,
        tree.paths.base,
        environment(job) | shared.environment(options, runner.runs_images),
        (Part("model", read_only=True), *shared.code_part(options, runner.runs_images)),
        resources=shared.resources(options),
    )
    with tree.in_use(), ExitStack() as stack:
        servers = []
        for _ in range(max(1, options.instance_count)):
            servers.append(Server.begin(runner, spec, terminal.log_lines("serve")))
            stack.callback(servers[-1].close)
        for server in servers:
            server.wait_until_ready()
        yield [server.url for server in servers]


class _Ticker:
    """Says how far the job is, now and then."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _OFTEN

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _OFTEN
        records = "" if progress.records is None else f"{progress.records:,} records, "
        terminal.say(f"{progress.source.name}: {records}{progress.requests:,} requests")


def _report(outcome: Outcome, seconds: float) -> int:
    for result in outcome.files:
        requests = "1 request" if result.requests == 1 else f"{result.requests:,} requests"
        terminal.say(f"{result.target} ({requests})" if result.is_done else f"{result.source}: {result.error}")
    reason = f": {outcome.failure_reason}" if outcome.failure_reason else ""
    terminal.say(f"{outcome.status} in {seconds:.1f} s{reason}")
    return 0 if outcome.status == "Completed" else 1
