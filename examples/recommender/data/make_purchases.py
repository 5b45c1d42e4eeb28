"""Make purchases.csv anew: users who like some kinds of products more than others. Seeded; nobody's data.

python examples/recommender/data/make_purchases.py
"""

import csv
from pathlib import Path

import numpy as np

USERS, PRODUCTS, KINDS, SEED = 600, 240, 6, 20261121


def main() -> None:
    random = np.random.default_rng(SEED)
    users = np.sort(512500000 + random.choice(20000, USERS, replace=False))
    products = np.sort(44600000 + random.choice(9000, PRODUCTS, replace=False))
    users[100], products[40] = 512505687, 44600062  # those that the pages ask about
    users, products = np.unique(users), np.unique(products)
    kinds = random.integers(0, KINDS, len(products))
    popular = random.pareto(2, len(products)) + 0.2
    file = Path(__file__).with_name("purchases.csv")
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["user_id", "product_id", "quantity"])
        for user in users:
            liking = random.dirichlet(np.full(KINDS, 0.3))
            weights = liking[kinds] * popular
            count = int(random.integers(4, 16))
            for product in np.sort(random.choice(len(products), count, replace=False, p=weights / weights.sum())):
                writer.writerow([user, products[product], 1 + int(random.poisson(0.4))])


if __name__ == "__main__":
    main()
