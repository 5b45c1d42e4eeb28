"""Training jobs through boto3, with processes in the place of containers."""

import http.client
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.awsjobs import BUCKET, Jobs, channel
from tests.localaws import LocalAws
from tests.server import PATIENCE, ROOT


@pytest.fixture(scope="module")
def jobs(aws: LocalAws) -> Jobs:
    return Jobs(aws)


def refused(raised: "pytest.ExceptionInfo[ClientError]") -> tuple[str, str]:
    error = raised.value.response["Error"]
    return error["Code"], error["Message"]


def seen_by(jobs: Jobs, job: dict[str, Any]) -> dict[str, Any]:
    """What the program of `report` saw, by its artifact."""
    found = jobs.archive(job["ModelArtifacts"]["S3ModelArtifacts"])
    return json.loads(found["algo-1.json"])  # type: ignore[no-any-return]


def test_a_job_from_its_data_to_its_artifact(jobs: Jobs) -> None:
    data = jobs.put(a__x=b"1", b=b"2")
    definitions = {"MetricDefinitions": [{"Name": "loss", "Regex": r"loss=(\S+)"}]}
    job = jobs.run(
        channels=[channel(data)],
        Environment={"OWN": "mine"},
        AlgorithmSpecification=definitions,
        Tags=[{"Key": "k", "Value": "v"}],
    )
    name = job["TrainingJobName"]
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Completed", "Completed"), jobs.aws.log
    steps = job["SecondaryStatusTransitions"]
    assert [step["Status"] for step in steps] == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert all(step["EndTime"] >= step["StartTime"] for step in steps)
    assert job["CreationTime"] <= job["TrainingStartTime"] <= job["TrainingEndTime"]
    assert [(metric["MetricName"], metric["Value"]) for metric in job["FinalMetricDataList"]] == [("loss", 0.25)]
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{BUCKET}/out/{name}/output/model.tar.gz"
    seen = seen_by(jobs, job)
    assert seen["channels"] == {"train": ["b", "x"]}
    assert seen["arguments"] == ["train"] or seen["arguments"] == []
    environment = seen["environment"]
    assert (environment["OWN"], environment["TRAINING_JOB_NAME"]) == ("mine", name)
    assert environment["TRAINING_JOB_ARN"] == job["TrainingJobArn"]
    assert environment["AWS_ENDPOINT_URL"] == f"http://127.0.0.1:{jobs.aws.port}"
    assert "begun" in jobs.lines(name)
    assert jobs.sagemaker.list_tags(ResourceArn=job["TrainingJobArn"])["Tags"] == [{"Key": "k", "Value": "v"}]


def test_the_colour_classifier_trains_by_its_image(jobs: Jobs) -> None:
    jobs.s3.upload_file(str(ROOT / "model" / "data" / "colours.csv"), BUCKET, "colours/colours.csv")
    job = jobs.run(
        channels=[channel(f"s3://{BUCKET}/colours/colours.csv", ContentType="text/csv")],
        HyperParameters={"algorithm": "tree", "max_leaf_nodes": "60"},
        AlgorithmSpecification={
            "TrainingImage": "tiffin:0.1.0-colour",
            "MetricDefinitions": [{"Name": "test:accuracy", "Regex": r"test_accuracy=([0-9.]+)"}],
        },
    )
    assert job["TrainingJobStatus"] == "Completed", job
    assert job["FinalMetricDataList"][0]["Value"] > 0.7
    assert "colour.json" in jobs.archive(job["ModelArtifacts"]["S3ModelArtifacts"])
    output = f"s3://{BUCKET}/out/{job['TrainingJobName']}/output/output.tar.gz"
    assert "report.html" in jobs.archive(output)


def test_metrics_are_in_cloudwatch(jobs: Jobs) -> None:
    definitions = {"MetricDefinitions": [{"Name": "loss", "Regex": r"loss=(\S+)"}]}
    job = jobs.run(AlgorithmSpecification=definitions)
    found = jobs.aws.client("cloudwatch").get_metric_statistics(
        Namespace="/aws/sagemaker/TrainingJobs",
        MetricName="loss",
        Dimensions=[{"Name": "TrainingJobName", "Value": job["TrainingJobName"]}],
        StartTime=time.time() - 3600,
        EndTime=time.time() + 3600,
        Period=86400,
        Statistics=["Minimum", "Maximum", "SampleCount"],
    )["Datapoints"]
    assert {(point["Minimum"], point["Maximum"], point["SampleCount"]) for point in found} == {(0.25, 0.5, 2.0)}


