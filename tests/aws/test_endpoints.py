"""Models, endpoint configurations and endpoints: what is created is served, what fails says why, a restart goes on."""

import json
import threading
from collections import Counter
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.awshosting import HOSTED, Hosting, name, packed
from tests.localaws import ROLE, up


def test_an_endpoint_serves_the_model_of_s3(hosting: Hosting) -> None:
    data = hosting.put("model.tar.gz", packed({"weights": "1 2 3", "code/x.py": "pass"}))
    endpoint = hosting.create(hosting.config(hosting.variant(hosting.model(ModelDataUrl=data))))
    assert hosting.describe(endpoint)["EndpointStatus"] == "Creating"
    waiter = hosting.sagemaker.get_waiter("endpoint_in_service")
    waiter.wait(EndpointName=endpoint, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    assert json.loads(hosting.said(endpoint, b"model")) == {"weights": "1 2 3", "code/x.py": "pass"}
    found = hosting.describe(endpoint)["ProductionVariants"][0]
    assert (found["CurrentInstanceCount"], found["DesiredInstanceCount"], found["CurrentWeight"]) == (1, 1, 1.0)
    assert found["DeployedImages"][0]["SpecifiedImage"] == str(HOSTED)
    hosting.sagemaker.delete_endpoint(EndpointName=endpoint)
    hosting.sagemaker.get_waiter("endpoint_deleted").wait(
        EndpointName=endpoint, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    with pytest.raises(ClientError, match="not found"):
        hosting.invoke(endpoint)


def test_a_container_that_ends_fails_the_endpoint_with_its_last_lines(hosting: Hosting) -> None:
    endpoint = hosting.create(hosting.config(hosting.variant(hosting.model({"DOES": "end"}))))
    found = hosting.settled(endpoint)
    assert found["EndpointStatus"] == "Failed"
    assert "did not pass the ping health check" in found["FailureReason"]
    assert "exit code 5" in found["FailureReason"]
    assert "no model here" in found["FailureReason"]
    with pytest.raises(ClientError, match="not found"):
        hosting.invoke(endpoint)
    streams = hosting.lines(endpoint)
    assert [lines for stream, lines in streams.items() if stream.startswith("main/i-")] == [["no model here"]]
    with pytest.raises(ClientError, match="Cannot update failed endpoint"):
        hosting.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=found["EndpointConfigName"])
    hosting.sagemaker.delete_endpoint(EndpointName=endpoint)


def test_the_reason_names_the_variant_and_the_container(hosting: Hosting) -> None:
    good = hosting.model()
    broken = hosting.model(
        Containers=[
            hosting.container(ContainerHostname="one"),
            hosting.container({"DOES": "end"}, ContainerHostname="two"),
        ]
    )
    endpoint = hosting.create(hosting.config(hosting.variant(good, "a"), hosting.variant(broken, "b")))
    assert "The two container for production variant b did not pass" in hosting.settled(endpoint)["FailureReason"]
    assert not [stream for stream in hosting.lines(endpoint) if "two" in stream and not stream.startswith("b/")]


@pytest.mark.parametrize("body", [b"not a tar", packed({"../out": "x"})], ids=["no tar", "a path outside"])
def test_data_that_is_no_artifact_fails_the_endpoint(hosting: Hosting, body: bytes) -> None:
    model = hosting.model(ModelDataUrl=hosting.put("model.tar.gz", body))
    found = hosting.settled(hosting.create(hosting.config(hosting.variant(model))))
    assert found["EndpointStatus"] == "Failed"
    assert "Failed to extract model data archive" in found["FailureReason"]


def test_H20_uncompressed_and_additional_data(hosting: Hosting) -> None:
    uri = hosting.put("weights", b"w")
    prefix = uri.removesuffix("weights")
    bucket, _, key = prefix.removeprefix("s3://").partition("/")
    hosting.s3.put_object(Bucket=bucket, Key=f"{key}sub/more", Body=b"m")
    source = {"S3DataSource": {"S3Uri": prefix, "S3DataType": "S3Prefix", "CompressionType": "None"}}
    more = {
        "ChannelName": "adapters",
        "S3DataSource": source["S3DataSource"] | {"S3Uri": uri, "S3DataType": "S3Object"},
    }
    model = hosting.model(ModelDataSource=source, AdditionalModelDataSources=[more])
    endpoint = hosting.serve(hosting.variant(model))
    assert json.loads(hosting.said(endpoint, b"model")) == {"weights": "w", "sub/more": "m"}
    assert hosting.said(endpoint, b"more adapters") == "weights"


def test_traffic_follows_weights_and_the_target_variant(hosting: Hosting) -> None:
    a, b = (hosting.model({"SAYS": each}) for each in "ab")
    endpoint = hosting.serve(
        hosting.variant(a, "a", InitialVariantWeight=1), hosting.variant(b, "b", InitialVariantWeight=0)
    )
    assert Counter(hosting.said(endpoint) for _ in range(10)) == {"a": 10}
    answer = hosting.invoke(endpoint, TargetVariant="b")
    assert (answer["Body"].read(), answer["InvokedProductionVariant"]) == (b"b", "b")
    changes = [
        {"VariantName": "a", "DesiredWeight": 0},
        {"VariantName": "b", "DesiredWeight": 3, "DesiredInstanceCount": 2},
    ]
    hosting.sagemaker.update_endpoint_weights_and_capacities(EndpointName=endpoint, DesiredWeightsAndCapacities=changes)
    found = {each["VariantName"]: each for each in hosting.settled(endpoint)["ProductionVariants"]}
    assert (found["b"]["CurrentWeight"], found["b"]["CurrentInstanceCount"]) == (3.0, 2)
    assert found["a"]["CurrentWeight"] == 0.0
    assert Counter(hosting.said(endpoint) for _ in range(10)) == {"b": 10}
    changes = [{"VariantName": "c", "DesiredWeight": 1}]
    with pytest.raises(ClientError, match="not present within endpoint configuration"):
        hosting.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=endpoint, DesiredWeightsAndCapacities=changes
        )


