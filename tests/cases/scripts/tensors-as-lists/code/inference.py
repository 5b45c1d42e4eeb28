import json
import logging
import os

import numpy as np

JSON_CONTENT_TYPE = "application/json"
logger = logging.getLogger(__name__)


class Net:
    def __init__(self, weights):
        self.weights = weights

    def eval(self):
        return self

    def __call__(self, x):
        return np.matmul(x, self.weights)


def model_fn(model_dir):
    with open(os.path.join(model_dir, "weights.txt")) as file:
        return Net(np.array(file.read().split(), dtype=np.float32)).eval()


def input_fn(serialized_input_data, content_type=JSON_CONTENT_TYPE):
    logger.info("Deserializing the input data.")
    if content_type == JSON_CONTENT_TYPE:
        return np.array(json.loads(serialized_input_data), dtype=np.float32)
    raise Exception("Requested unsupported ContentType in content_type: " + content_type)


def predict_fn(input_data, model):
    return model(input_data)


def output_fn(prediction_output, accept=JSON_CONTENT_TYPE):
    if accept == JSON_CONTENT_TYPE:
        return json.dumps(prediction_output.tolist()), accept
    raise Exception("Requested unsupported ContentType in Accept: " + accept)
