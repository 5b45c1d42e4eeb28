"""Runs of somebody else's program (tests/cases/program) on any runner."""

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_test.engine.containers import Runner
from local_test.engine.serving import Server, ServingSpec
from local_test.engine.training import Result, TrainingRun, TrainingSpec
from local_test.engine.tree import Channel
from tests.server import PATIENCE, ROOT

PROGRAM = ROOT / "tests" / "cases" / "program"
METRICS = {"loss": re.compile(r"loss=(\S+)")}


@dataclass
class Bed:
    """A runner and the image that it starts; trees lie below `folder`."""

    runner: Runner
    image: str
    folder: Path
    log: list[tuple[str, str]] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)

    @property
    def served(self) -> Path:
        return self.folder / "served"

    def job(self, do: str, channels: Mapping[str, Channel] | None = None, **more: Any) -> TrainingRun:
        spec = TrainingSpec("job", self.image, {"do": do}, dict(channels or {}), metric_definitions=METRICS, **more)
        return TrainingRun(
            self.runner,
            spec,
            self.folder / "ml",
            lambda host, line: self.log.append((host, line)),
            self.statuses.append,
        )

    def train(self, do: str, channels: Mapping[str, Channel] | None = None, **more: Any) -> Result:
        return self.job(do, channels, **more).run()

    def train_until(self, do: str, then: Callable[[TrainingRun], None], **more: Any) -> Result:
        """`then`, once the program has said that it waits."""
        run = self.job(do, **more)
        results: list[Result] = []
        thread = threading.Thread(target=lambda: results.append(run.run()))
        thread.start()
        deadline = time.monotonic() + PATIENCE
        while ("algo-1", "waiting") not in self.log:
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)
        then(run)
        thread.join(PATIENCE)
        (result,) = results
        return result

    def said(self) -> list[str]:
        return [line for _, line in self.log]

    @contextmanager
    def serving(self, does: str = "", **more: Any) -> Iterator[Server]:
        (self.served / "model").mkdir(parents=True, exist_ok=True)
        spec = ServingSpec(self.image, self.served, {"DOES": does, **more.pop("environment", {})}, **more)
        server = Server.start(self.runner, spec, lambda line: self.log.append(("serve", line)))
        try:
            yield server
        finally:
            server.close()
