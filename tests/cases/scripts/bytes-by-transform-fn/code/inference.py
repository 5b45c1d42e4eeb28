def model_fn(model_dir):
    return {"name": "reverser"}


def transform_fn(model, data, content_type, accept):
    assert isinstance(data, bytes if content_type == "application/octet-stream" else str)
    return data[::-1], accept
