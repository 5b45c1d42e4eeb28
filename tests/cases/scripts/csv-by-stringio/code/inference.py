import csv
import io
import json
import os

import joblib


def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))


def input_fn(request_body, request_content_type):
    if request_content_type == "text/csv":
        return [[float(cell) for cell in row] for row in csv.reader(io.StringIO(request_body))]
    if request_content_type == "application/json":
        return json.loads(request_body)["instances"]
    raise ValueError("{} not supported by script!".format(request_content_type))


def predict_fn(input_data, model):
    return model.predict(input_data)


def output_fn(prediction, accept):
    if accept == "application/json":
        return json.dumps({"predictions": prediction.tolist()}), accept
    if accept == "text/csv":
        return ",".join(str(label) for label in prediction), accept
    raise ValueError("Unsupported accept type: {}".format(accept))
