"""Train the estimator that the job names on the CSV files of its channel."""

import json
import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline

from tiffin.errors import BadJob
from tiffin.hyperparameters import Between, Prefixed
from tiffin.job import Channel, TrainingJob
from tiffin.table import Floats

from . import artifact, dataset, estimators, scores, sharded
from .artifact import TabularModel
from .dataset import Rows
from .pipeline import pipeline
from .schema import Schema
from .together import Together, together

log = logging.getLogger(__name__)

LEAST = 4  # rows, below which none can be held out


@dataclass(frozen=True)
class Hyperparameters:
    """`parameters` are the estimator's own: `estimator.max_iter=200`."""

    estimator: str
    target: str | None = None
    header: bool = True
    ignore: str = ""
    categorical: str = ""
    max_categories: Annotated[int, Between(2, 10_000)] = 100
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0
    test_fraction: Annotated[float, Between(0.05, 0.5)] = 0.2
    format: Literal["skops", "joblib"] = "skops"
    parameters: Annotated[Mapping[str, Any], Prefixed("estimator.")] = field(default_factory=dict)


@dataclass(frozen=True)
class Data:
    features: Floats
    target: Any  # (rows,), or None

    def part(self, chosen: Any) -> "Data":
        return Data(self.features[chosen], None if self.target is None else self.target[chosen])


def train_fn(job: TrainingJob) -> None:
    given: Hyperparameters = job.hyperparameters
    artifact.require(given.format)
    estimator = estimators.build(given.estimator, given.parameters, given.seed)
    task = estimators.task(estimator)
    channel, others = job.channel("train", "training"), _held_out(job)
    if len(job.hosts) > 1 and channel.is_sharded and sharded.can_train(estimator):
        _train_over_shards(job, estimator, task, channel, others)
        return
    _refuse_shards(job, channel, *others)
    if not job.is_leader:
        log.info("one host trains, %s", job.hosts[0])
        return

    rows = dataset.read(channel, given.header)
    target = _target(given, task, estimator, rows)
    schema = dataset.schema_of(rows, target, _names(given.ignore), _names(given.categorical), given.max_categories)
    for column in schema.columns:
        log.info("column %s: %s%s", column.name, column.type, ", may be missing" if column.missing else "")
    everything, labels = _data(rows, schema, task)
    held_out = {c.name: _data(dataset.read(c, given.header), schema, task, labels)[0] for c in others}
    training = everything
    if not held_out:
        training, held_out["test"] = _split(everything, task, given)

    model = _fit(schema, estimator, training)
    found = {name: _scores(name, task, model, data) for name, data in held_out.items()}
    _tell(job, found)
    if training is not everything:
        model = _fit(schema, clone(estimator), everything)
        log.info(
            "scored on %d rows held out, then fitted to all %d",
            len(rows.cells) - len(training.features),
            len(rows.cells),
        )
    artifact.save(job.model_dir, TabularModel(given.estimator, task, schema, labels, model), given.format, found)


def _train_over_shards(
    job: TrainingJob, estimator: BaseEstimator, task: str, channel: Channel, others: list[Channel]
) -> None:
    given: Hyperparameters = job.hyperparameters
    with together(job.hosts, job.current_host) as group:
        rows = sharded.read(channel, given.header, group)
        target = _target(given, task, estimator, rows)
        if target is None:
            raise BadJob(f"{given.estimator} over shards needs a target")
        ignored, categorical = _names(given.ignore), _names(given.categorical)
        used = dataset.used_columns(rows, target, ignored, categorical)
        columns = sharded.columns_of(rows, used, categorical, given.max_categories, group)
        schema = Schema(columns, target, ignored)
        labels = sharded.labels_of(rows, target, group) if task == "classification" else ()

        def data(rows: Rows) -> Data:
            with group.telling():
                return _data(rows, schema, task, labels)[0]

        everything = training = data(rows)
        held_out = {c.name: data(_own_part(c, given, rows, group)) for c in others}
        if not held_out:
            training, held_out["test"] = everything, everything.part(slice(0, 0))
            if len(everything.features) >= LEAST:
                training, held_out["test"] = _split(everything, task, given)
        log.info("%d rows here, %d of them held out", len(rows.cells), len(rows.cells) - len(training.features))
        with sharded.Fitting(job, group) as library:
            model = library.fit(schema, estimator, training.features, training.target, len(labels))
            found = {
                name: sharded.scored(group, model, part.features, part.target, partial(scores.of_answers, task))
                for name, part in held_out.items()
            }
            if training is not everything:
                model = library.fit(schema, estimator, everything.features, everything.target, len(labels))
        group.exchange(None)  # all have the same trees: one that had failed would have ended the others
        if group.is_leader:
            _tell(job, found)
            artifact.save(
                job.model_dir, TabularModel(given.estimator, task, schema, labels, model), given.format, found
            )


