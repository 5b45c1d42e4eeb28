"""Endpoints through boto3 in real containers: ours, somebody else's, alone, several, confined and isolated."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.awshosting import BUCKET, HOSTED, Hosting, name, packed
from tests.awsjobs import Jobs, channel
from tests.container.conftest import COLOUR, STOCK, docker, own
from tests.localaws import up
from tests.outside import outside
from tests.server import ROOT

pytestmark = pytest.mark.container


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    """Without our label of many models."""
    with own(HOSTED, more="LABEL com.amazonaws.sagemaker.capabilities.multi-models=false") as named:
        yield named


@pytest.fixture(scope="module")
def docked(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosting]:
    with up(tmp_path_factory.mktemp("aws") / "state", "--docker") as api:
        yield Hosting(api, image)


def test_an_endpoint_in_a_container(docked: Hosting) -> None:
    data = docked.put("model.tar.gz", packed({"weights": "1"}))
    endpoint = docked.serve(docked.variant(docked.model({"SAYS": "me"}, ModelDataUrl=data)))
    assert docked.said(endpoint) == "me"
    assert json.loads(docked.said(endpoint, b"model")) == {"weights": "1"}
    environment = json.loads(docked.said(endpoint, b"env"))
    assert environment["AWS_ENDPOINT_URL"].endswith(f":{docked.aws.port}")
    assert list(docked.lines(endpoint).values()) == [["serving me"]]


def test_the_colour_classifier_from_its_data_to_an_answer(docked: Hosting) -> None:
    jobs = Jobs(docked.aws, COLOUR)
    jobs.s3.upload_file(str(ROOT / "model" / "data" / "colours.csv"), "jobs", "colours/colours.csv")
    job = jobs.run(
        channels=[channel("s3://jobs/colours/")], HyperParameters={"algorithm": "tree", "max_leaf_nodes": "60"}
    )
    data = job["ModelArtifacts"]["S3ModelArtifacts"]
    endpoint = docked.serve(docked.variant(docked.model(Image=COLOUR, ModelDataUrl=data)))
    assert docked.said(endpoint, b"255,0,0\n0,0,255\n", ContentType="text/csv").split() == ["red", "blue"]
    with pytest.raises(docked.runtime.exceptions.ModelError) as raised:
        docked.invoke(endpoint, b"255,0\n", ContentType="text/csv")
    assert raised.value.response["OriginalStatusCode"] == 400
    serverless = {"MemorySizeInMB": 1024, "MaxConcurrency": 5}
    endpoint = docked.serve(docked.variant(docked.model(Image=COLOUR, ModelDataUrl=data), ServerlessConfig=serverless))
    assert docked.said(endpoint, b"0,255,0\n", ContentType="text/csv").strip() == "green"  # S-05


def test_S04_an_image_too_large_for_serverless(image: str, tmp_path: Path) -> None:
    with up(tmp_path / "state", "--docker", TIFFIN_LOCAL_IMAGE_SERVERLESS="100e6") as api:
        hosting = Hosting(api, image)
        small = {"MemorySizeInMB": 1024, "MaxConcurrency": 1}
        found = hosting.settled(
            hosting.create(hosting.config(hosting.variant(hosting.model(), ServerlessConfig=small)))
        )
        assert found["EndpointStatus"] == "Failed"
        assert "GB; serverless takes 0.1 GB (S-04)" in found["FailureReason"]
        assert hosting.said(hosting.serve(hosting.variant(hosting.model({"SAYS": "me"})))) == "me"


def test_a_container_that_ends(docked: Hosting) -> None:
    found = docked.settled(docked.create(docked.config(docked.variant(docked.model({"DOES": "end"})))))
    assert found["EndpointStatus"] == "Failed"
    assert "no model here" in found["FailureReason"]


def test_an_image_that_is_not_there(docked: Hosting) -> None:
    found = docked.settled(docked.create(docked.config(docked.variant(docked.model(Image="nobody/nothing:1")))))
    assert found["EndpointStatus"] == "Failed"
    assert "nobody/nothing:1" in found["FailureReason"]


def test_S05_serverless_runs_as_somebody_else_and_writes_in_tmp_only(docked: Hosting) -> None:
    serverless = {"MemorySizeInMB": 1024, "MaxConcurrency": 1}
    endpoint = docked.serve(docked.variant(docked.model(), ServerlessConfig=serverless))
    assert json.loads(docked.said(endpoint, b"ids")) == [True, "refused", "wrote"]
    endpoint = docked.serve(docked.variant(docked.model()))
    assert json.loads(docked.said(endpoint, b"ids")) == [False, "wrote", "wrote"]


def test_S08_a_serverless_container_for_each_invocation_at_a_time(docked: Hosting) -> None:
    before = containers(docked)
    serverless = {"MemorySizeInMB": 1024, "MaxConcurrency": 2}
    endpoint = docked.serve(docked.variant(docked.model(), ServerlessConfig=serverless))
    assert len(containers(docked) - before) == 1
    callers = [threading.Thread(target=docked.said, args=(endpoint, b"sleep 3")) for _ in range(2)]
    for caller in callers:
        caller.start()
    docked.aws.wait(lambda: len(containers(docked) - before) == 2, "a second container")
    for caller in callers:
        caller.join()
    docked.sagemaker.delete_endpoint(EndpointName=endpoint)
    docked.aws.wait(lambda: containers(docked) == before, "the end of both")


def test_isolation_leaves_no_way_out_and_no_credentials(docked: Hosting) -> None:
    variant = docked.variant(docked.model({"SAYS": "me"}, EnableNetworkIsolation=True), InitialInstanceCount=2)
    endpoint = docked.serve(variant)
    assert docked.said(endpoint) == "me"
    with outside() as there:
        assert sorted(docked.said(endpoint, f"python {there.code}".encode()).splitlines()) == there.of_nobody()
        assert there.datagrams == []
    assert not [key for key in json.loads(docked.said(endpoint, b"env")) if key.startswith("AWS_")]


def test_P01_P02_several_containers_of_an_instance(docked: Hosting) -> None:
    containers = [docked.container({"SAYS": each, "DOES": "append"}, ContainerHostname=each) for each in ("one", "two")]
    endpoint = docked.serve(docked.variant(docked.model(Containers=containers)))
    assert docked.said(endpoint, b"x", ContentType="a/b") == "x+one(a/b,None)+two(a/b,None)"


def test_M01_an_image_without_the_label_holds_no_many_models(docked: Hosting) -> None:
    model = docked.model(Mode="MultiModel", ModelDataUrl=docked.put("m.tar.gz", packed({"text": "m"})))
    found = docked.settled(docked.create(docked.config(docked.variant(model))))
    assert found["EndpointStatus"] == "Failed"
    assert "multi-models=true Docker label" in found["FailureReason"]


def test_many_models_in_our_image(docked: Hosting) -> None:
    code = "def model_fn(folder): return {word!r}\ndef predict_fn(rows, model): return [model for _ in rows]\n"
    folder = name("many")
    for word in ("one", "two"):
        body = packed({"code/inference.py": code.format(word=word)})
        docked.s3.put_object(Bucket=BUCKET, Key=f"{folder}/{word}.tar.gz", Body=body)
    model = docked.model(Image=STOCK, Mode="MultiModel", ModelDataUrl=f"s3://{BUCKET}/{folder}/")
    endpoint = docked.serve(docked.variant(model))
    for word in ("one", "two", "one"):
        said = docked.said(endpoint, b"1,2\n", ContentType="text/csv", TargetModel=f"{word}.tar.gz")
        assert said.strip() == word


def test_a_container_that_is_killed_over_a_request_is_replaced(docked: Hosting) -> None:
    before = containers(docked)
    endpoint = docked.serve(docked.variant(docked.model({"SAYS": "me"})))
    [mine] = containers(docked) - before
    said: list[str] = []

    def ask() -> None:
        try:
            docked.aws.client("sagemaker-runtime").invoke_endpoint(EndpointName=endpoint, Body=b"sleep 20")
        except ClientError as error:
            said.append(str(error))

    caller = threading.Thread(target=ask)
    caller.start()
    docked.aws.wait(lambda: docked.said(endpoint, b"most") == "2", "the request under way")
    docker("kill", mine)
    caller.join(20)
    assert "ModelError" in said[0]
    assert "the connection broke" in said[0]

    def answers() -> bool:
        try:
            return docked.said(endpoint) == "me"
        except ClientError:
            return False

    docked.aws.wait(answers, "another one in its place")


def containers(docked: Hosting) -> set[str]:
    return set(docker("ps", "--all", "--quiet", "--filter", f"ancestor={docked.image}").stdout.split())


def test_nothing_is_left_of_what_is_deleted(docked: Hosting) -> None:
    before = containers(docked)
    endpoint = docked.serve(docked.variant(docked.model(), InitialInstanceCount=2))
    assert len(containers(docked) - before) == 2
    docked.sagemaker.delete_endpoint(EndpointName=endpoint)
    docked.gone(endpoint)
    assert containers(docked) == before
    assert not list((Path(docked.aws.state) / "work" / "endpoints").rglob(endpoint))
