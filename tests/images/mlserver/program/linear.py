"""A linear score of the numbers of a row; its weights are the artifact."""

import json

import numpy as np
from fastapi import Request, Response
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.handlers import custom_handler
from mlserver.types import InferenceRequest, InferenceResponse


class Linear(MLModel):
    async def load(self) -> bool:
        with open("/opt/ml/model/weights.json") as file:
            self._weights = np.array(json.load(file))
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        rows = NumpyCodec.decode_input(payload.inputs[0])
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("score", rows @ self._weights)])

    @custom_handler(rest_path="/ping", rest_method="GET")
    async def ping(self) -> str:
        return ""

    @custom_handler(rest_path="/invocations")
    async def invocations(self, request: Request) -> Response:
        text = (await request.body()).decode()
        rows = np.array([[float(cell) for cell in line.split(",")] for line in text.splitlines()])
        return Response("".join(f"{score!r}\n" for score in (rows @ self._weights).tolist()), media_type="text/csv")
