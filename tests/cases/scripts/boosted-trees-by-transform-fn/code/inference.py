import os

import booster as xgb


def model_fn(model_dir):
    model = xgb.Booster()
    model.load_model(os.path.join(model_dir, "booster.txt"))
    return model


def transform_fn(model, request_body, content_type, accept_type):
    """The label stands first, and is dropped."""
    if content_type != "text/csv":
        raise ValueError("Content type {} is not supported.".format(content_type))
    rows = [[float(cell) for cell in line.split(",")][1:] for line in request_body.strip("\n").split("\n")]
    predictions = model.predict(xgb.DMatrix(data=rows), pred_contribs=False)
    return "\n".join(str(p) for p in predictions), "text/csv"
