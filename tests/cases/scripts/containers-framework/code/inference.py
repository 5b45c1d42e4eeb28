import json
import os

import joblib
from sagemaker_containers.beta.framework import content_types, encoders, worker


def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))


def input_fn(input_data, content_type):
    if content_type != content_types.CSV:
        raise ValueError("{} not supported by script!".format(content_type))
    return encoders.decode(input_data, content_type)


def predict_fn(input_data, model):
    return model.predict_proba(input_data)


def output_fn(prediction, accept):
    if accept == "application/json":
        instances = [{"features": row} for row in prediction.tolist()]
        return worker.Response(json.dumps({"instances": instances}), mimetype=accept)
    return worker.Response(encoders.encode(prediction, accept), accept, mimetype=accept)
