"""multi-model-server's entry point, with AWS's sagemaker-inference toolkit behind it, as its README shows."""

from typing import Any

import numpy as np
from colour_tree import features, load
from sagemaker_inference import decoder, encoder
from sagemaker_inference.default_handler_service import DefaultHandlerService
from sagemaker_inference.default_inference_handler import DefaultInferenceHandler
from sagemaker_inference.transformer import Transformer


class Handler(DefaultInferenceHandler):
    def default_model_fn(self, model_dir: str, context: Any = None) -> Any:  # noqa: ARG002  the toolkit's signature
        return load()

    def default_input_fn(self, input_data: Any, content_type: str, context: Any = None) -> Any:  # noqa: ARG002
        return np.atleast_2d(decoder.decode(input_data, content_type))

    def default_predict_fn(self, data: Any, model: Any, context: Any = None) -> Any:  # noqa: ARG002
        return model.predict(features(data))

    def default_output_fn(self, prediction: Any, accept: str, context: Any = None) -> Any:  # noqa: ARG002
        return encoder.encode(prediction, accept)


class Service(DefaultHandlerService):
    is_ready = False

    def __init__(self) -> None:
        super().__init__(transformer=Transformer(default_inference_handler=Handler()))


_service = Service()


def handle(data: Any, context: Any) -> Any:
    if not _service.is_ready:
        _service.initialize(context)
        _service.is_ready = True
    return None if data is None else _service.handle(data, context)