def test_a_metric_that_is_no_finite_number_fails_no_job(jobs: Jobs) -> None:
    definitions = {"MetricDefinitions": [{"Name": "loss", "Regex": r"loss=(\S+)"}]}
    job = jobs.run(AlgorithmSpecification=definitions, HyperParameters={"do": "diverge"})
    assert job["TrainingJobStatus"] == "Completed", job
    assert [metric["Value"] for metric in job["FinalMetricDataList"]] == [0.25]
    assert "loss=nan" in jobs.lines(job["TrainingJobName"])


PLACES = [  # the channel's URI below its prefix, and what is seen of data/a.csv, data/b/c.csv, data_x/d.csv
    ("data/", ["a.csv", "c.csv"]),
    ("data", ["a.csv", "c.csv", "d.csv"]),
    ("data/a.csv", ["a.csv"]),
    ("data/b/c", ["c.csv"]),
]


@pytest.mark.parametrize(("below", "wanted"), PLACES, ids=[row[0] for row in PLACES])
def test_a_prefix_finds_what_begins_so(jobs: Jobs, below: str, wanted: list[str]) -> None:
    data = jobs.put(data__a_csv=b"", data__b__c_csv=b"", data_x__d_csv=b"")
    for key in jobs.keys(data):
        source = f"{data.removeprefix(f's3://{BUCKET}/')}{key}"
        jobs.s3.copy_object(Bucket=BUCKET, Key=source.replace("_csv", ".csv"), CopySource=f"{BUCKET}/{source}")
        jobs.s3.delete_object(Bucket=BUCKET, Key=source)
    seen = seen_by(jobs, jobs.run(channels=[channel(data + below)]))
    assert seen["channels"]["train"] == wanted


def test_a_manifest_names_its_objects(jobs: Jobs) -> None:
    data = jobs.put(a=b"1", deep__b=b"2", c=b"3")
    manifest = jobs.put(list=json.dumps([{"prefix": data}, "a", "deep/b"]).encode())
    seen = seen_by(jobs, jobs.run(channels=[channel(f"{manifest}list", kind="ManifestFile")]))
    assert seen["channels"] == {"train": ["a", "b"]}


def test_channels_of_each_mode(jobs: Jobs) -> None:
    data = jobs.put(a=b"12345", b=b"678")
    job = jobs.run("pipe", [channel(data, InputMode="Pipe")])
    assert job["TrainingJobStatus"] == "Completed", job
    assert [line for line in jobs.lines(job["TrainingJobName"]) if line.startswith("read")] == ["read 8", "read 8"]
    job = jobs.run("write", [channel(data, InputMode="FastFile")])
    assert any(line.startswith("refused") for line in jobs.lines(job["TrainingJobName"]))
    job = jobs.run("write", [channel(data)])
    assert "written" in jobs.lines(job["TrainingJobName"])


def test_uncompressed_output(jobs: Jobs) -> None:
    output = {"S3OutputPath": f"s3://{BUCKET}/plain/", "CompressionType": "NONE"}
    job = jobs.run(OutputDataConfig=output)
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{BUCKET}/plain/{job['TrainingJobName']}/output/model/"
    assert jobs.keys(job["ModelArtifacts"]["S3ModelArtifacts"]) == ["algo-1.json"]


def test_a_failure_says_what_the_program_wrote(jobs: Jobs) -> None:
    job = jobs.run("fail")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert job["FailureReason"] == "AlgorithmError: the cause\n\nand more of it, exit code: 3"
    assert "ModelArtifacts" not in job
    assert jobs.keys(f"s3://{BUCKET}/out/{job['TrainingJobName']}") == []


