"""What SageMaker only writes down, and what moto would only pretend: through boto3."""

import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.localaws import ROLE, LocalAws

STRINGS = [{"FeatureName": name, "FeatureType": "String"} for name in ("id", "at")]
TABLE = {"TabularJobConfig": {"TargetAttributeName": "y"}}
SOURCE = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/in"}}
GROUP = {
    "InstanceCount": 1,
    "InstanceGroupName": "g",
    "InstanceType": "ml.c5.large",
    "LifeCycleConfig": {"SourceS3Uri": "s3://sagemaker-b/x", "OnCreate": "x.sh"},
    "ExecutionRole": ROLE,
}
PRETENDED: list[tuple[str, dict[str, Any]]] = [
    (
        "create_auto_ml_job_v2",
        {
            "AutoMLJobName": "a",
            "AutoMLJobInputDataConfig": [{"DataSource": SOURCE}],
            "OutputDataConfig": {"S3OutputPath": "s3://b/out"},
            "AutoMLProblemTypeConfig": TABLE,
            "RoleArn": ROLE,
        },
    ),
    ("create_cluster", {"ClusterName": "c", "InstanceGroups": [GROUP]}),
    (
        "create_compilation_job",
        {
            "CompilationJobName": "c",
            "RoleArn": ROLE,
            "InputConfig": {"S3Uri": "s3://b/m", "Framework": "XGBOOST"},
            "OutputConfig": {"S3OutputLocation": "s3://b/out", "TargetDevice": "ml_c5"},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        },
    ),
    (
        "create_domain",
        {"DomainName": "d", "AuthMode": "IAM", "DefaultUserSettings": {}, "SubnetIds": ["s"], "VpcId": "v"},
    ),
    (
        "create_feature_group",
        {
            "FeatureGroupName": "f",
            "RecordIdentifierFeatureName": "id",
            "EventTimeFeatureName": "at",
            "FeatureDefinitions": STRINGS,
            "RoleArn": ROLE,
        },
    ),
    ("list_trial_components", {"SourceArn": "arn:aws:sagemaker:us-east-1:123456789012:training-job/x"}),
    ("list_experiments", {"SortBy": "Name"}),
    ("search", {"Resource": "ModelCard"}),
]


@pytest.fixture(scope="module")
def sagemaker(aws: LocalAws) -> Any:
    return aws.client("sagemaker")


def name(what: str) -> str:
    return f"{what}-{uuid.uuid4().hex[:8]}"


def refused(call: Any, **arguments: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    error = raised.value.response["Error"]
    return raised.value.response["ResponseMetadata"]["HTTPStatusCode"], error["Code"], error["Message"]


@pytest.mark.parametrize(("operation", "arguments"), PRETENDED, ids=[row[0] for row in PRETENDED])
def test_what_does_not_run_is_501_with_its_name(sagemaker: Any, operation: str, arguments: dict[str, Any]) -> None:
    status, code, message = refused(getattr(sagemaker, operation), **arguments)
    assert (status, code) == (501, "NotImplemented")
    assert sagemaker.meta.method_to_api_mapping[operation] in message


def test_a_pipeline_is_kept_and_its_start_is_501(sagemaker: Any) -> None:
    pipeline = name("p")
    sagemaker.create_pipeline(
        PipelineName=pipeline, PipelineDefinition="{}", ClientRequestToken=uuid.uuid4().hex, RoleArn=ROLE
    )
    assert sagemaker.describe_pipeline(PipelineName=pipeline)["PipelineDefinition"] == "{}"
    status, _, message = refused(sagemaker.start_pipeline_execution, PipelineName=pipeline)
    assert (status, "StartPipelineExecution" in message) == (501, True)
    assert sagemaker.list_pipeline_executions(PipelineName=pipeline)["PipelineExecutionSummaries"] == []


INVALID = [  # what the API's model does not allow, of operations that are ours and of moto's
    ("describe_model", {"ModelName": "a_b c"}, "'modelName'"),
    ("list_training_jobs", {"SortBy": "Size"}, "enum value set"),
    ("list_models", {"MaxResults": 101}, "less than or equal to 100"),
    ("describe_pipeline", {}, "Member must not be null"),
    ("create_experiment", {"ExperimentName": "a b"}, "'experimentName'"),
    ("search", {"Resource": "Nothing"}, "enum value set"),
]


@pytest.mark.parametrize(("operation", "arguments", "said"), INVALID, ids=[row[0] for row in INVALID])
def test_every_request_is_held_to_the_model(
    aws: LocalAws, operation: str, arguments: dict[str, Any], said: str
) -> None:
    from botocore.config import Config

    unchecked = aws._session.client(
        "sagemaker", endpoint_url=aws.variables["AWS_ENDPOINT_URL"], config=Config(parameter_validation=False)
    )
    status, code, message = refused(getattr(unchecked, operation), **arguments)
    assert (status, code) == (400, "ValidationException")
    assert said in message


def test_experiments_keep_what_they_are_given(sagemaker: Any) -> None:
    experiment, trial, component = name("e"), name("t"), name("c")
    tags = [{"Key": "team", "Value": "colour"}]
    made = sagemaker.create_experiment(ExperimentName=experiment, DisplayName="D", Description="what for", Tags=tags)
    arns = [
        made["ExperimentArn"],
        sagemaker.create_trial(TrialName=trial, ExperimentName=experiment, Tags=tags)["TrialArn"],
        sagemaker.create_trial_component(TrialComponentName=component, Tags=tags)["TrialComponentArn"],
    ]
    sagemaker.associate_trial_component(TrialComponentName=component, TrialName=trial)
    found = sagemaker.describe_experiment(ExperimentName=experiment)
    assert (found["DisplayName"], found["Description"]) == ("D", "what for")
    assert [sagemaker.list_tags(ResourceArn=arn)["Tags"] for arn in arns] == [tags] * 3
    by_parent = {"Filters": [{"Name": "Parents.TrialName", "Operator": "Equals", "Value": trial}]}
    (only,) = sagemaker.search(Resource="ExperimentTrialComponent", SearchExpression=by_parent)["Results"]
    assert only["TrialComponent"]["TrialComponentName"] == component
    assert refused(sagemaker.delete_experiment, ExperimentName=experiment)[1] == "ValidationException"


def test_names_are_taken_once(sagemaker: Any) -> None:
    experiment, group = name("e"), name("g")
    sagemaker.create_experiment(ExperimentName=experiment)
    status, code, message = refused(sagemaker.create_experiment, ExperimentName=experiment)
    assert (status, code, "already exists" in message) == (400, "ValidationException", True)
    sagemaker.create_model_package_group(ModelPackageGroupName=group)
    sagemaker.create_model_package(ModelPackageGroupName=group)
    assert "already exists" in refused(sagemaker.create_model_package_group, ModelPackageGroupName=group)[2]
    assert len(sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]) == 1


