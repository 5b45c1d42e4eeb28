"""BentoML by its own documentation: a service class, arrays in and out; BENCH_BATCH turns its adaptive batching on."""

import os

import bentoml
import numpy as np
from colour_tree import features, load

BATCH = int(os.environ.get("BENCH_BATCH", "1"))
BATCHING = {"batchable": True, "max_batch_size": BATCH, "max_latency_ms": 60_000} if BATCH > 1 else {}


@bentoml.service(workers=int(os.environ["BENCH_WORKERS"]), traffic={"timeout": 120})
class ColourTree:
    def __init__(self) -> None:
        self.tree = load()

    @bentoml.api(route="/invocations", **BATCHING)
    def predict(self, rows: np.ndarray) -> np.ndarray:
        labels: np.ndarray = self.tree.predict(features(rows))
        return labels
