"""A project that deploys somebody else's server, and what AWS lists of it; afterwards nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.awshosting import HOSTED, Hosting, packed
from tests.deploying import Deploying
from tests.localaws import LocalAws

AT_ONCE = ("--traffic", "all-at-once", "--bake-seconds", "0", "--no-alarm-on-errors")


@dataclass
class Hosted(Deploying):
    artifact: str = ""

    def settings(self, project: dict[str, Any] | None = None, **endpoint: Any) -> None:
        """Of [endpoint]; the artifact is that of the project where no other is named."""
        self.write(
            project=project or {},
            image={"image_uri": str(HOSTED)},
            endpoint={"model_data": self.artifact, **endpoint},
        )


@contextmanager
def hosted(hosting: Hosting, folder: Path) -> Iterator[Hosted]:
    found = Hosted(hosting.aws, folder, artifact=hosting.put("model.tar.gz", packed({"weights": "1"})))
    found.settings()
    yield found
    said = found.run("destroy", "--yes").said
    assert f"nothing of {found.project} is left" in said
    assert left(found.aws, found.project) == []


def left(aws: LocalAws, project: str) -> list[str]:
    sagemaker = aws.client("sagemaker")
    return [
        *(each["EndpointName"] for each in sagemaker.list_endpoints(NameContains=project)["Endpoints"]),
        *configs(aws, project),
        *models(aws, project),
        *(
            each["AlarmName"]
            for each in aws.client("cloudwatch").describe_alarms(AlarmNamePrefix=project)["MetricAlarms"]
        ),
        *(each["Name"] for each in aws.client("s3").list_buckets()["Buckets"] if project in each["Name"]),
        *(
            each["logGroupName"]
            for each in aws.client("logs").describe_log_groups(logGroupNamePrefix="/aws/sagemaker/Endpoints/")[
                "logGroups"
            ]
            if project in each["logGroupName"]
        ),
        *(each["ResourceId"] for each in targets(aws) if project in each["ResourceId"]),
    ]


def models(aws: LocalAws, project: str) -> list[str]:
    return [each["ModelName"] for each in aws.client("sagemaker").list_models(NameContains=project)["Models"]]


def configs(aws: LocalAws, project: str) -> list[str]:
    found = aws.client("sagemaker").list_endpoint_configs(NameContains=project)["EndpointConfigs"]
    return [each["EndpointConfigName"] for each in found]


def targets(aws: LocalAws) -> list[dict[str, Any]]:
    client = aws.client("application-autoscaling")
    return list(client.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"])