def test_an_update_fails_no_request_and_keeps_what_is_asked(hosting: Hosting) -> None:
    old, new = (hosting.model({"SAYS": each}) for each in ("old", "new"))
    endpoint = hosting.serve(hosting.variant(old, InitialInstanceCount=2))
    answers: Counter[str] = Counter()
    ended = threading.Event()

    def ask() -> None:
        runtime = hosting.aws.client("sagemaker-runtime")
        while not ended.is_set():
            try:
                answers[runtime.invoke_endpoint(EndpointName=endpoint, Body=b"who")["Body"].read().decode()] += 1
            except Exception as error:  # noqa: BLE001
                answers[repr(error)] += 1

    caller = threading.Thread(target=ask)
    caller.start()
    try:
        hosting.aws.wait(lambda: answers["old"] > 5, "the old model's answers")
        config = hosting.config(hosting.variant(new))
        hosting.sagemaker.update_endpoint(
            EndpointName=endpoint, EndpointConfigName=config, RetainAllVariantProperties=True
        )
        assert hosting.describe(endpoint)["EndpointStatus"] == "Updating"
        with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
            hosting.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
        found = hosting.settled(endpoint)
        hosting.aws.wait(lambda: answers["new"] > 5, "the new model's answers")
    finally:
        ended.set()
        caller.join()
    assert set(answers) == {"old", "new"}
    assert found["EndpointConfigName"] == config
    assert found["ProductionVariants"][0]["CurrentInstanceCount"] == 2


def test_H27_a_failed_update_keeps_the_old_containers(hosting: Hosting) -> None:
    config = hosting.config(hosting.variant(hosting.model({"SAYS": "old"})))
    endpoint = hosting.create(config)
    hosting.settled(endpoint)
    broken = hosting.config(hosting.variant(hosting.model({"DOES": "end"})))
    hosting.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=broken)
    found = hosting.settled(endpoint)
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", config)
    assert "no model here" in found["FailureReason"]
    assert hosting.said(endpoint) == "old"