def test_a_stopped_job_leaves_what_it_has(jobs: Jobs) -> None:
    """Checkpoints are in S3, and another job begins from them."""
    place = {"S3Uri": jobs.put()}
    name = jobs.start("wait", CheckpointConfig=place)
    jobs.wait_for_line(name, "waiting")
    jobs.sagemaker.stop_training_job(TrainingJobName=name)
    assert jobs.describe(name)["TrainingJobStatus"] in ("Stopping", "Stopped")
    job = jobs.ended(name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert list(jobs.archive(job["ModelArtifacts"]["S3ModelArtifacts"])) == ["partial"]
    assert jobs.read(place["S3Uri"] + "epoch") == b"7"
    resumed = jobs.run("wait", CheckpointConfig=place)
    assert resumed["TrainingJobStatus"] == "Completed"
    assert jobs.archive(resumed["ModelArtifacts"]["S3ModelArtifacts"]) == {"resumed": b"7"}
    with pytest.raises(ClientError) as raised:
        jobs.sagemaker.stop_training_job(TrainingJobName=name)
    assert refused(raised) == (
        "ValidationException",
        "The request was rejected because the training job is in status Stopped.",
    )


def test_a_job_that_takes_too_long_is_stopped(jobs: Jobs) -> None:
    job = jobs.run("wait", StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_entrypoint_and_arguments_of_the_request(jobs: Jobs) -> None:
    code = "import os, pathlib; pathlib.Path(os.environ.get('SAGEMAKER_BASE_DIR', '/opt/ml'), 'model/own').touch()"
    job = jobs.run(
        AlgorithmSpecification={"ContainerEntrypoint": ["python3", "-c"], "ContainerArguments": [code]},
    )
    assert jobs.archive(job["ModelArtifacts"]["S3ModelArtifacts"]) == {"own": b""}


REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("name", {"TrainingJobName": "not_a_name"}, "ValidationException", r"at 'trainingJobName' .*regular expression"),
    ("instances", {"ResourceConfig": {"InstanceType": "ml.none.large", "InstanceCount": 1, "VolumeSizeInGB": 1}},
     "ValidationException", r"'ml.none.large' at 'resourceConfig.instanceType' .*enum value set"),
    ("value", {"HyperParameters": {"do": "x" * 2501}}, "ValidationException", r"at 'hyperParameters.do.member' .*2500"),
    ("environment", {"Environment": {f"N{i}": "" for i in range(101)}}, "ValidationException",
     r"at 'environment' .*100"),
    ("no data", {"channels": [channel(f"s3://{BUCKET}/nothing/")]}, "ValidationException", "No S3 objects found under"),
    ("no bucket", {"channels": [channel("s3://no-such-bucket/x")]}, "ValidationException",
     "no bucket 'no-such-bucket'"),
    ("regex", {"AlgorithmSpecification": {"MetricDefinitions": [{"Name": "m", "Regex": "("}]}}, "ValidationException",
     "regex of metric m"),
    ("augmented", {"channels": [channel(f"s3://{BUCKET}/x", kind="AugmentedManifestFile", InputMode="Pipe")]},
     "NotImplemented", "AugmentedManifestFile of channel train"),
    ("image", {"AlgorithmSpecification": {"TrainingImage": ""}}, "ValidationException",
     "You must provide a TrainingImage"),
    ("image and algorithm", {"AlgorithmSpecification": {"AlgorithmName": "a"}}, "ValidationException", "and not both"),
    ("no instance", {"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 0, "VolumeSizeInGB": 1}},
     "ValidationException", "InstanceCount of 1 or more"),
    ("spot without a wait", {"EnableManagedSpotTraining": True}, "ValidationException", "Invalid MaxWaitTimeInSeconds"),
    ("spot with a short wait", {"EnableManagedSpotTraining": True,
     "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 59}},
     "ValidationException", "Invalid MaxWaitTimeInSeconds"),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "code", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_aws_refuses_is_refused(jobs: Jobs, request_: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(ClientError) as raised:
        jobs.start(**{"channels": None, **request_})
    found, message = refused(raised)
    assert found == code
    assert re.search(words, message), message


def test_of_calls_at_once_for_one_name_one_is_taken(jobs: Jobs) -> None:
    def begin(_: int) -> str:
        try:
            return jobs.start(TrainingJobName="at-once")
        except ClientError as error:
            return str(error.response["Error"]["Code"])

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(begin, range(8)))
    assert answers == ["ResourceInUse"] * 7 + ["at-once"]
    assert jobs.ended("at-once")["TrainingJobStatus"] == "Completed"


def test_a_name_is_taken_once(jobs: Jobs) -> None:
    name = jobs.run()["TrainingJobName"]
    with pytest.raises(ClientError) as raised:
        jobs.start(TrainingJobName=name)
    code, message = refused(raised)
    assert code == "ResourceInUse"
    assert "already exists (arn:aws:sagemaker:" in message
    jobs.sagemaker.delete_training_job(TrainingJobName=name)
    with pytest.raises(ClientError) as raised:
        jobs.describe(name)
    assert refused(raised) == ("ValidationException", "Requested resource not found.")


def test_an_image_that_is_not_there_fails_the_job(jobs: Jobs) -> None:
    job = jobs.run(AlgorithmSpecification={"TrainingImage": "nobody/nothing:1"})
    assert job["TrainingJobStatus"] == "Failed"
    assert "nobody/nothing:1 cannot be run" in job["FailureReason"]


def test_output_without_a_bucket_fails_the_job(jobs: Jobs) -> None:
    job = jobs.run(OutputDataConfig={"S3OutputPath": "s3://no-such-bucket/x"})
    assert job["TrainingJobStatus"] == "Failed"
    assert "Artifact upload failed" in job["FailureReason"]


def test_jobs_are_listed_by_pages_and_filters(jobs: Jobs) -> None:
    names = [jobs.start(TrainingJobName=f"listed-{number}") for number in range(3)]
    for name in names:
        jobs.ended(name)
    listed = jobs.sagemaker.list_training_jobs
    first = listed(NameContains="listed-", SortBy="Name", SortOrder="Ascending", MaxResults=2)
    rest = listed(
        NameContains="listed-", SortBy="Name", SortOrder="Ascending", MaxResults=2, NextToken=first["NextToken"]
    )
    found = [summary["TrainingJobName"] for summary in first["TrainingJobSummaries"] + rest["TrainingJobSummaries"]]
    assert found == names
    assert "NextToken" not in rest
    assert listed(NameContains="listed-", StatusEquals="Failed")["TrainingJobSummaries"] == []
    newest = listed(NameContains="listed-", SortBy="CreationTime", MaxResults=1)["TrainingJobSummaries"]
    assert newest[0]["TrainingJobName"] == "listed-2"


def test_a_spot_instance_is_taken_away_and_the_job_goes_on(jobs: Jobs) -> None:
    """AWS has no call for that; here it is a POST."""
    spot: dict[str, Any] = {
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 600},
    }
    name = jobs.start("wait", CheckpointConfig={"S3Uri": jobs.put()}, **spot)
    jobs.wait_for_line(name, "waiting")
    assert interrupted(jobs, name) == 202
    job = jobs.ended(name)
    assert job["TrainingJobStatus"] == "Completed"
    steps = [step["Status"] for step in job["SecondaryStatusTransitions"]]
    assert steps == [
        *("Starting", "Downloading", "Training", "Interrupted", "Downloading", "Training", "Uploading", "Completed")
    ]
    assert jobs.archive(job["ModelArtifacts"]["S3ModelArtifacts"])["resumed"] == b"7"
    assert interrupted(jobs, name) == 409
    assert interrupted(jobs, "never-there") == 404


def interrupted(jobs: Jobs, name: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", jobs.aws.port, timeout=PATIENCE)
    connection.request("POST", f"/local/training-jobs/{name}/interrupt")
    status = connection.getresponse().status
    connection.close()
    return status


def test_eventbridge_hears_of_each_status(jobs: Jobs) -> None:
    events, logs = jobs.aws.client("events"), jobs.logs
    logs.create_log_group(logGroupName="/heard")
    pattern = {"source": ["aws.sagemaker"], "detail": {"TrainingJobName": ["heard"]}}
    events.put_rule(Name="heard", EventPattern=json.dumps(pattern))
    (group,) = logs.describe_log_groups(logGroupNamePrefix="/heard")["logGroups"]
    events.put_targets(Rule="heard", Targets=[{"Id": "1", "Arn": group["arn"].removesuffix(":*")}])
    job = jobs.run("fail", TrainingJobName="heard")
    found = logs.filter_log_events(logGroupName="/heard")["events"]
    heard = {event["detail"]["TrainingJobStatus"]: event for event in (json.loads(item["message"]) for item in found)}
    assert set(heard) == {"InProgress", "Failed"}
    assert len(found) == 2
    assert heard["Failed"]["detail-type"] == "SageMaker Training Job State Change"
    assert heard["Failed"]["resources"] == [job["TrainingJobArn"]]
    assert heard["Failed"]["detail"]["FailureReason"] == job["FailureReason"]


def test_the_boto3_waiter_returns(jobs: Jobs) -> None:
    name = jobs.start()
    waiter = jobs.sagemaker.get_waiter("training_job_completed_or_stopped")
    waiter.wait(TrainingJobName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
