import os


def model_fn(model_dir, context=None):
    assert context.system_properties.get("gpu_id") is None
    assert context.system_properties.get("model_dir") == model_dir
    with open(os.path.join(model_dir, "vocabulary.txt")) as file:
        words = file.read().split()
    return {"tokenizer": words.index, "model": float}


def predict_fn(data, model_and_tokenizer, context):
    tokenizer, model = model_and_tokenizer["tokenizer"], model_and_tokenizer["model"]
    tokens = [tokenizer(word) for word in data["inputs"].split()]
    return {"vectors": [model(token) for token in tokens], "trace": context.get_request_header(0, "X-Trace")}
