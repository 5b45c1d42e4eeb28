"""`make demo`: the whole job on the shipped colours, on any machine with Python: train, serve, predict, report."""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from local_test import client, terminal
from local_test.engine.containers import Runner
from local_test.engine.process_runner import PROGRAM_ROOT, ProcessRunner, free_port, is_taken
from local_test.engine.serving import Server, ServingSpec
from local_test.engine.training import TrainingRun, TrainingSpec
from local_test.engine.tree import Channel, Tree
from tiffin import limits

DATA = PROGRAM_ROOT / "model" / "data" / "colours.csv"
PAYLOAD = Path(__file__).parent / "payloads" / "colours.csv"
HYPERPARAMETERS = {"algorithm": "tree", "color_space": "lab", "seed": "0"}
STEPS = 4


def add_parser(commands: Any, parents: Sequence[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("demo", parents=parents, help="train, serve and predict without Docker")
    parser.set_defaults(command=lambda options: run(options.base_dir))


def run(base: Path) -> int:
    started = time.monotonic()
    runner = ProcessRunner()
    terminal.say("Tiffin: a colour classifier, trained and served as SageMaker would. No Docker, no AWS, no account.\n")

    terminal.step(1, STEPS, f"train on {DATA.relative_to(PROGRAM_ROOT)}, hyperparameters {json.dumps(HYPERPARAMETERS)}")
    spec = TrainingSpec("demo", "", HYPERPARAMETERS, {"train": Channel(DATA)})
    log = terminal.log_lines("train")
    result = TrainingRun(runner, spec, base, lambda _host, line: log(line)).run()
    if result.failure_reason:
        terminal.say(f"training failed: {result.failure_reason}")
        return 1
    (tree,) = result.trees
    with tree.in_use():
        return _serve(tree, runner, started)


def _serve(tree: Tree, runner: Runner, started: float) -> int:
    port = free_port() if is_taken(limits.PORT) else limits.PORT
    terminal.step(2, STEPS, f"serve the artifact with gunicorn on 127.0.0.1:{port}")
    server = Server.start(runner, ServingSpec("", tree.paths.base, publish=port), terminal.log_lines("serve"))
    try:
        terminal.step(3, STEPS, "predict, as this would:")
        shown = PAYLOAD.relative_to(PROGRAM_ROOT)
        terminal.say(f"      curl --data-binary @{shown} -H 'Content-Type: text/csv' {server.url}/invocations\n")
        payload = PAYLOAD.read_bytes()
        answer = client.invoke(server.url, payload, "text/csv")
        if answer.status != 200:  # noqa: PLR2004
            terminal.say(f"the server answered {answer.status}: {answer.body.decode(errors='replace')}")
            return 1
        show(payload.decode(), answer.body.decode())
        terminal.say()
        terminal.step(4, STEPS, "stop the server")
    finally:
        server.close()

    page = tree.paths.output_data / "report.html"
    terminal.say(f"\nThe training report, to look at: {page}")
    terminal.say(f"The artifact: {', '.join(str(file) for file in tree.artifact())}")
    terminal.say(f"Done in {time.monotonic() - started:.1f} s.")
    return 0


def show(payload: str, answer: str) -> None:
    """Each row of the payload as a swatch, with what it was called."""
    lines = []
    for row, name in zip(payload.splitlines(), answer.splitlines(), strict=True):
        colour = terminal.rgb_of(row)
        lines.append(f"      {terminal.swatch(*colour) if colour else '       '}  {row:<12}  {name}")
    terminal.say("\n".join(lines))
