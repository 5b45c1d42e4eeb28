"""Shadow variants: they get a part of what the production variant is asked, and nobody sees what they answer."""

import datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.awshosting import Hosting, name
from tests.localaws import LocalAws, up


def count(api: LocalAws, metric: str, endpoint: str, variant: str) -> int:
    now = datetime.datetime.now(datetime.UTC)
    found = api.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName=metric,
        Dimensions=[{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}],
        StartTime=now - datetime.timedelta(hours=1),
        EndTime=now + datetime.timedelta(hours=1),
        Period=86400,
        Statistics=["Sum"],
    )["Datapoints"]
    return int(sum(point["Sum"] for point in found))


def test_a_shadow_is_asked_and_nobody_hears_it(state: Path) -> None:
    with up(state, "--no-docker", TIFFIN_LOCAL_ALARM_PERIOD="0.2") as api:
        hosting = Hosting(api)
        shadow = hosting.variant(hosting.model({"DOES": "fail", "SAYS": "shadow"}), "shadow")
        config = hosting.config(
            hosting.variant(hosting.model({"SAYS": "seen"}), InitialVariantWeight=2.0),
            ShadowProductionVariants=[shadow | {"InitialVariantWeight": 2.0}],
        )
        endpoint = hosting.create(config)
        found = hosting.settled(endpoint)
        assert [each["VariantName"] for each in found["ProductionVariants"]] == ["main"]
        (described,) = found["ShadowProductionVariants"]
        assert (described["VariantName"], described["CurrentWeight"], described["CurrentInstanceCount"]) == (
            "shadow",
            2,
            1,
        )
        assert {hosting.said(endpoint) for _ in range(20)} == {"seen"}
        api.wait(lambda: count(api, "Invocation5XXErrors", endpoint, "shadow") == 20, "twenty answers of the shadow")
        api.wait(lambda: count(api, "Invocations", endpoint, "main") == 20, "twenty answers")
        assert count(api, "Invocation5XXErrors", endpoint, "main") == 0
        with pytest.raises(ClientError, match="Variant shadow not found"):
            hosting.invoke(endpoint, TargetVariant="shadow")
        half = [{"VariantName": "shadow", "DesiredWeight": 1.0}]
        hosting.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=endpoint, DesiredWeightsAndCapacities=half
        )
        assert hosting.settled(endpoint)["ShadowProductionVariants"][0]["CurrentWeight"] == 1.0
        assert {hosting.said(endpoint) for _ in range(200)} == {"seen"}
        api.wait(lambda: count(api, "Invocations", endpoint, "main") == 220, "two hundred more")
        assert 60 < count(api, "Invocations", endpoint, "shadow") - 20 < 140
        api.process.kill()
        api.process.wait()
    with up(state, "--no-docker", TIFFIN_LOCAL_ALARM_PERIOD="0.2") as api:
        hosting = Hosting(api)
        assert hosting.settled(endpoint)["ShadowProductionVariants"][0]["CurrentWeight"] == 1.0
        before = count(api, "Invocations", endpoint, "shadow")
        assert {hosting.said(endpoint) for _ in range(20)} == {"seen"}
        api.wait(lambda: count(api, "Invocations", endpoint, "shadow") > before, "the shadow")
        new = hosting.config(hosting.variant(hosting.model({"SAYS": "shadow no more"})))
        hosting.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=new)
        assert "ShadowProductionVariants" not in hosting.settled(endpoint)
        assert hosting.said(endpoint) == "shadow no more"


def test_what_a_shadow_answers_is_captured(hosting: Hosting) -> None:
    capture = {
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": hosting.put("capture", b""),
        "CaptureOptions": [{"CaptureMode": "InputAndOutput"}],
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
    }
    shadow = hosting.variant(hosting.model({"SAYS": "shadowed"}), "shadow")
    production = hosting.variant(hosting.model({"SAYS": "the answer"}))
    endpoint = hosting.serve(production, ShadowProductionVariants=[shadow], DataCaptureConfig=capture)
    assert hosting.said(endpoint, ContentType="text/csv") == "the answer"

    def captured() -> dict[str, str]:
        uri = capture["DestinationS3Uri"]
        bucket = str(uri).removeprefix("s3://").split("/", maxsplit=1)[0]
        files = [key for key in hosting.keys(str(uri)) if key.endswith(".jsonl")]
        return {key.split("/")[-6]: str(hosting.get(f"s3://{bucket}/{key}")) for key in files}

    found = hosting.aws.wait(lambda: captured() if len(captured()) == 2 else None, "two captures")
    assert "the answer" in found["main"]
    assert "shadowed" in found["shadow"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"variants": 2}, "one production variant and one shadow variant"),
        ({"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://hosting/out"}}}, "asynchronous inference"),
        ({"shadow": {"VariantName": "main"}}, "must be unique"),
        ({"shadow": {"ModelName": "nobody"}}, "Could not find model"),
        ({"shadow": {"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}}, "a serverless variant"),
    ],
)
def test_what_cannot_have_a_shadow_is_refused(hosting: Hosting, more: dict[str, Any], message: str) -> None:
    model = hosting.model()
    variants = [hosting.variant(model, named) for named in ("main", "other")[: more.pop("variants", 1)]]
    changed = more.pop("shadow", {})
    shadow = hosting.variant(model, "shadow") | changed
    if "ServerlessConfig" in changed:
        shadow = {key: value for key, value in shadow.items() if not key.startswith("In")}
    with pytest.raises(ClientError, match=message):
        hosting.sagemaker.create_endpoint_config(
            EndpointConfigName=name("config"), ProductionVariants=variants, ShadowProductionVariants=[shadow], **more
        )
