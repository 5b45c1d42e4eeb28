"""One XGBoost model over the shards of several hosts, by the library's own distributed engine.

Each host reads its own files. What the columns and labels are is agreed on first (together.py); then every host fits,
and the library adds the histograms of all of them up, so that each ends with the same trees; the first host writes
them. A host that was given no object (T-13) takes part without rows.
"""

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline

from tiffin.errors import BadJob
from tiffin.job import Channel, TrainingJob
from tiffin.table import Floats

from . import dataset
from .dataset import Rows
from .pipeline import columns
from .schema import Column, Schema, Seen, infer
from .together import Together, address_of

log = logging.getLogger(__name__)

Found = dict[str, dict[str, float]]


def can_train(estimator: BaseEstimator) -> bool:
    return type(estimator).__module__.partition(".")[0] == "xgboost" and hasattr(estimator, "get_xgb_params")


def read(channel: Channel, header: bool, group: Together) -> Rows:
    """This host's rows, perhaps none, under the names that all hosts have."""
    with group.telling():
        rows = dataset.read(channel, header) if _has_files(channel) else None
    names = [found for found in group.exchange(rows and rows.names) if found]
    if not names:
        raise BadJob(f"channel {channel.name!r} is empty on every host")
    if any(found != names[0] for found in names):
        raise BadJob(f"the hosts' files have different columns: {', '.join(names[0])} and others")
    return rows or Rows(tuple(names[0]), [], [])


def columns_of(
    rows: Rows, used: list[str], categorical: tuple[str, ...], most: int, group: Together
) -> tuple[Column, ...]:
    """As all rows of all hosts have them."""
    seen = {name: Seen.of(rows.column(name)).shortened(most) for name in used}
    everywhere = group.exchange({name: found.document() for name, found in seen.items()})
    found = []
    for name in used:
        whole = Seen.merged([Seen.from_document(each[name]) for each in everywhere])
        found.append(infer(name, whole, most, name in categorical))
    return tuple(found)


def labels_of(rows: Rows, target: str, group: Together) -> tuple[str | int, ...]:
    with group.telling():
        mine = dataset.target_of(rows, target, as_labels=True).labels if rows.cells else ()
    everywhere = [label for labels in group.exchange(list(mine)) for label in labels]
    if any(isinstance(label, str) for label in everywhere):
        everywhere = [str(label) for label in everywhere]
    found = tuple(sorted(set(everywhere)))
    if len(found) < 2:  # noqa: PLR2004
        raise BadJob(f"column {target!r}: every row has the same label; two or more are needed")
    return found


class Fitting:
    """The library's group of hosts, for as many models as are fitted; to be used as a context."""

    def __init__(self, job: TrainingJob, group: Together) -> None:
        from xgboost import collective
        from xgboost.tracker import RabitTracker

        self._tracker = None
        arguments = None
        if group.is_leader:
            self._tracker = RabitTracker(len(job.hosts), address_of(job.current_host), sortby="task")
            self._tracker.start()
            arguments = self._tracker.worker_args()
        arguments = group.exchange(arguments)[0]
        number = job.hosts.index(job.current_host)
        self._context = collective.CommunicatorContext(**arguments, dmlc_task_id=f"{number:06d}")

    def __enter__(self) -> "Fitting":
        self._context.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._context.__exit__(*error)
        if self._tracker is not None and error[0] is None:
            self._tracker.wait_for()

    @staticmethod
    def fit(schema: Schema, estimator: BaseEstimator, features: Floats, target: Any, labels: int) -> Pipeline:
        """`labels`: how many there are on all hosts, 0 for a regression."""
        import xgboost

        before = columns(schema, estimator)
        before.fit(np.zeros((1, len(schema.columns))))  # it learns nothing from rows for this library
        spread = before.transform(features) if len(features) else np.empty((0, before.transform(_one(schema)).shape[1]))
        parameters = estimator.get_xgb_params()
        if labels > 2:  # noqa: PLR2004  as XGBClassifier does
            parameters |= {"objective": "multi:softprob", "num_class": labels}
        elif labels:
            parameters["objective"] = parameters.get("objective") or "binary:logistic"
        try:
            booster = xgboost.train(
                parameters, xgboost.DMatrix(spread, target), estimator.get_num_boosting_rounds(), verbose_eval=False
            )
        except xgboost.core.XGBoostError as error:
            raise BadJob(f"XGBoost: {' '.join(str(error).split())[:300]}") from error
        fitted = clone(estimator)
        fitted.load_model(booster.save_raw("json"))
        return Pipeline([("columns", before), ("estimator", fitted)])


def scored(
    group: Together, model: Pipeline, features: Floats, target: Any, score: Callable[[Any, Any], dict[str, float]]
) -> dict[str, float]:
    """Of the held-out rows of all hosts."""
    answers = model.predict(features).tolist() if len(features) else []
    everywhere = group.exchange([answers, np.asarray(target).tolist()])
    predicted, true = (np.concatenate([each[part] for each in everywhere]) for part in (0, 1))
    if not len(true):
        raise BadJob("no host has rows enough to hold some out; send a channel 'test'")
    return score(true, predicted)


def _one(schema: Schema) -> Floats:
    return np.zeros((1, len(schema.columns)))


def _has_files(channel: Channel) -> bool:
    return channel.mode == "Pipe" or any(path.is_file() for path in channel.path.rglob("*"))
