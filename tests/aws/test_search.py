"""Search over training jobs, through boto3."""

from typing import Any

import pytest

from tests.awsjobs import Jobs
from tests.localaws import LocalAws

SEARCHES = [  # name, operator, value, whether the job is found
    ("ModelArtifacts.S3ModelArtifacts", "Equals", "{artifact}", True),
    ("ModelArtifacts.S3ModelArtifacts", "Equals", "s3://other", False),
    ("TrainingJobName", "Contains", "searched", True),
    ("TrainingJobStatus", "NotEquals", "Failed", True),
    ("Metrics.loss", "LessThan", "0.3", True),
    ("Metrics.loss", "GreaterThan", "0.3", False),
    ("Metrics.none", "Exists", "", False),
    ("Tags.team", "Equals", "colour", True),
    ("HyperParameters.do", "In", "fail,report", True),
    ("EnableNetworkIsolation", "Equals", "false", True),
    ("CreationTime", "GreaterThanOrEqualTo", "2020-01-01T00:00:00Z", True),
]


@pytest.fixture(scope="module")
def jobs(aws: LocalAws) -> Jobs:
    return Jobs(aws)


@pytest.fixture(scope="module")
def searched(jobs: Jobs) -> dict[str, Any]:
    definitions = {"MetricDefinitions": [{"Name": "loss", "Regex": r"loss=(\S+)"}]}
    tags = [{"Key": "team", "Value": "colour"}]
    return jobs.run(TrainingJobName="searched", AlgorithmSpecification=definitions, Tags=tags)


@pytest.mark.parametrize("search", SEARCHES, ids=[" ".join(row[:3]) for row in SEARCHES])
def test_a_job_is_found_by_what_it_says(
    jobs: Jobs, searched: dict[str, Any], search: tuple[str, str, str, bool]
) -> None:
    name, operator, value, is_found = search
    wanted = {"Name": name, "Operator": operator}
    if value:
        wanted["Value"] = value.format(artifact=searched["ModelArtifacts"]["S3ModelArtifacts"])
    only = {"Name": "TrainingJobName", "Operator": "Equals", "Value": "searched"}
    found = jobs.sagemaker.search(Resource="TrainingJob", SearchExpression={"Filters": [only, wanted]})["Results"]
    assert [result["TrainingJob"]["TrainingJobName"] for result in found] == (["searched"] if is_found else [])
