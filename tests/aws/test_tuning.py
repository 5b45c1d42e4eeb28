"""Tuning jobs through boto3: real training jobs, as processes in the place of containers."""

import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.awsjobs import BUCKET, Jobs, channel
from tests.localaws import ROLE, LocalAws, up
from tests.runs import PROGRAM
from tests.server import ROOT

LOSS = [{"Name": "loss", "Regex": r"loss=(\S+)"}]
DO = {"CategoricalParameterRanges": [{"Name": "do", "Values": ["report", "fail"]}]}


@pytest.fixture(scope="module")
def jobs(aws: LocalAws) -> Jobs:
    return Jobs(aws)


def start(jobs: Jobs, config: dict[str, Any], definition: dict[str, Any] | None = None, **more: Any) -> str:
    name = f"tune-{uuid.uuid4().hex[:8]}"
    algorithm = {"TrainingImage": str(PROGRAM), "TrainingInputMode": "File", "MetricDefinitions": LOSS}
    jobs.sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name,
        HyperParameterTuningJobConfig={
            "Strategy": "Grid",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
            "ResourceLimits": {"MaxParallelTrainingJobs": 2},
            "ParameterRanges": DO,
            **config,
        },
        TrainingJobDefinition={
            "AlgorithmSpecification": algorithm,
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/tuned"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            **(definition or {}),
        },
        **more,
    )
    return name


