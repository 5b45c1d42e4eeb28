"""One XGBoost model over the shards of several containers, as good as one host's on all of the data."""

import json
import random
import re
from pathlib import Path

import pytest

from tests.container.conftest import docker
from tests.server import ROOT
from tests.unit.local_test.harness import harness, serving

pytestmark = pytest.mark.container

IMAGE = "tiffin-test:boosted"
HEADER = "age,plan,city,news,spend,wish,left\n"
ROWS = 500  # of an object


@pytest.fixture(scope="module", autouse=True)
def image() -> None:
    """As docs/09 builds it; Docker's cache makes it once."""
    pins = "REQUIREMENTS=requirements-boosted.txt"
    docker("build", "--tag", IMAGE, "--build-arg", pins, str(ROOT / "examples" / "tabular"))


def row(chance: random.Random) -> str:
    age, spend = chance.randint(18, 80), round(chance.expovariate(1 / 50), 2)
    plan, city = chance.choice(("basic", "pro", "free")), chance.choice("abcdefgh")
    wish = (age < 30) + (plan == "free") * 1.2 - (spend > 60) * 1.5 + (city in "ab") * 0.8 + chance.gauss(0, 0.3)
    left = "stays" if wish < 0.4 else "goes" if wish < 1.5 else "flees"
    news = chance.choice(("true", "false"))
    return f"{age},{plan},{city},{news},{'' if chance.random() < 0.05 else spend},{wish:.3f},{left}\n"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six objects: the last has one label only, and a city that no other has."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "train").mkdir()
    chance = random.Random(1)  # noqa: S311
    rows = [row(chance) for _ in range(7 * ROWS)]
    shards = [rows[n * ROWS : (n + 1) * ROWS] for n in range(6)]
    shards[5] = [text.replace(",a,", ",z,") for text in shards[5] if text.endswith(",stays\n")]
    for number, shard in enumerate(shards):
        (folder / "train" / f"{number}.csv").write_text(HEADER + "".join(shard))
    (folder / "test.csv").write_text(HEADER + "".join(rows[6 * ROWS :]))
    return folder


def train(base: Path, channel: Path, test: Path, *more: str, **given: str) -> dict[str, float]:
    """The job's metrics."""
    hyperparameters = {"format": "joblib", "estimator.n_estimators": "30", **given}
    done = harness(
        *("train", "--docker", "--image", IMAGE, "--base-dir", str(base), "--cpus", "1", *more),
        *("--channel", f"train={channel}", "--channel", f"test={test}"),
        *(part for name, value in hyperparameters.items() for part in ("-p", f"{name}={value}")),
        *("--metric", r"test_accuracy=test_accuracy=([\d.]+)", "--metric", r"test_r2=test_r2=([\d.]+)"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: float(value) for name, value in re.findall(r"^metric (\w+): ([\d.]+)", done.stdout, re.MULTILINE)}


def test_three_hosts_with_shards_are_as_good_as_one_with_all(data: Path, tmp_path: Path) -> None:
    given = {"estimator": "xgboost.XGBClassifier", "target": "left", "ignore": "wish"}
    one = train(tmp_path / "one", data / "train", data / "test.csv", **given)
    hosts = ("--hosts", "3", "--sharded", "train")
    three = train(tmp_path / "three", data / "train", data / "test.csv", *hosts, **given)
    print(f"accuracy: {one['test_accuracy']:.4f} on one host, {three['test_accuracy']:.4f} on three")
    assert three["test_accuracy"] == pytest.approx(one["test_accuracy"], abs=0.03)  # of 500 rows: 1.6 % is one sd
    schemas = [json.loads((tmp_path / at / "model" / "schema.json").read_text()) for at in ("one", "three/algo-1")]
    assert schemas[0]["columns"] == schemas[1]["columns"]
    assert schemas[0]["labels"] == schemas[1]["labels"]
    assert [list((tmp_path / "three" / f"algo-{n}" / "model").iterdir()) for n in (2, 3)] == [[], []]  # T-30
    with serving("--docker", "--image", IMAGE, "--base-dir", str(tmp_path / "three" / "algo-1"), "--port", "0") as url:
        body = tmp_path / "one.csv"
        body.write_text("25,free,a,true,5\n")
        answer = harness("predict", "--url", url, str(body))
    assert answer.stdout == "flees\n", answer.stderr


def test_T13_a_host_without_objects_takes_part(data: Path, tmp_path: Path) -> None:
    two = tmp_path / "two"
    two.mkdir()
    for name in ("0.csv", "1.csv"):
        (two / name).write_text((data / "train" / name).read_text())
    given = {"estimator": "xgboost.XGBRegressor", "target": "wish", "ignore": "left"}
    found = train(tmp_path / "ml", two, data / "test.csv", "--hosts", "3", "--sharded", "train", **given)
    assert found["test_r2"] > 0.7


def test_a_fault_on_one_host_is_the_jobs_reason(data: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    for number in range(3):
        (bad / f"{number}.csv").write_text((data / "train" / "0.csv").read_text() + ("1,2\n" if number == 1 else ""))
    done = harness(
        *("train", "--docker", "--image", IMAGE, "--base-dir", str(tmp_path / "ml"), "--cpus", "1"),
        *("--channel", f"train={bad}", "--hosts", "3", "--sharded", "train"),
        *("-p", "estimator=xgboost.XGBClassifier", "-p", "target=left", "-p", "format=joblib"),
    )
    assert done.returncode == 1
    assert re.search(
        r"Failed with exit code 1: (algo-2: )?train/1\.csv, line 502: has 2 columns where others", done.stdout
    )


def test_estimators_that_cannot_share_say_so(data: Path, tmp_path: Path) -> None:
    done = harness(
        *("train", "--docker", "--image", IMAGE, "--base-dir", str(tmp_path / "ml"), "--cpus", "1"),
        *("--channel", f"train={data / 'train'}", "--hosts", "2", "--sharded", "train"),
        *("-p", "estimator=sklearn.linear_model.LogisticRegression", "-p", "target=left"),
    )
    assert done.returncode == 1
    assert "Use FullyReplicated, one host, or an estimator of XGBoost" in done.stdout
