"""Train the recommender on purchases: CSV of user, product and, if you have it, how many."""

import logging
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from tiffin.codecs import csv
from tiffin.errors import BadJob
from tiffin.hyperparameters import Between
from tiffin.job import Channel, TrainingJob
from tiffin.table import Floats, shortened

from . import als, artifact
from .als import Plan, Ratings
from .artifact import Recommender, Side

log = logging.getLogger(__name__)

TOP = 10
_WITH_AMOUNT = 3


@dataclass(frozen=True)
class Hyperparameters:
    """`header=false`: the first row is a purchase too."""

    factors: Annotated[int, Between(1, 1000)] = 16
    iterations: Annotated[int, Between(1, 1000)] = 10
    regularization: Annotated[float, Between(1e-6, 1e6)] = 0.1
    alpha: Annotated[float, Between(0, 1e6)] = 10.0
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0
    header: bool = True


@dataclass(frozen=True)
class Purchases:
    names: tuple[str, str]
    user_ids: npt.NDArray[Any]  # sorted
    product_ids: npt.NDArray[Any]  # sorted
    ratings: Ratings


def train_fn(job: TrainingJob) -> None:
    given: Hyperparameters = job.hyperparameters
    channel = job.channel("train", "training")
    if len(job.hosts) > 1 and channel.is_sharded:
        raise BadJob(f"channel {channel.name!r} is ShardedByS3Key, and this model trains on one host: FullyReplicated")
    if not job.is_leader:
        log.info("one host trains, %s", job.hosts[0])
        return
    purchases = read(channel, given.header)
    log.info("%d users, %d products, %d pairs", *purchases.ratings.shape, len(purchases.ratings.amount))
    training, held_out = _one_a_user(purchases.ratings, given.seed)
    if len(held_out):
        for name, value in _ranks(training, held_out, *_fit(training, given)).items():
            job.metric(f"test_{name}", value)
    users, products = _fit(purchases.ratings, given)
    model = Recommender(
        Side(purchases.names[0], purchases.user_ids, artifact.with_mean(users)),
        Side(purchases.names[1], purchases.product_ids, artifact.with_mean(products)),
    )
    artifact.save(job.model_dir, model)


def read(channel: Channel, header: bool) -> Purchases:
    """Several purchases of one pair add up. Raises BadJob naming file and line."""
    names: tuple[str, ...] = ("user", "product")
    head: list[str] | None = None
    users, products, amounts = [], [], []
    for name, stream in channel.streams(".csv"):
        for line, fields in csv.file_records(name, stream):
            row = [field.strip() for field in fields]
            if head is None:
                head = row
                if len(row) not in (2, _WITH_AMOUNT):
                    raise BadJob(f"{name}, line {line}: has {len(row)} columns; user, product and how many are taken")
                if header:
                    names = tuple(row)
                    continue
            if header and row == head:  # each file has it
                continue
            if len(row) != len(head):
                raise BadJob(f"{name}, line {line}: has {len(row)} columns where others have {len(head)}")
            if not row[0] or not row[1]:
                raise BadJob(f"{name}, line {line}: the id in column {names[0 if not row[0] else 1]!r} is empty")
            users.append(row[0])
            products.append(row[1])
            amounts.append(_amount(name, line, row))
    if not users:
        raise BadJob(f"channel {channel.name!r}: the CSV files have no rows")
    user_ids, user_rows = np.unique(_ids(users), return_inverse=True)
    product_ids, product_rows = np.unique(_ids(products), return_inverse=True)
    pairs, which = np.unique(user_rows * len(product_ids) + product_rows, return_inverse=True)
    ratings = Ratings(
        pairs // len(product_ids),
        pairs % len(product_ids),
        np.bincount(which, np.array(amounts)).astype(np.float64),
        (len(user_ids), len(product_ids)),
    )
    return Purchases((names[0], names[1]), user_ids, product_ids, ratings)


def _fit(ratings: Ratings, given: Hyperparameters) -> tuple[Floats, Floats]:
    plan = Plan(given.factors, given.iterations, given.regularization, given.alpha, given.seed)
    return als.factorize(ratings, plan)


def _one_a_user(ratings: Ratings, seed: int) -> tuple[Ratings, npt.NDArray[np.intp]]:
    """Of each user of two products or more, one is held out: (users, products) of those pairs, a row each."""
    shuffled = np.random.default_rng(seed).permutation(len(ratings.users))
    counts = np.bincount(ratings.users, minlength=ratings.shape[0])
    _, first = np.unique(ratings.users[shuffled], return_index=True)
    chosen = shuffled[first]
    chosen = chosen[counts[ratings.users[chosen]] > 1]
    stays = np.ones(len(ratings.users), dtype=bool)
    stays[chosen] = False
    left = Ratings(ratings.users[stays], ratings.products[stays], ratings.amount[stays], ratings.shape)
    return left, np.column_stack([ratings.users[chosen], ratings.products[chosen]])


def _ranks(training: Ratings, held_out: Any, users: Floats, products: Floats) -> dict[str, float]:
    """Where the held-out product stands among those that its user has not bought: 0 is the first."""
    bought: dict[int, list[int]] = {}
    for user, product in zip(training.users.tolist(), training.products.tolist(), strict=True):
        bought.setdefault(user, []).append(product)
    ranks, shares = [], []
    for user, product in held_out.tolist():
        scores = products @ users[user]
        scores[bought.get(user, [])] = -np.inf
        rank = int((scores > scores[product]).sum())
        ranks.append(rank)
        shares.append(rank / max(1, np.isfinite(scores).sum() - 1))
    return {
        f"hit_rate_at_{TOP}": float(np.mean(np.array(ranks) < TOP)),
        "mean_rank": float(np.mean(shares)),  # 0.5 is chance
    }


def _ids(texts: list[str]) -> npt.NDArray[Any]:
    """Whole numbers where all of them are."""
    if all(text.lstrip("-").isdecimal() and str(int(text)) == text for text in texts):
        try:
            return np.array(texts, dtype=np.int64)
        except (OverflowError, ValueError):
            pass
    return np.array(texts, dtype=np.str_)


def _amount(name: str, line: int, row: list[str]) -> float:
    if len(row) < _WITH_AMOUNT:
        return 1.0
    try:
        amount = float(row[2]) if "_" not in row[2] else -1.0
    except ValueError:
        amount = -1.0
    if not 0 < amount < float("inf"):
        raise BadJob(f"{name}, line {line}: {shortened(row[2])} is no number above 0: how many were bought")
    return amount
