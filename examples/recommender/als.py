"""Matrix factorization of implicit ratings by alternating least squares (Hu, Koren and Volinsky, 2008).

A purchase is a preference of 1, the more certain the more was bought; everything else is a preference of 0, held with
little certainty. Given the products' factors each user's are one small linear system, and the other way round.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tiffin.table import Floats

Ints = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Ratings:
    """One entry a pair, `amount` above zero."""

    users: Ints
    products: Ints
    amount: Floats
    shape: tuple[int, int]


@dataclass(frozen=True)
class Plan:
    factors: int
    iterations: int
    regularization: float
    alpha: float
    seed: int


def factorize(ratings: Ratings, plan: Plan) -> tuple[Floats, Floats]:
    """(users, factors) and (products, factors); a pair's score is the product of its two rows."""
    random = np.random.default_rng(plan.seed)
    users = np.zeros((ratings.shape[0], plan.factors))
    products = random.normal(0, 1 / np.sqrt(plan.factors), (ratings.shape[1], plan.factors))
    surplus = plan.alpha * ratings.amount
    by_user = _grouped(ratings.users, ratings.products, surplus, ratings.shape[0])
    by_product = _grouped(ratings.products, ratings.users, surplus, ratings.shape[1])
    for _ in range(plan.iterations):
        users = _solved(by_user, products, plan.regularization)
        products = _solved(by_product, users, plan.regularization)
    return users, products


def _grouped(rows: Ints, columns: Ints, surplus: Floats, count: int) -> list[tuple[Ints, Floats]]:
    order = np.argsort(rows, kind="stable")
    starts = np.searchsorted(rows[order], np.arange(1, count))
    return list(zip(np.split(columns[order], starts), np.split(surplus[order], starts), strict=True))


def _solved(groups: list[tuple[Ints, Floats]], fixed: Floats, regularization: float) -> Floats:
    common = fixed.T @ fixed + regularization * np.eye(fixed.shape[1])
    left = np.empty((len(groups), *common.shape))
    right = np.empty((len(groups), fixed.shape[1], 1))
    for index, (columns, surplus) in enumerate(groups):
        seen = fixed[columns]
        left[index] = common + (seen.T * surplus) @ seen
        right[index, :, 0] = (1 + surplus) @ seen
    return np.linalg.solve(left, right)[:, :, 0].astype(np.float64)
