"""Make customers.csv anew: customers of a shop who stay or leave, by a rule with noise. Seeded; nobody's data.

python examples/tabular/data/make_customers.py
"""

import csv
from pathlib import Path

import numpy as np

ROWS, SEED = 1200, 20261121
PLANS = ("basic", "family", "pro")
CITIES = ("Busan", "Daegu", "Incheon", "Seoul", "서귀포")


def main() -> None:
    random = np.random.default_rng(SEED)
    file = Path(__file__).with_name("customers.csv")
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["age", "plan", "city", "months", "spend", "newsletter", "churned"])
        for _ in range(ROWS):
            age, months = int(random.integers(18, 80)), int(random.integers(1, 72))
            plan, city = str(random.choice(PLANS, p=(0.5, 0.3, 0.2))), str(random.choice(CITIES))
            news = bool(random.random() < 0.4)
            spend = round(float(random.gamma(2, 20) * (1 + PLANS.index(plan))), 2)
            leaning = 1.2 - 0.05 * months - 0.01 * spend + (plan == "basic") - 0.8 * news + random.normal(0, 0.7)
            shown = "" if random.random() < 0.05 else age  # some never said
            lived = "" if random.random() < 0.03 else city
            writer.writerow([shown, plan, lived, months, spend, str(news).lower(), "yes" if leaning > 0 else "no"])


if __name__ == "__main__":
    main()