def test_an_instance_that_dies_is_replaced(hosting: Hosting) -> None:
    endpoint = hosting.serve(hosting.variant(hosting.model({"SAYS": "here"})))
    with pytest.raises(ClientError, match=r"ModelError|ServiceUnavailable"):
        hosting.invoke(endpoint, b"die")

    def answers() -> bool:
        try:
            return hosting.said(endpoint) == "here"
        except ClientError:
            return False

    hosting.aws.wait(answers, "an instance in its place")


def test_what_hangs_is_ended_by_a_delete(hosting: Hosting) -> None:
    endpoint = hosting.serve(hosting.variant(hosting.model()))
    hanging = hosting.config(hosting.variant(hosting.model({"DOES": "never"})))
    hosting.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=hanging)
    hosting.aws.wait(lambda: len(hosting.lines(endpoint)) == 2, "the new container")
    hosting.sagemaker.delete_endpoint(EndpointName=endpoint)
    hosting.aws.wait(lambda: not hosting.sagemaker.list_endpoints(NameContains=endpoint)["Endpoints"], "the end of it")


def test_eventbridge_hears_of_each_status(hosting: Hosting) -> None:
    events, sqs = hosting.aws.client("events"), hosting.aws.client("sqs")
    queue = sqs.create_queue(QueueName="statuses")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.sagemaker"], "detail-type": ["SageMaker Endpoint State Change"]}
    events.put_rule(Name="statuses", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="statuses", Targets=[{"Id": "q", "Arn": arn}])
    endpoint = hosting.serve(hosting.variant(hosting.model()))
    hosting.sagemaker.delete_endpoint(EndpointName=endpoint)
    heard: list[str] = []

    def all_heard() -> bool:
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            detail = json.loads(message["Body"])["detail"]
            if detail["EndpointName"] == endpoint:
                heard.append(detail["EndpointStatus"])
        return len(heard) == 3

    hosting.aws.wait(all_heard, "three statuses")
    assert sorted(heard) == ["CREATING", "DELETING", "IN_SERVICE"]


