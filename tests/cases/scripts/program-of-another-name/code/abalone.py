import argparse
import os

from lib.scaling import FACTOR

if __name__ == "__main__":
    raise SystemExit(argparse.ArgumentParser().parse_args(["--train", os.environ["SM_CHANNEL_TRAIN"]]))


def model_fn(model_dir):
    return FACTOR


def predict_fn(input_data, model):
    return input_data.sum(axis=1) * model
