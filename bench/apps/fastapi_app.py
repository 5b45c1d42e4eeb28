"""FastAPI by its own documentation: a model loaded in `lifespan`, the body read from the request."""

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pandas as pd
from colour_tree import features, load
from fastapi import FastAPI, Request, Response

models: dict[str, Any] = {}


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    models["tree"] = load()
    yield
    models.clear()


app = FastAPI(lifespan=lifespan)


@app.get("/ping")
async def ping() -> Response:
    return Response(status_code=200)


@app.post("/invocations")
async def invocations(request: Request) -> Response:
    data = pd.read_csv(io.BytesIO(await request.body()), header=None)
    predictions = models["tree"].predict(features(data.to_numpy()))
    out = pd.DataFrame({"results": predictions}).to_csv(header=False, index=False)
    return Response(out, media_type="text/csv")
