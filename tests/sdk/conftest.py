"""The scripts on both images begin together, when the first test wants one of them; only the chosen tests' scripts."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest

from tests import judged
from tests.awsjobs import BUCKET, Jobs, channel
from tests.container.conftest import COLOUR
from tests.localaws import ROLE, up
from tests.sdk.clients import CLIENTS, Clients, Image
from tests.server import ROOT

TRUST = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
AT_ONCE = 7  # scripts: most of their time is waiting


def ours() -> Image:
    data, payload = ROOT / "model/data/colours.csv", "73,84,116\n200,16,46\n"
    return Image(COLOUR, "train", data, payload, ["blue", "red"], "colour.json", "test_accuracy=")


def foreign() -> Image:
    """AWS's published layout."""
    import docker

    folder = ROOT / "tests/images/aws"
    with closing(docker.from_env()) as client:
        tag = judged.build(client, folder)
    return Image(
        tag,
        "training",
        folder / "training.csv",
        "5.4,3.8,1.5,-0.0\n5.6,2.8,4.0,0.9\n6.7,3.0,5.7,1.7\n",
        ["setosa", "versicolor", "virginica"],
        "decision-tree-model.pkl",
        "Training complete.",
    )


IMAGES: dict[str, Callable[[], Image]] = {"ours": ours, "foreign": foreign}


@pytest.fixture(scope="session")
def all_clients(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Clients]]:
    base = tmp_path_factory.mktemp("clients")
    chosen = {item.callspec.params.get("script") for item in request.session.items if hasattr(item, "callspec")}
    with ExitStack() as stack:
        found = {}
        for name, image in IMAGES.items():
            clients = Clients(image(), stack.enter_context(up(base / name, "--docker")))
            stack.callback(clients.proxy.server_close)
            stack.callback(clients.proxy.shutdown)
            found[name] = clients
        pool = stack.enter_context(ThreadPoolExecutor(AT_ONCE))
        variables = {name: _prepared(clients) for name, clients in found.items()}
        for script in CLIENTS:
            for name, clients in found.items():
                if script in chosen:
                    clients.start(pool, script, base / f"{name}-{script}", variables[name])
        yield found


@pytest.fixture(params=IMAGES)
def clients(request: pytest.FixtureRequest, all_clients: dict[str, Clients]) -> Clients:
    return all_clients[request.param]


def _prepared(clients: Clients) -> dict[str, str]:
    """What an earlier day has left in the account: a role, a bucket with data, a trained model."""
    image, jobs = clients.image, Jobs(clients.aws, clients.image.tag)
    trust = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
    clients.aws.client("iam").create_role(RoleName=ROLE.rpartition("/")[2], AssumeRolePolicyDocument=trust)
    data = jobs.put(**{"data.csv": image.data.read_bytes()})
    job = jobs.run(channels=[channel(data, image.channel)], HyperParameters={"max_leaf_nodes": "20"})
    assert job["TrainingJobStatus"] == "Completed", jobs.lines(job["TrainingJobName"])
    artifact = job["ModelArtifacts"]["S3ModelArtifacts"]
    return {"BUCKET": BUCKET, "DATA_URI": data, "JOB": job["TrainingJobName"], "MODEL_DATA": artifact}
