"""CloudFormation: types that moto lacks, and the refusal of what nobody makes."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.awshosting import Hosting
from tests.localaws import ROLE, LocalAws, up

TARGET = {
    "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
    "Properties": {
        "MinCapacity": "1",
        "MaxCapacity": 3,
        "ServiceNamespace": "dynamodb",  # whose tables need not be there
        "ScalableDimension": "dynamodb:table:ReadCapacityUnits",
        "ResourceId": "table/t",
        "RoleARN": ROLE,
    },
}
POLICY = {
    "Type": "AWS::ApplicationAutoScaling::ScalingPolicy",
    "Properties": {
        "PolicyName": "follow",
        "PolicyType": "TargetTrackingScaling",
        "ScalingTargetId": {"Ref": "Target"},
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": "5",
            "PredefinedMetricSpecification": {"PredefinedMetricType": "DynamoDBReadCapacityUtilization"},
        },
    },
}
OTHERS = {
    "Alarm": {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmName": "drift",
            "Namespace": "Tiffin",
            "MetricName": "drift",
            "Statistic": "Maximum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": "0.2",
            "ComparisonOperator": "GreaterThanThreshold",
            "ActionsEnabled": "false",
        },
    },
    "Group": {
        "Type": "AWS::SageMaker::ModelPackageGroup",
        "Properties": {"ModelPackageGroupName": "colours", "ModelPackageGroupDescription": "named"},
    },
    "Parameters": {
        "Type": "AWS::RDS::DBClusterParameterGroup",
        "Properties": {
            "DBClusterParameterGroupName": "ml",
            "Family": "aurora-mysql8.0",
            "Description": "may call endpoints",
            "Parameters": {"aws_default_sagemaker_role": ROLE},
        },
    },
}


def made(api: LocalAws, name: str, resources: dict[str, Any], **outputs: Any) -> dict[str, Any]:
    template = {"Resources": resources, "Outputs": {key: {"Value": value} for key, value in outputs.items()}}
    cloud = api.client("cloudformation")
    cloud.create_stack(StackName=name, TemplateBody=json.dumps(template))
    (stack,) = cloud.describe_stacks(StackName=name)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def there(api: LocalAws) -> tuple[list[str], list[str], list[str]]:
    alarms = api.client("cloudwatch").describe_alarms()["MetricAlarms"]
    groups = api.client("sagemaker").list_model_package_groups()["ModelPackageGroupSummaryList"]
    parameters = api.client("rds").describe_db_cluster_parameter_groups()["DBClusterParameterGroups"]
    return (
        [alarm["AlarmName"] for alarm in alarms],
        [group["ModelPackageGroupName"] for group in groups],
        [group["DBClusterParameterGroupName"] for group in parameters],
    )


def test_types_that_moto_lacks_are_made_changed_kept_and_deleted(state: Path) -> None:
    with up(state, "--no-docker") as api:
        refs = {name: {"Ref": name} for name in OTHERS} | {"Arn": {"Fn::GetAtt": ["Group", "ModelPackageGroupArn"]}}
        found = made(api, "others", OTHERS, **refs)
        arn = api.client("sagemaker").describe_model_package_group(ModelPackageGroupName="colours")[
            "ModelPackageGroupArn"
        ]
        assert found == {"Alarm": "drift", "Group": arn, "Parameters": "ml", "Arn": arn}
        assert there(api) == (["drift"], ["colours"], ["ml"])
        changed = json.loads(json.dumps(OTHERS))
        changed["Alarm"]["Properties"]["Threshold"] = 0.5
        api.client("cloudformation").update_stack(StackName="others", TemplateBody=json.dumps({"Resources": changed}))
        assert api.stop() == 0
    with up(state, "--no-docker") as api:
        assert there(api) == (["drift"], ["colours"], ["ml"])
        (alarm,) = api.client("cloudwatch").describe_alarms()["MetricAlarms"]
        assert (alarm["Threshold"], alarm["ActionsEnabled"]) == (0.5, False)
        api.client("cloudformation").delete_stack(StackName="others")
        assert there(api) == ([], [], [])
        assert "warning" not in api.log


def test_what_nobody_makes_is_refused_whole(aws: LocalAws) -> None:
    resources = OTHERS | {"Pipe": {"Type": "AWS::Pipes::Pipe"}, "Flow": {"Type": "AWS::AppFlow::Flow"}}
    with pytest.raises(ClientError) as raised:
        aws.client("cloudformation").create_stack(
            StackName="unknown", TemplateBody=json.dumps({"Resources": resources})
        )
    assert raised.value.response["Error"]["Code"] == "NotImplemented"
    assert "no AWS::AppFlow::Flow, AWS::Pipes::Pipe here" in raised.value.response["Error"]["Message"]
    assert "drift" not in there(aws)[0]


def test_scaling_policies_find_their_target(aws: LocalAws) -> None:
    found = made(
        aws, "scaled", {"Target": TARGET, "Policy": POLICY}, Target={"Ref": "Target"}, Policy={"Ref": "Policy"}
    )
    scaling = aws.client("application-autoscaling")
    (target,) = scaling.describe_scalable_targets(ServiceNamespace="dynamodb")["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 3)
    (policy,) = scaling.describe_scaling_policies(ServiceNamespace="dynamodb")["ScalingPolicies"]
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 5.0
    assert found == {"Target": "table/t|dynamodb:table:ReadCapacityUnits|dynamodb", "Policy": policy["PolicyARN"]}
    aws.client("cloudformation").delete_stack(StackName="scaled")
    assert scaling.describe_scalable_targets(ServiceNamespace="dynamodb")["ScalableTargets"] == []


def test_what_a_call_refuses_is_said(aws: LocalAws) -> None:
    group = json.loads(json.dumps(OTHERS["Parameters"]))
    del group["Properties"]["Family"]
    with pytest.raises(ClientError, match="DBParameterGroupFamily"):
        made(aws, "bad", {"Group": group})
    hosting = Hosting(aws)  # a stack that was not made is nobody else's matter
    endpoint = hosting.serve(hosting.variant(hosting.model({"SAYS": "here"})))
    more = [{"VariantName": "main", "DesiredInstanceCount": 2}]
    hosting.sagemaker.update_endpoint_weights_and_capacities(EndpointName=endpoint, DesiredWeightsAndCapacities=more)
    assert hosting.settled(endpoint)["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert hosting.said(endpoint) == "here"


def test_a_registry_is_emptied(aws: LocalAws) -> None:
    sagemaker = aws.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName="emptied", ModelPackageGroupDescription="d")
    arn = sagemaker.create_model_package(
        ModelPackageGroupName="emptied", ModelPackageDescription="d", ModelApprovalStatus="PendingManualApproval"
    )["ModelPackageArn"]
    with pytest.raises(ClientError, match="still has model packages"):
        sagemaker.delete_model_package_group(ModelPackageGroupName="emptied")
    sagemaker.delete_model_package(ModelPackageName=arn)
    sagemaker.delete_model_package_group(ModelPackageGroupName="emptied")
    with pytest.raises(ClientError, match="does not exist"):
        sagemaker.describe_model_package_group(ModelPackageGroupName="emptied")
