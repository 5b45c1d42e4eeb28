"""Train the colour classifier: CSV files of R,G,B,LABEL in, an artifact and a report out."""

import logging
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

import numpy as np

from model import artifact, colour, dataset, report
from model.artifact import ColourModel
from model.dataset import Dataset
from model.estimators import ALGORITHMS, fit
from tiffin.errors import BadJob
from tiffin.hyperparameters import Between
from tiffin.job import Channel, TrainingJob

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Hyperparameters:
    """An algorithm's own (from `max_leaf_nodes` on) are None unless given; `estimators` holds their defaults.

    `refit`: after a model has been scored on held-out rows, fit the artifact to all rows, those included. It has no
    say where the test rows come in a channel of their own: those are never trained on.
    """

    algorithm: Literal["tree", "forest"] = "tree"
    color_space: Literal["rgb", "lab", "lab-linear", "luv", "polarluv", "polarlab", "hsv", "hls"] = "lab"
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0
    test_fraction: Annotated[float, Between(0.05, 0.5)] = 0.3
    refit: bool = True
    max_leaf_nodes: Annotated[int, Between(2, 100_000)] | None = None
    max_depth: Annotated[int, Between(1, 1_000)] | None = None
    min_samples_leaf: Annotated[int, Between(1, 100_000)] | None = None
    n_estimators: Annotated[int, Between(1, 10_000)] | None = None

    def __post_init__(self) -> None:
        known = ALGORITHMS[self.algorithm].hyperparameters
        for name in self.own:
            if name not in known:
                raise ValueError(f"algorithm {self.algorithm!r} has no {name}; it has {', '.join(known)}")

    @property
    def own(self) -> dict[str, Any]:
        """The algorithm's own hyperparameters, those that were given."""
        common = ("algorithm", "color_space", "seed", "test_fraction", "refit")
        return {name: value for name, value in asdict(self).items() if name not in common and value is not None}


def train_fn(job: TrainingJob) -> None:
    channel = job.channel("train", "training")
    _refuse_shards(job, channel, *_held_out(job))
    if not job.is_leader:
        log.info("the colour classifier trains on one host, %s", job.hosts[0])
        return
    given: Hyperparameters = job.hyperparameters
    _check_space(given.color_space)
    rows = dataset.read(channel)
    training, held_out, split = _part(job, rows, given)

    model = _fit(training, given)
    evaluations = [report.evaluate(name, model, data) for name, data in {"train": training, **held_out}.items()]
    scores = {e.name: e.scores for e in evaluations}
    for name, values in scores.items():
        for score, value in values.items():
            job.metric(f"{name}_{score}", value)

    if given.refit and len(training) < len(rows):
        model = _fit(rows, given)
        split += f"; the artifact was then fitted to all {len(rows)} rows"
    artifact.save(job.model_dir, model, scores)
    page = report.write(job.output_data_dir, model, training, evaluations, split)
    log.info("report: %s", page)


def _fit(rows: Dataset, given: Hyperparameters) -> ColourModel:
    log.info("fitting %s in %s to %d colours", given.algorithm, given.color_space, len(rows))
    features = colour.to_features(rows.rgb, given.color_space)
    estimator = fit(given.algorithm, features, rows.labels, given.seed, **given.own)
    return artifact.model_of(estimator, given.algorithm, given.color_space, asdict(given))


def _held_out(job: TrainingJob) -> list[Channel]:
    return [channel for name in ("validation", "test") if (channel := job.optional_channel(name))]


def _refuse_shards(job: TrainingJob, *channels: Channel) -> None:
    for channel in channels:
        if len(job.hosts) > 1 and channel.is_sharded:
            raise BadJob(
                f"channel {channel.name!r} is ShardedByS3Key over {len(job.hosts)} hosts, and this model trains on "
                "one: it would see one shard only. Use FullyReplicated, or one host"
            )


def _part(job: TrainingJob, rows: Dataset, given: Hyperparameters) -> tuple[Dataset, dict[str, Dataset], str]:
    """The rows to fit to, the rows to score on by name (the deciding ones last), and how they were parted."""
    held_out = {channel.name: dataset.read(channel) for channel in _held_out(job)}
    if held_out:
        dataset.require_classes(rows, least=1)
        return rows, held_out, f"channels of their own: {', '.join(held_out)}"
    dataset.require_classes(rows, least=2)
    chosen, test = _stratified(rows.labels, given.test_fraction, given.seed)
    split = f"stratified by label, {given.test_fraction:.0%} held out, seed {given.seed}"
    return rows.part(chosen), {"test": rows.part(test)}, split


def _stratified(labels: Any, test_fraction: float, seed: int) -> tuple[Any, Any]:
    """Row numbers to fit to and to test on: of each label at least one of both."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    chosen, test = [], []
    for label in np.unique(labels):
        rows = shuffled[labels[shuffled] == label]
        count = min(max(1, round(len(rows) * test_fraction)), len(rows) - 1)
        test.append(rows[:count])
        chosen.append(rows[count:])
    return np.sort(np.concatenate(chosen)), np.sort(np.concatenate(test))


def _check_space(color_space: str) -> None:
    try:
        colour.to_features(np.zeros((1, 3)), color_space)
    except ValueError as error:  # a colour space of the optional package, and the package is not there
        raise BadJob(f"hyperparameter color_space={color_space!r}: {error}") from None
