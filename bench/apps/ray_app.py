"""Ray Serve by its own documentation: a deployment that gets Starlette's request; replicas are its workers."""

import io
import os
import signal
from typing import Any

import pandas as pd
import ray
from colour_tree import features, load
from ray import serve
from starlette.requests import Request
from starlette.responses import Response

WORKERS = int(os.environ["BENCH_WORKERS"])


@serve.deployment(num_replicas=WORKERS, ray_actor_options={"num_cpus": 0})
class ColourTree:
    def __init__(self) -> None:
        self.tree: Any = load()

    async def __call__(self, request: Request) -> Response:
        if request.url.path == "/ping":
            return Response()
        data = pd.read_csv(io.BytesIO(await request.body()), header=None)
        labels = self.tree.predict(features(data.to_numpy()))
        return Response("\n".join(labels) + "\n", media_type="text/csv")


if __name__ == "__main__":
    ray.init(include_dashboard=False, num_cpus=2, _temp_dir=os.environ["BENCH_FOLDER"])
    serve.start(http_options={"host": "127.0.0.1", "port": int(os.environ["BENCH_PORT"])})
    app: Any = ColourTree
    serve.run(app.bind(), route_prefix="/")
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    serve.shutdown()
    ray.shutdown()