def _own_part(channel: Channel, given: Hyperparameters, rows: Rows, group: Together) -> Rows:
    """Of a channel that every host has whole the first host's; its scores are the job's."""
    if channel.is_sharded:
        return sharded.read(channel, given.header, group)
    with group.telling():
        return dataset.read(channel, given.header) if group.is_leader else Rows(rows.names, [], [])


def _tell(job: TrainingJob, found: dict[str, dict[str, float]]) -> None:
    for name, values in found.items():
        for score, value in values.items():
            job.metric(f"{name}_{score}", value)


def _fit(schema: Schema, estimator: BaseEstimator, data: Data) -> Pipeline:
    model = pipeline(schema, estimator)
    name = type(estimator).__name__
    log.info("fitting %s to %d rows", name, len(data.features))
    try:
        with warnings.catch_warnings(record=True) as raised:
            warnings.simplefilter("always")
            model.fit(data.features, data.target)
    except Exception as error:  # its own refusal of these data, in its own words
        raise BadJob(f"{name} cannot be fitted to these rows: {type(error).__name__}: {error}") from error
    for text in sorted({str(warning.message) for warning in raised}):
        log.warning("%s: %s", name, text)
    if "n_jobs" in estimator.get_params(deep=False):
        estimator.set_params(n_jobs=None)  # a request is answered by one thread
    return model


def _scores(name: str, task: str, model: Pipeline, data: Data) -> dict[str, float]:
    try:
        return scores.of(task, model, data.features, data.target)
    except Exception as error:  # what it refuses of rows it was not fitted to, it would refuse of a caller's
        kind = type(model[-1]).__name__
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise BadJob(f"{kind} cannot answer the rows of {name!r}, which it was not fitted to: {reason}") from error


def _target(given: Hyperparameters, task: str, estimator: BaseEstimator, rows: Rows) -> str | None:
    """The target's name; without a header the first column, by the built-in algorithms' convention."""
    needed = task in ("classification", "regression") or estimator.__sklearn_tags__().target_tags.required
    if given.target is None and needed:
        if not given.header:
            return rows.names[0]
        raise BadJob(
            f"hyperparameter 'target' is missing: {given.estimator} learns from a column that it is to predict; there "
            f"are {', '.join(rows.names)}"
        )
    if given.target is not None and task in ("clustering", "outliers"):
        raise BadJob(
            f"hyperparameter target={given.target!r}: {given.estimator} learns without one; leave it out, or name the "
            "column in ignore"
        )
    return given.target


def _data(
    rows: Rows, schema: Schema, task: str, known: tuple[str | int, ...] | None = None
) -> tuple[Data, tuple[str | int, ...]]:
    features = dataset.features(rows, schema)
    if schema.target is None:
        return Data(features, None), ()
    as_labels = task == "classification" or (task == "decomposition" and not _is_of_numbers(rows, schema.target))
    target = dataset.target_of(rows, schema.target, as_labels, known)
    if as_labels and known is None and len(target.labels) < 2:  # noqa: PLR2004
        raise BadJob(f"column {schema.target!r}: every row has the label {target.labels[0]!r}; two or more are needed")
    return Data(features, target.values), target.labels


def _is_of_numbers(rows: Rows, name: str) -> bool:
    if name not in rows.names:
        return False
    try:
        dataset.target_of(rows, name, as_labels=False)
    except BadJob:
        return False
    return True


def _split(data: Data, task: str, given: Hyperparameters) -> tuple[Data, Data]:
    """Seeded; of each label at least one row stays, and a label of one row is not held out."""
    count = len(data.features)
    if count < LEAST:
        raise BadJob(f"there are {count} rows; {LEAST} are the least to hold some out, or send a channel 'test'")
    shuffled = np.random.default_rng(given.seed).permutation(count)
    groups = data.target if task == "classification" else np.zeros(count, dtype=int)
    test = []
    for group in np.unique(groups):
        of_group = shuffled[groups[shuffled] == group]
        test.append(of_group[: min(max(1, round(len(of_group) * given.test_fraction)), len(of_group) - 1)])
    held = np.zeros(count, dtype=bool)
    held[np.concatenate(test)] = True
    if not held.any():
        raise BadJob("each label is on one row only, so that none can be held out; send a channel 'test'")
    return data.part(~held), data.part(held)


def _names(text: str) -> tuple[str, ...]:
    """`a,b`, or the list as JSON."""
    try:
        found = json.loads(text)
    except ValueError:
        found = text.split(",")
    listed = found if isinstance(found, list) else [found]
    return tuple(str(name).strip() for name in listed if str(name).strip())


def _held_out(job: TrainingJob) -> list[Channel]:
    return [channel for name in ("validation", "test") if (channel := job.optional_channel(name))]


def _refuse_shards(job: TrainingJob, *channels: Channel) -> None:
    for channel in channels:
        if len(job.hosts) > 1 and channel.is_sharded:
            raise BadJob(
                f"channel {channel.name!r} is ShardedByS3Key over {len(job.hosts)} hosts, and this model trains on "
                "one: it would see one shard only. Use FullyReplicated, one host, or an estimator of XGBoost"
            )
