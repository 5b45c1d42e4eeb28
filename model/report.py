"""The training report: one self-contained HTML page, its pictures as PNG files, its figures as JSON."""

import base64
import html
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from model.artifact import ColourModel
from model.dataset import Dataset

_PAGE = Path(__file__).with_name("report.html")
MISTAKES_SHOWN = 120


@dataclass(frozen=True)
class Evaluation:
    """How a model did on one data set. `matrix[i, j]` counts rows of label i that were answered with label j."""

    name: str
    data: Dataset
    predicted: Any  # (n,) labels
    labels: tuple[str, ...]
    matrix: Any  # (labels, labels) counts

    @property
    def scores(self) -> dict[str, float]:
        table = [row for row in self.per_class() if row["rows"]]
        return {
            "accuracy": float(np.trace(self.matrix) / self.matrix.sum()),
            "balanced_accuracy": float(np.mean([row["recall"] for row in table])),
            "macro_f1": float(np.mean([row["f1"] for row in table])),
        }

    def per_class(self) -> list[dict[str, Any]]:
        rows = []
        for index, label in enumerate(self.labels):
            hits, actual, answered = (
                self.matrix[index, index],
                self.matrix[index].sum(),
                self.matrix[:, index].sum(),
            )
            rows.append(
                {
                    "label": label,
                    "rows": int(actual),
                    "precision": float(hits / answered) if answered else 0.0,
                    "recall": float(hits / actual) if actual else 0.0,
                    "f1": float(2 * hits / (actual + answered)) if actual + answered else 0.0,
                }
            )
        return rows

    def mistakes(self) -> list[dict[str, Any]]:
        """The colours it gets wrong, grouped by what they are and what they were called."""
        wrong = np.flatnonzero(self.predicted != self.data.labels)
        found = [
            {
                "name": self.data.names[i],
                "hex": "#{:02x}{:02x}{:02x}".format(*np.rint(self.data.rgb[i]).astype(int)),
                "label": str(self.data.labels[i]),
                "predicted": str(self.predicted[i]),
            }
            for i in wrong
        ]
        return sorted(found, key=lambda row: (row["label"], row["predicted"], row["hex"]))


def evaluate(name: str, model: ColourModel, data: Dataset) -> Evaluation:
    predicted = model.predict(data.rgb)
    labels = tuple(sorted({*model.record.labels, *data.labels.tolist()}))
    place = {label: index for index, label in enumerate(labels)}
    matrix = np.zeros((len(labels), len(labels)), dtype=np.int64)
    np.add.at(matrix, ([place[x] for x in data.labels], [place[x] for x in predicted]), 1)
    return Evaluation(name, data, predicted, labels, matrix)


def write(folder: Path, model: ColourModel, training: Dataset, evaluations: list[Evaluation], split: str) -> Path:
    """Into `folder`: report.html, report.json and the pictures; the last evaluation is the one that is shown.

    Returns the page's path.
    """
    from model import drawing  # matplotlib: a job that fails before needs none of it

    shown = evaluations[-1]
    pictures = {
        "label_counts": drawing.label_counts(training.counts(), {e.name: e.data.counts() for e in evaluations}),
        "confusion_matrix": drawing.confusion_matrix(shown.matrix, shown.labels),
        "mistakes": drawing.mistakes(shown.mistakes()[:MISTAKES_SHOWN]),
    }
    tree = drawing.tree(model.trees, model.record.features, model.record.labels)
    if tree is not None:
        pictures["tree"] = tree
    folder.mkdir(parents=True, exist_ok=True)
    images = {}
    for name, figure in pictures.items():
        png = io.BytesIO()
        figure.savefig(png, format="png", dpi=110, bbox_inches="tight")
        (folder / f"{name}.png").write_bytes(png.getvalue())
        images[name] = png.getvalue()
    figures = _figures(model, training, evaluations, split)
    (folder / "report.json").write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    page = folder / "report.html"
    page.write_text(_html(model, shown, figures, images), encoding="utf-8")
    return page


def _figures(model: ColourModel, training: Dataset, evaluations: list[Evaluation], split: str) -> dict[str, Any]:
    record = model.record
    return {
        "algorithm": record.algorithm,
        "color_space": record.color_space,
        "features": record.features,
        "hyperparameters": record.hyperparameters,
        "versions": record.versions,
        "split": split,
        "training_rows": len(training),
        "label_counts": training.counts(),
        "evaluations": {
            e.name: {
                "rows": len(e.data),
                "scores": e.scores,
                "per_class": e.per_class(),
                "labels": list(e.labels),
                "confusion_matrix": e.matrix.tolist(),
                "mistakes": e.mistakes(),
            }
            for e in evaluations
        },
    }


def _html(model: ColourModel, shown: Evaluation, figures: dict[str, Any], images: Mapping[str, bytes]) -> str:
    mistakes = shown.mistakes()
    swatches = "".join(_swatch(row) for row in mistakes[:MISTAKES_SHOWN])
    if len(mistakes) > MISTAKES_SHOWN:
        swatches += f"<p>… and {len(mistakes) - MISTAKES_SHOWN} more, in report.json.</p>"
    facts = {
        "algorithm": model.record.algorithm,
        "colour space": model.record.color_space,
        "trained on": f"{figures['training_rows']} colours",
        "scored on": f"{len(shown.data)} colours ({shown.name})",
        "split": figures["split"],
    }
    if model.trees.is_single:
        facts["leaves"] = str(model.trees.leaves)
    return Template(_PAGE.read_text(encoding="utf-8")).substitute(
        accuracy=f"{shown.scores['accuracy']:.1%}",
        balanced=f"{shown.scores['balanced_accuracy']:.1%}",
        macro_f1=f"{shown.scores['macro_f1']:.3f}",
        wrong=len(mistakes),
        facts=_pairs(facts),
        hyperparameters=_pairs({k: v for k, v in model.record.hyperparameters.items() if v is not None}),
        versions=_pairs(model.record.versions),
        per_class="".join(_class_row(row) for row in shown.per_class()),
        swatches=swatches or "<p>None: every colour got its own label.</p>",
        label_counts=_image(images["label_counts"], "Rows of each label"),
        confusion_matrix=_image(images["confusion_matrix"], "Confusion matrix"),
        tree=f'<div class="wide">{_image(images["tree"], "The decision tree")}</div>'
        if "tree" in images
        else "<p>Not drawn: it is no single tree, or too large a one.</p>",
    )


def _pairs(values: Mapping[str, Any]) -> str:
    return "".join(f"<dt>{html.escape(str(k))}</dt><dd>{html.escape(str(v))}</dd>" for k, v in values.items())


def _class_row(row: dict[str, Any]) -> str:
    from model import drawing

    colour = html.escape(drawing.swatch_of(row["label"]))
    return (
        f'<tr><th><i style="background:{colour}"></i>{html.escape(row["label"])}</th><td>{row["rows"]}</td>'
        f"<td>{row['precision']:.3f}</td><td>{row['recall']:.3f}</td><td>{row['f1']:.3f}</td></tr>"
    )


def _swatch(row: dict[str, Any]) -> str:
    label, predicted = html.escape(row["label"]), html.escape(row["predicted"])
    return (
        f'<figure><i style="background:{row["hex"]}"></i><figcaption><b>{html.escape(row["name"])}</b>'
        f"<span>{row['hex']}</span><span>is {label}, called {predicted}</span></figcaption></figure>"
    )


def _image(png: bytes, title: str) -> str:
    return f'<img alt="{html.escape(title)}" src="data:image/png;base64,{base64.b64encode(png).decode()}">'
