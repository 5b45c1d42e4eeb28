import os

import joblib


def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))


from sagemaker_inference import content_types, decoder, encoder, errors


def input_fn(input_data, content_type):
    if content_type == content_types.NPY:
        raise errors.UnsupportedFormatError(content_type)
    return decoder.decode(input_data, content_type)


def predict_fn(data, model):
    if data.shape[1] != 2:
        raise errors.GenericInferenceToolkitError(400, "two columns, please")
    return model.predict(data)


def output_fn(prediction, accept):
    return encoder.encode(prediction, accept)
