"""LitServe by its own documentation: LitAPI's four methods, JSON in and out; BENCH_BATCH=32 turns its batching on."""

import os
from typing import Any

import litserve as ls
import numpy as np
from colour_tree import features, load

BATCH = int(os.environ.get("BENCH_BATCH", "1"))


class ColourTree(ls.LitAPI):
    def setup(self, device: Any) -> None:  # noqa: ARG002  LitServe's own signature
        self.tree = load()

    def decode_request(self, request: dict[str, Any]) -> Any:
        return np.array(request["rows"])

    def batch(self, inputs: Any) -> Any:
        self.sizes = [len(rows) for rows in inputs]
        return np.concatenate(inputs)

    def predict(self, x: Any) -> Any:
        return self.tree.predict(features(x))

    def unbatch(self, output: Any) -> Any:
        return np.split(output, np.cumsum(self.sizes)[:-1])

    def encode_response(self, output: Any) -> Any:
        return {"labels": output.tolist()}


if __name__ == "__main__":
    batching = {"max_batch_size": BATCH, "batch_timeout": 0.005} if BATCH > 1 else {}
    server = ls.LitServer(
        ColourTree(api_path="/invocations", **batching),
        accelerator="cpu",
        workers_per_device=int(os.environ["BENCH_WORKERS"]),
    )
    server.run(host="127.0.0.1", port=int(os.environ["BENCH_PORT"]), num_api_servers=1, generate_client_file=False)
