import json

import numpy as np


def model_fn(model_dir):
    return None


def input_fn(request_body, request_content_type):
    return json.loads(request_body)["Input"]


def predict_fn(input_data, model):
    return np.array(input_data) > 1


def output_fn(prediction, content_type):
    return {"Output": prediction[0]}