def test_a_model_package_is_hosted(hosting: Hosting) -> None:
    group = name("group")
    hosting.sagemaker.create_model_package_group(ModelPackageGroupName=group)
    package = hosting.sagemaker.create_model_package(
        ModelPackageGroupName=group,
        InferenceSpecification={
            "Containers": [{"Image": str(HOSTED), "Environment": {"SAYS": "packed"}}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
        ModelApprovalStatus="Approved",
    )["ModelPackageArn"]
    model = name("model")
    hosting.sagemaker.create_model(
        ModelName=model, ExecutionRoleArn=ROLE, PrimaryContainer={"ModelPackageName": package}
    )
    assert hosting.said(hosting.serve(hosting.variant(model))) == "packed"


def test_an_endpoint_that_is_just_starting_can_be_deleted(hosting: Hosting) -> None:
    endpoint = hosting.create(hosting.config(hosting.variant(hosting.model({"DOES": "never"}))))
    hosting.sagemaker.delete_endpoint(EndpointName=endpoint)
    hosting.gone(endpoint)


TEMPLATE = """
Parameters: {{Count: {{Type: Number, Default: 1}}}}
Resources:
  Model:
    Type: AWS::SageMaker::Model
    Properties:
      ModelName: {model}
      ExecutionRoleArn: {role}
      PrimaryContainer: {{Image: {image}, Environment: {{SAYS: {says}}}}}
  Config:
    Type: AWS::SageMaker::EndpointConfig
    Properties:
      ProductionVariants:
        - {{VariantName: v, ModelName: !GetAtt Model.ModelName, InstanceType: ml.m5.large,
            InitialInstanceCount: !Ref Count, InitialVariantWeight: 1.0}}
  Endpoint:
    Type: AWS::SageMaker::Endpoint
    Properties: {{EndpointName: {endpoint}, EndpointConfigName: !GetAtt Config.EndpointConfigName}}
"""


def test_cloudformation_makes_real_endpoints(hosting: Hosting) -> None:
    cloudformation, stack, endpoint = hosting.aws.client("cloudformation"), name("stack"), name("endpoint")
    template = TEMPLATE.format(model=name("model"), role=ROLE, image=HOSTED, says="first", endpoint=endpoint)
    cloudformation.create_stack(StackName=stack, TemplateBody=template)
    waiter = cloudformation.get_waiter("stack_create_complete")
    waiter.wait(StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    assert hosting.describe(endpoint)["EndpointStatus"] == "InService"
    assert hosting.said(endpoint) == "first"
    second = hosting.config(hosting.variant(hosting.model({"SAYS": "second"})))
    routing = 'TrafficRoutingConfiguration: {Type: ALL_AT_ONCE, WaitIntervalInSeconds: "0"}'
    deployment = f"DeploymentConfig: {{BlueGreenUpdatePolicy: {{{routing}}}}}"
    changed = template.replace("!GetAtt Config.EndpointConfigName", f"{second}, {deployment}")
    cloudformation.update_stack(StackName=stack, TemplateBody=changed)
    hosting.aws.wait(lambda: hosting.said(endpoint) == "second", "the updated endpoint")
    policy = hosting.settled(endpoint)["LastDeploymentConfig"]["BlueGreenUpdatePolicy"]
    assert policy["TrafficRoutingConfiguration"] == {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    cloudformation.delete_stack(StackName=stack)
    hosting.gone(endpoint)


def test_a_restart_starts_again_what_served(state: Path) -> None:
    """Also where its model and configuration have been deleted, and after an update and a kill."""
    with up(state, "--no-docker") as api:
        hosting = Hosting(api)
        data = hosting.put("model.tar.gz", packed({"f": "1"}))
        models = [hosting.model({"SAYS": each}, ModelDataUrl=data) for each in ("one", "two")]
        configs = [hosting.config(hosting.variant(each)) for each in models]
        endpoint = hosting.create(configs[0])
        hosting.settled(endpoint)
        plain = hosting.serve(hosting.variant(models[0]))
        failed = hosting.create(hosting.config(hosting.variant(hosting.model({"DOES": "end"}))))
        assert hosting.settled(failed)["EndpointStatus"] == "Failed"
        hosting.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=configs[1])
        created = hosting.settled(endpoint)["CreationTime"]
        changes = [{"VariantName": "main", "DesiredInstanceCount": 2}]
        hosting.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=endpoint, DesiredWeightsAndCapacities=changes
        )
        hosting.settled(endpoint)
        hosting.sagemaker.delete_endpoint_config(EndpointConfigName=configs[1])
        hosting.sagemaker.delete_model(ModelName=models[1])
        gone = hosting.create(configs[0])
        hosting.settled(gone)
        hosting.sagemaker.delete_endpoint(EndpointName=gone)
        api.process.kill()
        api.process.wait()
    with up(state, "--no-docker") as api:
        hosting = Hosting(api)
        found = hosting.settled(endpoint)
        assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", configs[1])
        assert (found["CreationTime"], found["ProductionVariants"][0]["CurrentInstanceCount"]) == (created, 2)
        assert hosting.said(endpoint) == "two"
        assert hosting.settled(plain)["EndpointStatus"] == "InService"
        assert json.loads(hosting.said(plain, b"model")) == {"f": "1"}
        assert hosting.describe(failed)["EndpointStatus"] == "Failed"
        with pytest.raises(ClientError, match="Could not find"):
            hosting.describe(gone)
        assert "warning" not in api.log
        assert api.stop() == 0


def test_tags_of_what_is_gone_are_refused_in_words(hosting: Hosting) -> None:
    arn = hosting.sagemaker.describe_model(ModelName=hosting.model())["ModelArn"]
    assert hosting.sagemaker.list_tags(ResourceArn=arn)["Tags"] == []
    with pytest.raises(ClientError, match=r"ValidationException.*Could not find model"):
        hosting.sagemaker.list_tags(ResourceArn=f"{arn}-gone")