def ended(jobs: Jobs, name: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = jobs.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        return found if found["HyperParameterTuningJobStatus"] in ("Completed", "Failed", "Stopped") else None

    return jobs.aws.wait(look, f"end of {name}", 120)


def tried(jobs: Jobs, name: str, **asked: Any) -> list[dict[str, Any]]:
    listed = jobs.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job
    return listed(HyperParameterTuningJobName=name, **asked)["TrainingJobSummaries"]  # type: ignore[no-any-return]


def test_a_grid_is_tried_whole(jobs: Jobs) -> None:
    name = start(jobs, {}, Tags=[{"Key": "team", "Value": "a"}])
    tuning = ended(jobs, name)
    assert tuning["HyperParameterTuningJobStatus"] == "Completed", [
        item.get("FailureReason") for item in tried(jobs, name)
    ]
    assert tuning["TrainingJobStatusCounters"] == {
        "Completed": 1, "InProgress": 0, "RetryableError": 0, "NonRetryableError": 1, "Stopped": 0,
    }  # fmt: skip
    assert tuning["ObjectiveStatusCounters"] == {"Succeeded": 1, "Pending": 0, "Failed": 1}
    best = tuning["BestTrainingJob"]
    assert best["TunedHyperParameters"] == {"do": "report"}
    assert best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == 0.25
    job = jobs.describe(best["TrainingJobName"])
    assert job["TuningJobArn"] == tuning["HyperParameterTuningJobArn"]
    assert jobs.sagemaker.list_tags(ResourceArn=job["TrainingJobArn"])["Tags"] == [{"Key": "team", "Value": "a"}]
    assert job["HyperParameters"] == {"do": "report", "_tuning_objective_metric": "loss"}
    assert re.fullmatch(rf"{name}-00[12]-[0-9a-f]{{8}}", best["TrainingJobName"])
    assert {item["TunedHyperParameters"]["do"]: item["TrainingJobStatus"] for item in tried(jobs, name)} == {
        "report": "Completed",
        "fail": "Failed",
    }


def test_random_search_finds_the_better_tree(jobs: Jobs) -> None:
    jobs.s3.upload_file(str(ROOT / "model" / "data" / "colours.csv"), BUCKET, "colours/colours.csv")
    config = {
        "Strategy": "Random",
        "RandomSeed": 7,
        "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "accuracy"},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 3, "MaxParallelTrainingJobs": 2},
        "ParameterRanges": {
            "IntegerParameterRanges": [{"Name": "max_leaf_nodes", "MinValue": "2", "MaxValue": "90"}],
            "CategoricalParameterRanges": [{"Name": "color_space", "Values": ["lab", "rgb"]}],
        },
    }
    definition = {
        "AlgorithmSpecification": {
            "TrainingImage": "tiffin:0.1.0-colour",
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "accuracy", "Regex": r"test_accuracy=([0-9.]+)"}],
        },
        "StaticHyperParameters": {"algorithm": "tree"},
        "InputDataConfig": [channel(f"s3://{BUCKET}/colours/")],
    }
    name = start(jobs, config, definition)
    tuning = ended(jobs, name)
    assert tuning["TrainingJobStatusCounters"]["Completed"] == 3, tuning
    found = tried(jobs, name, SortBy="FinalObjectiveMetricValue", SortOrder="Descending", MaxResults=1)
    assert found[0]["TrainingJobName"] == tuning["BestTrainingJob"]["TrainingJobName"]
    values = [
        (
            item["FinalHyperParameterTuningJobObjectiveMetric"]["Value"],
            int(item["TunedHyperParameters"]["max_leaf_nodes"]),
        )
        for item in tried(jobs, name)
    ]
    assert max(values) == (found[0]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"], max(values)[1])
    assert all(2 <= leaves <= 90 for _, leaves in values)


def test_one_at_a_time_until_the_target(jobs: Jobs) -> None:
    """The second of the grid is never begun."""
    config = {
        "ResourceLimits": {"MaxParallelTrainingJobs": 1},
        "TuningJobCompletionCriteria": {"TargetObjectiveMetricValue": 0.3},
    }
    name = start(jobs, config)
    assert ended(jobs, name)["HyperParameterTuningJobStatus"] == "Completed"
    assert [item["TunedHyperParameters"] for item in tried(jobs, name)] == [{"do": "report"}]


def test_a_stop_stops_its_training_jobs(jobs: Jobs) -> None:
    name = start(jobs, {"ParameterRanges": {"CategoricalParameterRanges": [{"Name": "do", "Values": ["wait"]}]}})
    job = jobs.aws.wait(lambda: tried(jobs, name), f"a training job of {name}", 60)[0]["TrainingJobName"]
    jobs.wait_for_line(job, "waiting")
    jobs.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    assert ended(jobs, name)["HyperParameterTuningJobStatus"] == "Stopped"
    assert jobs.describe(job)["TrainingJobStatus"] == "Stopped"


def test_when_one_is_refused_those_that_run_are_stopped(jobs: Jobs) -> None:
    data = jobs.put(a=b"1")
    ranges = {"CategoricalParameterRanges": [
        {"Name": "do", "Values": ["wait"]}, {"Name": "n", "Values": ["1", "2", "3"]}
    ]}  # fmt: skip
    name = start(jobs, {"ParameterRanges": ranges}, {"InputDataConfig": [channel(data)]})
    jobs.aws.wait(lambda: len(tried(jobs, name)) == 2, f"two training jobs of {name}", 60)
    first, second = (item["TrainingJobName"] for item in tried(jobs, name))
    for job in (first, second):
        jobs.wait_for_line(job, "waiting")
    jobs.s3.delete_object(Bucket=BUCKET, Key=f"{data.removeprefix(f's3://{BUCKET}/')}a")
    jobs.sagemaker.stop_training_job(TrainingJobName=first)  # there is room for the third
    tuning = ended(jobs, name)
    assert tuning["HyperParameterTuningJobStatus"] == "Failed"
    assert "No S3 objects found" in tuning["FailureReason"]
    assert jobs.describe(second)["TrainingJobStatus"] == "Stopped"


def test_when_all_fail_it_fails(jobs: Jobs) -> None:
    name = start(jobs, {"ParameterRanges": {"CategoricalParameterRanges": [{"Name": "do", "Values": ["fail"]}]}})
    tuning = ended(jobs, name)
    assert tuning["HyperParameterTuningJobStatus"] == "Failed"
    assert tuning["FailureReason"].startswith("All training jobs failed.")


NUMBERS = {"IntegerParameterRanges": [{"Name": "n", "MinValue": "1", "MaxValue": "3"}]}
REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("strategy", {"Strategy": "Bayesian"}, "NotImplemented", "the strategy Bayesian; Grid and Random are here"),
    ("grid", {"ParameterRanges": NUMBERS}, "ValidationException", "categorical parameter ranges only"),
    ("number", {"ResourceLimits": {"MaxParallelTrainingJobs": 1, "MaxNumberOfTrainingJobs": 3}}, "ValidationException",
     "The grid has 2 points, and MaxNumberOfTrainingJobs is 3"),
    ("metric", {"HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "none"}}, "ValidationException",
     "The objective metric none is none of"),
    ("end", {"TuningJobCompletionCriteria": {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}}},
     "NotImplemented", "an end by BestObjectiveNotImproving"),
    ("names", {"Strategy": "Random", "ParameterRanges": {"CategoricalParameterRanges": [
        {"Name": name, "Values": ["1"]} for name in ("a", "a")]}}, "ValidationException", "must be unique"),
]  # fmt: skip


@pytest.mark.parametrize(("config", "code", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_aws_refuses_is_refused(jobs: Jobs, config: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(ClientError) as raised:
        start(jobs, config)
    assert raised.value.response["Error"]["Code"] == code
    assert words in raised.value.response["Error"]["Message"]


def test_a_hyperparameter_is_static_or_tuned(jobs: Jobs) -> None:
    with pytest.raises(ClientError) as raised:
        start(jobs, {}, {"StaticHyperParameters": {"do": "report"}})
    assert "not both: do" in raised.value.response["Error"]["Message"]


def test_a_restart_knows_the_jobs_that_no_call_asked_for(state: Path) -> None:
    with up(state, "--no-docker") as api:
        jobs = Jobs(api)
        name = start(jobs, {})
        before, listed = ended(jobs, name), tried(jobs, name)
        assert api.stop() == 0
    with up(state, "--no-docker") as api:
        sagemaker = api.client("sagemaker")
        after = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        assert {**after, "ResponseMetadata": None} == {**before, "ResponseMetadata": None}
        again = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        assert again["TrainingJobSummaries"] == listed
        assert "warning" not in api.log
