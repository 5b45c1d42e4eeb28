"""Jobs of the examples, in this process: a CSV in, a folder with the artifact out."""

from pathlib import Path
from typing import Any

from examples.tabular import training
from examples.tabular.inference import Served, model_fn, predict_fn
from tiffin import hyperparameters
from tiffin.codecs import csv
from tiffin.context import Context
from tiffin.job import Channel, TrainingJob
from tiffin.predictor import as_table
from tiffin.settings import Settings

PEOPLE = "\n".join(
    ["age,plan,news,spend,left"]
    + [
        f"{20 + i},{('basic', 'pro')[i % 2]},{('true', 'false')[i % 3 == 0]},{i * 1.5},{('no', 'yes')[i < 20]}"
        for i in range(40)
    ]
).replace("\n23,", "\n,")  # one age is missing
FREE = {"estimator": "sklearn.linear_model.LogisticRegression", "target": "left"}


def tabular(folder: Path, csv_text: str, given: dict[str, str]) -> Path:
    return run(training, folder, csv_text, hyperparameters.parse(training.Hyperparameters, given))


def run(module: Any, folder: Path, csv_text: str, given: Any) -> Path:
    data, model = folder / "data", folder / "model"
    data.mkdir(parents=True)
    model.mkdir()
    (data / "rows.csv").write_text(csv_text + "\n", encoding="utf-8")
    module.train_fn(
        TrainingJob(given, {"train": Channel("train", data)}, model, folder / "out", folder / "checkpoints")
    )
    return model


def ask(served: Served, body: str, header: bool = False, **headers: str) -> list[list[Any]]:
    context = Context(Settings(), headers)
    return [list(row) for row in as_table(predict_fn(csv.decode(body, header), served, context)).rows]


def load(model: Path) -> Served:
    return model_fn(str(model), Context(Settings()))
