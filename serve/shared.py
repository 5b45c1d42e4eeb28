"""What is made before the fork, for all processes."""

from dataclasses import dataclass

from serve.doorman import Doorman
from serve.metrics import Metrics
from serve.readiness import Board
from serve.watch import Watch


@dataclass(frozen=True)
class Shared:
    """Each process has a `watch` of its own after the fork. Without a model to load there is no doorman."""

    board: Board
    metrics: Metrics
    watch: Watch
    doorman: Doorman | None
