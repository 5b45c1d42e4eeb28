"""The artifact: `factors.npz`, arrays alone. Loading it runs no code and imports no library but numpy.

The last row of either side's factors is the mean of the others: what an unknown id is answered by.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tiffin.errors import NoModel
from tiffin.table import Floats

FACTORS = "factors.npz"
FORMAT = 1
Ids = npt.NDArray[Any]


@dataclass(frozen=True)
class Side:
    """Users, or products. `ids` are sorted; of whole numbers, or of texts."""

    name: str
    ids: Ids
    factors: Floats  # (ids + 1, factors)

    @property
    def is_of_numbers(self) -> bool:
        return self.ids.dtype.kind == "i"

    def rows_of(self, asked: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
        """Where each id's factors are; the mean's row for one that is unknown."""
        places = np.searchsorted(self.ids, asked)
        places[places == len(self.ids)] = 0
        return np.where(self.ids[places] == asked, places, len(self.ids))


@dataclass(frozen=True)
class Recommender:
    users: Side
    products: Side

    def scores(self, users: npt.NDArray[Any], products: npt.NDArray[Any]) -> Floats:
        """(n,) ids each -> (n,); a row's score does not depend on the rows it comes with."""
        left = self.users.factors[self.users.rows_of(users)]
        right = self.products.factors[self.products.rows_of(products)]
        found: Floats = np.einsum("nf,nf->n", left, right)
        return found


def with_mean(factors: Floats) -> Floats:
    return np.vstack([factors, factors.mean(axis=0)])


def save(folder: Path, model: Recommender) -> None:
    np.savez_compressed(
        folder / FACTORS,
        allow_pickle=False,
        format=np.int64(FORMAT),
        names=np.array([model.users.name, model.products.name]),
        user_ids=model.users.ids,
        user_factors=model.users.factors,
        product_ids=model.products.ids,
        product_factors=model.products.factors,
    )


def load(folder: Path) -> Recommender:
    """Raises NoModel with what is wrong."""
    file = folder / FACTORS
    if not file.is_file():
        raise NoModel(f"{folder} holds no {FACTORS}: it is no artifact of the recommender; run train")
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            if int(stored["format"]) != FORMAT:
                raise NoModel(f"{file} has format {stored['format']}; this server reads {FORMAT}: train again")
            user, product = map(str, stored["names"])
            users = Side(user, stored["user_ids"], stored["user_factors"])
            products = Side(product, stored["product_ids"], stored["product_factors"])
    except NoModel:
        raise
    except Exception as error:  # a torn file fails in as many ways as there are formats inside it
        raise NoModel(f"{file} cannot be read: {error}; train again") from error
    for side in (users, products):
        if side.factors.shape[:1] != (len(side.ids) + 1,) or not np.isfinite(side.factors).all() or not len(side.ids):
            raise NoModel(f"{file} is not whole: the factors of {side.name} do not fit its ids; train again")
        if side.ids.dtype.kind not in "iU" or (side.ids[1:] <= side.ids[:-1]).any():
            raise NoModel(f"{file} is not whole: the ids of {side.name} are not sorted; train again")
    if users.factors.shape[1:] != products.factors.shape[1:]:
        raise NoModel(f"{file} is not whole: users and products have other numbers of factors; train again")
    return Recommender(users, products)