UNKNOWN = [
    ("describe_experiment", {"ExperimentName": "none"}),
    ("describe_trial", {"TrialName": "none"}),
    ("describe_trial_component", {"TrialComponentName": "none"}),
    ("create_trial", {"TrialName": "t", "ExperimentName": "none"}),
]


@pytest.mark.parametrize(("operation", "arguments"), UNKNOWN, ids=[row[0] for row in UNKNOWN])
def test_what_is_not_there_is_not_found(sagemaker: Any, operation: str, arguments: dict[str, Any]) -> None:
    assert refused(getattr(sagemaker, operation), **arguments)[:2] == (400, "ResourceNotFound")


def test_search_of_records_holds_to_its_filters(sagemaker: Any) -> None:
    mark, tags = uuid.uuid4().hex[:8], [{"Key": "team", "Value": "colour"}]
    for number in range(3):
        sagemaker.create_model_package_group(ModelPackageGroupName=f"{mark}-{number}", Tags=tags)

    def found(*filters: tuple[str, str, str], **more: Any) -> list[str]:
        expression = {"Filters": [{"Name": name, "Operator": how, "Value": value} for name, how, value in filters]}
        expression |= {key: more.pop(key) for key in ("Operator",) if key in more}
        page = sagemaker.search(Resource="ModelPackageGroup", SearchExpression=expression, **more)
        return [each["ModelPackageGroup"]["ModelPackageGroupName"] for each in page["Results"]]

    own = ("ModelPackageGroupName", "Contains", mark)
    assert found(("Tags.team", "Equals", "colour"), own, SortOrder="Ascending", SortBy="ModelPackageGroupName") == [
        f"{mark}-{number}" for number in range(3)
    ]
    assert found(("Tags.team", "NotEquals", "colour"), own) == []
    assert found(own, ("CreationTime", "LessThan", "2020-01-01T00:00:00Z")) == []
    either = [("ModelPackageGroupName", "Equals", f"{mark}-{number}") for number in (0, 2)]
    assert sorted(found(*either, Operator="Or")) == [f"{mark}-0", f"{mark}-2"]
    assert len(found(own, MaxResults=2)) == 2


def test_a_tag_that_is_added_again_has_its_new_value(sagemaker: Any) -> None:
    tags = [{"Key": "team", "Value": "colour"}, {"Key": "until", "Value": "monday"}]
    arn = sagemaker.create_model_package_group(ModelPackageGroupName=name("g"), Tags=tags)["ModelPackageGroupArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "until", "Value": "friday"}])
    found = {tag["Key"]: tag["Value"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]}
    assert (found, len(sagemaker.list_tags(ResourceArn=arn)["Tags"])) == ({"team": "colour", "until": "friday"}, 2)
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["team"])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "until", "Value": "friday"}]


BAD_TAGS = {
    "the same key twice": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}],
    "a reserved key": [{"Key": "aws:a", "Value": "1"}],
    "too many": [{"Key": f"k{number}", "Value": ""} for number in range(51)],
}


@pytest.mark.parametrize("tags", BAD_TAGS.values(), ids=BAD_TAGS)
def test_tags_that_aws_refuses_are_refused(sagemaker: Any, tags: list[dict[str, str]]) -> None:
    refusal = refused(sagemaker.create_model_package_group, ModelPackageGroupName=name("g"), Tags=tags)
    assert refusal[:2] == (400, "ValidationException")
