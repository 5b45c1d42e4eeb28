import os


def _note(word):
    with open(os.environ["TIFFIN_TEST_ORDER"], "a") as file:
        file.write(word + " ")


def pre_model_fn(model_dir):
    _note("before")


def model_fn(model_dir):
    _note("model")
    return "model"


def model_warmup_fn(model_dir, model):
    _note("warm")


def predict_fn(data, model):
    with open(os.environ["TIFFIN_TEST_ORDER"]) as file:
        return [file.read()]
