import beside


def model_fn(model_dir):
    return beside.WORD


def predict_fn(data, model):
    return [model] * len(data)
