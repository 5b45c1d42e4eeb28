"""The plug that scores a user and a product."""

from pathlib import Path

import numpy as np
import pytest

from examples.recommender import als, artifact, training
from examples.recommender.inference import Served, model_fn, predict_fn, raw_fn
from tests.server import ROOT
from tests.unit.examples.jobs import run
from tiffin.codecs import csv
from tiffin.errors import BadJob, BadPayload, NoModel

PURCHASES = (ROOT / "examples" / "recommender" / "data" / "purchases.csv").read_text(encoding="utf-8").strip()
TEXTS = "user,product\nann,tea\nann,milk\nbob,tea\nbob,milk\nbob,한라봉\ncem,한라봉"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(training, tmp_path_factory.mktemp("shop"), PURCHASES, training.Hyperparameters())


@pytest.fixture
def served(model: Path) -> Served:
    return model_fn(str(model))


def ask(served: Served, body: str, header: bool = False) -> list[float]:
    return list(predict_fn(csv.decode(body, header), served).tolist())


def test_factors_are_those_of_the_normal_equations() -> None:
    """One half-step against the paper's formula, written densely."""
    random = np.random.default_rng(1)
    amount = random.poisson(0.5, (7, 5)).astype(float)
    users, products = np.nonzero(amount)
    ratings = als.Ratings(users, products, amount[users, products], (7, 5))
    _, fixed = als.factorize(ratings, als.Plan(3, 4, 0.2, 10.0, 0))
    found, _ = als.factorize(ratings, als.Plan(3, 5, 0.2, 10.0, 0))
    for user in range(7):
        certain = np.diag(1 + 10.0 * amount[user])
        left = fixed.T @ certain @ fixed + 0.2 * np.eye(3)
        assert np.allclose(found[user], np.linalg.solve(left, fixed.T @ certain @ (amount[user] > 0)))


def test_a_bought_product_scores_above_the_mean_and_unknown_ids_are_answered_by_it(served: Served) -> None:
    score, of_product, of_user, of_all = ask(served, "512505687,44600062\n1,44600062\n512505687,1\n1,2")
    users, products = served.model.users, served.model.products
    row = users.factors[users.rows_of(np.array([512505687]))[0]]
    column = products.factors[products.rows_of(np.array([44600062]))[0]]
    assert score == pytest.approx(row @ column)
    assert of_product == pytest.approx((users.factors[:-1] @ column).mean())
    assert of_user == pytest.approx((products.factors[:-1] @ row).mean())
    assert of_all == pytest.approx((users.factors[:-1] @ products.factors[:-1].T).mean())
    bought = [line.rsplit(",", 1)[0] for line in PURCHASES.splitlines()[1:]]
    assert np.mean(ask(served, "\n".join(bought))) > 5 * of_all


def test_the_short_way_answers_what_the_long_way_does(served: Served) -> None:
    body = "\n".join(f"{512500000 + 7 * i},{44600000 + i % 9000}" for i in range(10_000))
    (short,) = raw_fn([body.encode()], served)
    assert short is not None
    assert list(map(float, short.split())) == ask(served, body)
    assert raw_fn([b"1.5,2", b"1,2,3", b"1,"], served) == [None, None, None]


def test_sqls_null_and_ids_beyond_64_bits_are_unknown(served: Served) -> None:
    (mean,) = ask(served, "1,2")
    assert ask(served, ",2\n1,\n99999999999999999999999,2\n+1,-2") == [mean] * 4


@pytest.mark.parametrize(
    ("body", "header", "sentence"),
    [
        ("1,2,3", False, "row 1: has 3 columns, not 2: user_id,product_id"),
        ("1,2\nx,2", False, "row 2, column 'user_id': 'x' is no id: those of this model are whole numbers"),
        ("1,2.5", False, "row 1, column 'product_id': '2.5' is no id: those of this model are whole numbers"),
        ("1,1_0", False, "row 1, column 'product_id': '1_0' is no id: those of this model are whole numbers"),
        ("user_id,product_id\n1,2", False, "row 1, column 'user_id': 'user_id' is no id: those of this model are whole "
         "numbers; if row 1 is a header, say so: text/csv; header=present"),
        ("user_id,x\n1,2", True, "column 'product_id': is missing; this model takes user_id, product_id"),
    ],
)  # fmt: skip
def test_requests_that_are_refused(served: Served, body: str, header: bool, sentence: str) -> None:
    with pytest.raises(BadPayload) as raised:
        ask(served, body, header)
    assert str(raised.value) == sentence


def test_ids_of_text(tmp_path: Path) -> None:
    served = model_fn(str(run(training, tmp_path, TEXTS, training.Hyperparameters(factors=2))))
    assert served.raw is None
    known, unknown, null = ask(served, "ann,tea\nzoe,tea\n,tea")
    assert unknown == null != known
    assert ask(served, "product,user\ntea,ann", header=True) == [known]


def test_the_same_seed_makes_the_same_file(tmp_path: Path, model: Path) -> None:
    again = run(training, tmp_path, PURCHASES, training.Hyperparameters())
    with np.load(model / artifact.FACTORS) as first, np.load(again / artifact.FACTORS) as second:
        assert all((first[name] == second[name]).all() for name in first)


def test_held_out_purchases_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(training, tmp_path, PURCHASES, training.Hyperparameters())
    found = dict(line.rstrip(";").split("=") for line in capsys.readouterr().out.splitlines())
    assert float(found["test_mean_rank"]) < 0.35  # 0.5 is chance
    assert float(found["test_hit_rate_at_10"]) > 0.2  # 10 of 240 by chance


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("user,product\na", "train/rows.csv, line 2: has 1 columns where others have 2"),
        ("user\na", "train/rows.csv, line 1: has 1 columns; user, product and how many are taken"),
        ("user,product\na,", "train/rows.csv, line 2: the id in column 'product' is empty"),
        ("u,p,n\na,b,0", "train/rows.csv, line 2: '0' is no number above 0: how many were bought"),
        ("u,p,n\na,b,many", "train/rows.csv, line 2: 'many' is no number above 0: how many were bought"),
        ("u,p", "channel 'train': the CSV files have no rows"),
    ],
)
def test_training_files_that_are_refused(tmp_path: Path, rows: str, sentence: str) -> None:
    with pytest.raises(BadJob) as raised:
        run(training, tmp_path, rows, training.Hyperparameters())
    assert str(raised.value) == sentence


def test_artifacts_that_are_not_whole(tmp_path: Path) -> None:
    with pytest.raises(NoModel, match=r"holds no factors\.npz"):
        artifact.load(tmp_path)
    (tmp_path / artifact.FACTORS).write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(NoModel, match=r"cannot be read: .*; train again"):
        artifact.load(tmp_path)
