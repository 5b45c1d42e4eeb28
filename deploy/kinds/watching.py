"""What watches an endpoint: log groups and streams, alarms, scalable targets with their policies."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from deploy.aws import Aws, pages
from deploy.faults import is_denied
from deploy.kinds.kind import EXPIRES, ID, PROJECT, Kind, TaggedByArn, Tags, listed, mapped, or_none
from deploy.kinds.sagemaker import ENDPOINT
from deploy.ledger import Resource

TRIAL = re.compile(r"\d{3,4}-[0-9a-z]+/")  # what a tuning job puts behind its name: 001-1a2b3c4d


@dataclass(frozen=True)
class LogGroup(Kind):
    """SageMaker makes it with the first line; deleting the endpoint leaves it, billed by the month."""

    name: str = "log group"

    def tags(self, aws: Aws, resource: Resource) -> Tags | None:
        groups = pages(aws.client("logs"), "describe_log_groups", "logGroups", logGroupNamePrefix=resource.name)
        return {} if any(each["logGroupName"] == resource.name for each in groups) else None

    def delete(self, aws: Aws, resource: Resource) -> None:
        aws.client("logs").delete_log_group(logGroupName=resource.name)


@dataclass(frozen=True)
class LogStreams(Kind):
    """Named `group:prefix`: those of one job, in the group that all jobs share."""

    name: str = "log streams"

    def tags(self, aws: Aws, resource: Resource) -> Tags | None:
        return {} if streams(aws, *place(resource.name)) else None

    def delete(self, aws: Aws, resource: Resource) -> None:
        group, prefix = place(resource.name)
        for stream in streams(aws, group, prefix):
            aws.client("logs").delete_log_stream(logGroupName=group, logStreamName=stream)


def place(log_group: str) -> tuple[str, str]:
    """Group and prefix of `group:prefix`; without a prefix all of the group."""
    group, _, prefix = log_group.partition(":")
    return group, prefix


def streams(aws: Aws, group: str, prefix: str) -> list[str]:
    """None before the first line. Of `NAME-`, a tuning job's, those of its trials: other jobs' names begin so, too."""
    asked = {"logGroupName": group} | ({"logStreamNamePrefix": prefix} if prefix else {})
    found = or_none(lambda: {"all": list(pages(aws.client("logs"), "describe_log_streams", "logStreams", **asked))})
    names = [str(each["logStreamName"]) for each in found["all"]] if found else []
    return [each for each in names if not prefix.endswith("-") or TRIAL.match(each, len(prefix))]


@dataclass(frozen=True)
class Alarm(TaggedByArn):
    name: str = "alarm"

    def create(self, aws: Aws, name: str, parameters: Mapping[str, Any], tags: Tags) -> dict[str, Any]:
        answer: dict[str, Any] = aws.client("cloudwatch").put_metric_alarm(
            AlarmName=name, Tags=listed(tags), **parameters
        )
        return answer

    def arn(self, aws: Aws, resource: Resource) -> str | None:
        found = aws.client("cloudwatch").describe_alarms(AlarmNames=[resource.name])["MetricAlarms"]
        return str(found[0]["AlarmArn"]) if found else None

    def delete(self, aws: Aws, resource: Resource) -> None:
        aws.client("cloudwatch").delete_alarms(AlarmNames=[resource.name])

    def find(self, aws: Aws, project: str) -> Iterable[Resource]:
        for each in pages(aws.client("cloudwatch"), "describe_alarms", "MetricAlarms", AlarmNamePrefix=project):
            tags = self.tags_of(aws, each["AlarmArn"])
            if tags.get(PROJECT) == project:
                yield Resource(self.name, each["AlarmName"], project, tags.get(ID, ""))

    def tags_of(self, aws: Aws, arn: str) -> Tags:
        return mapped(aws.client("cloudwatch").list_tags_for_resource(ResourceARN=arn)["Tags"])


@dataclass(frozen=True)
class ScalableTarget(Kind):
    """Named `endpoint/NAME/variant/VARIANT`; its policies and AWS's alarms for them go with it."""

    name: str = "scalable target"
    where: tuple[tuple[str, str], ...] = (
        ("ServiceNamespace", "sagemaker"),
        ("ScalableDimension", "sagemaker:variant:DesiredInstanceCount"),
    )

    def create(self, aws: Aws, name: str, parameters: Mapping[str, Any], tags: Tags) -> dict[str, Any]:
        """`parameters`: MinCapacity, MaxCapacity, and `Policy`, a target tracking configuration."""
        limits = {key: value for key, value in parameters.items() if key != "Policy"}
        answer: dict[str, Any] = aws.client("application-autoscaling").register_scalable_target(
            ResourceId=name, Tags=dict(tags), **dict(self.where), **limits
        )
        return answer

    def finish(self, aws: Aws, name: str, parameters: Mapping[str, Any], tags: Tags) -> None:
        aws.client("application-autoscaling").put_scaling_policy(
            PolicyName=f"{name.split('/')[1]}-target",
            PolicyType="TargetTrackingScaling",
            ResourceId=name,
            TargetTrackingScalingPolicyConfiguration=parameters["Policy"],
            **dict(self.where),
        )

    def tags(self, aws: Aws, resource: Resource) -> Tags | None:
        found = aws.client("application-autoscaling").describe_scalable_targets(
            ResourceIds=[resource.name], **dict(self.where)
        )["ScalableTargets"]
        return {} if found else None

    def find(self, aws: Aws, project: str) -> Iterable[Resource]:
        """Those of the project's endpoints: with its endpoint gone one stays, and the alarms that AWS made for it."""
        client = aws.client("application-autoscaling")
        for each in pages(client, "describe_scalable_targets", "ScalableTargets", **dict(self.where)):
            endpoint = each["ResourceId"].split("/")[1]
            try:
                tags = ENDPOINT.tags(aws, Resource(ENDPOINT.name, endpoint)) or {}
            except ClientError as error:
                if not is_denied(error):
                    raise
                continue  # another project's
            if tags.get(PROJECT) == project:
                expires = {"expires": tags[EXPIRES]} if EXPIRES in tags else {}  # with its endpoint
                yield Resource(self.name, each["ResourceId"], project, detail=expires)

    def delete(self, aws: Aws, resource: Resource) -> None:
        aws.client("application-autoscaling").deregister_scalable_target(ResourceId=resource.name, **dict(self.where))
