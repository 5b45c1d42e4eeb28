"""AWS's own clients, unmodified, on our image and on somebody else's: what their user reads, and what they leave."""

import pytest

from local_test.engine import owner
from local_test.engine.containers import OWNER
from tests.container.conftest import docker
from tests.sdk.clients import CLIENTS, Clients

pytestmark = [pytest.mark.container, pytest.mark.timeout(600)]

COMPLETED = "Completed s3://jobs/"
READ = {
    "v2_estimator.py": ["{said}", "Training job completed", "artifact s3://jobs/estimator/output/", "predicted {rows}"],
    "v2_transformer.py": ["transformed {rows}"],
    "v3_model_builder.py": ["predicted {rows}"],
    "v3_model_trainer.py": ["{said}", COMPLETED],
    "v3_resources.py": [COMPLETED, "predicted {rows}"],
    "boto3_quickstart.py": [COMPLETED, "predicted {rows}"],
    "cli.sh": ["TrainingJobArn", "{file}", "predicted {rows}"],
}


@pytest.mark.parametrize("script", CLIENTS)
def test_script(clients: Clients, script: str) -> None:
    output, image = clients.output(script), clients.image
    for text in READ[script]:
        assert text.format(rows=image.predicted, said=image.said, file=image.file) in output


def test_nothing_stays(clients: Clients) -> None:
    for script in clients.running:
        clients.output(script)
    sagemaker = clients.aws.client("sagemaker")
    assert sagemaker.list_endpoints()["Endpoints"] == []
    assert sagemaker.list_endpoint_configs()["EndpointConfigs"] == []
    assert sagemaker.list_models()["Models"] == []
    of_this_api = f"label={OWNER}={owner.of(clients.aws.process.pid)}"
    assert docker("ps", "--all", "--quiet", "--filter", of_this_api).stdout == ""


def test_nobody_else_is_called(clients: Clients) -> None:
    for script in clients.running:
        clients.output(script)
    assert clients.proxy.refused == []
