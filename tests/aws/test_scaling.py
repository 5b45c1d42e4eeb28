"""Application Auto Scaling: a policy on a variant really adds instances and takes them away."""

import threading
from pathlib import Path

import pytest

from tests.awshosting import Hosting
from tests.localaws import LocalAws, up

METRIC = "SageMakerVariantInvocationsPerInstance"


def test_a_policy_stands_on_its_target(aws: LocalAws) -> None:
    scaling = aws.client("application-autoscaling")
    dimension = "sagemaker:variant:DesiredInstanceCount"
    where = {"ServiceNamespace": "sagemaker", "ResourceId": "endpoint/stands-on/variant/main"}
    target = {**where, "ScalableDimension": dimension}
    policy = {**target, "PolicyName": "follow"}
    tracking = {"TargetValue": 2.0, "PredefinedMetricSpecification": {"PredefinedMetricType": METRIC}}
    put = {**policy, "PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": tracking}
    for call, asked, said in (
        (scaling.put_scaling_policy, put, "No scalable target registered"),
        (scaling.delete_scaling_policy, policy, "No scaling policy found"),
        (scaling.deregister_scalable_target, target, "No scalable target found"),
    ):
        with pytest.raises(scaling.exceptions.ObjectNotFoundException, match=said):
            call(**asked)
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=2)
    scaling.put_scaling_policy(**put)
    scaling.deregister_scalable_target(**target)
    assert scaling.describe_scaling_policies(**where)["ScalingPolicies"] == []


def test_instances_follow_the_invocations(state: Path) -> None:
    with up(state, "--no-docker", TIFFIN_LOCAL_SCALING_PERIOD="0.2") as api:
        hosting = Hosting(api)
        endpoint = hosting.serve(hosting.variant(hosting.model()))
        scaling = api.client("application-autoscaling")
        target = {
            "ServiceNamespace": "sagemaker",
            "ResourceId": f"endpoint/{endpoint}/variant/main",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        }
        scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=2)
        scaling.put_scaling_policy(
            **target,
            PolicyName="follow",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": 2.0,
                "PredefinedMetricSpecification": {"PredefinedMetricType": METRIC},
                "ScaleInCooldown": 0,
                "ScaleOutCooldown": 0,
            },
        )
        scaling.put_scaling_policy(
            **target,
            PolicyName="other",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": 2.0,
                "PredefinedMetricSpecification": {"PredefinedMetricType": "ALBRequestCountPerTarget"},
            },
        )

        def instances() -> int:
            return int(hosting.describe(endpoint)["ProductionVariants"][0]["CurrentInstanceCount"])

        ended = threading.Event()

        def ask() -> None:
            runtime = api.client("sagemaker-runtime")
            while not ended.wait(0.005):
                runtime.invoke_endpoint(EndpointName=endpoint, Body=b"x")

        callers = [threading.Thread(target=ask) for _ in range(2)]
        for caller in callers:
            caller.start()
        try:
            api.wait(lambda: instances() == 2, "a second instance")
        finally:
            ended.set()
            for caller in callers:
                caller.join()
        api.wait(lambda: instances() == 1, "one instance again")
        assert "the policy other is stored, and nothing follows it" in api.log
