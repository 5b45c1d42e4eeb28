"""A linear score of the numbers of a row; its weights are the artifact."""

import json
import os

import numpy as np
from sagemaker_inference import decoder, encoder
from sagemaker_inference.default_handler_service import DefaultHandlerService
from sagemaker_inference.default_inference_handler import DefaultInferenceHandler
from sagemaker_inference.transformer import Transformer


class Handler(DefaultInferenceHandler):
    def default_model_fn(self, model_dir, context=None):
        with open(os.path.join(model_dir, "weights.json")) as file:
            return np.array(json.load(file))

    def default_input_fn(self, input_data, content_type, context=None):
        return np.atleast_2d(decoder.decode(input_data, content_type))

    def default_predict_fn(self, data, model, context=None):
        return data @ model

    def default_output_fn(self, prediction, accept, context=None):
        return encoder.encode(prediction, accept)


class HandlerService(DefaultHandlerService):
    def __init__(self):
        super().__init__(transformer=Transformer(default_inference_handler=Handler()))


_service = HandlerService()


def handle(data, context):
    if not getattr(_service, "ready", False):
        _service.initialize(context)
        _service.ready = True
    return None if data is None else _service.handle(data, context)
