"""Processing jobs through boto3, with processes in the place of containers."""

import json
import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.awsjobs import BUCKET, Jobs
from tests.awsprocessing import Processing, given
from tests.localaws import LocalAws

SEEN = """
import json, os, pathlib
base = pathlib.Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
config = base / "config"
seen = {
    "files": sorted(str(p.relative_to(base)) for p in (base / "processing").rglob("*") if p.is_file()),
    "host": json.loads((config / "resourceconfig.json").read_text()),
    "job": json.loads((config / "processingjobconfig.json").read_text())["ProcessingJobName"],
    "environment": {name: os.environ.get(name) for name in ("OWN", "PROCESSING_JOB_NAME")},
}
(base / "processing/input/a").write_text("changed")
(base / "processing/out/seen.json").write_text(json.dumps(seen))
(base / "processing/out/deep").mkdir()
(base / "processing/out/deep/x").write_text("1")
(base / "output/message").write_text("all is well")
print("done")
"""
FAILS = """
import os, pathlib, sys
base = pathlib.Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
(base / "processing/out/half").write_text("1")
(base / "output/failure").write_text("the cause")
sys.exit(4)
"""
WAITS = """
import os, pathlib, time
base = pathlib.Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
(base / "processing/out/early").write_text("1")
print("waiting", flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def jobs(aws: LocalAws) -> Jobs:
    return Jobs(aws, "tiffin:0.1.0-colour")


@pytest.fixture
def processing(jobs: Jobs) -> Processing:
    return Processing(jobs)


def test_a_job_from_its_inputs_to_its_outputs(jobs: Jobs, processing: Processing) -> None:
    data = jobs.put(a=b"1", b__c=b"2")
    name = processing.start(SEEN, inputs=[given(data)], Environment={"OWN": "mine"})
    job = processing.ended(name)
    assert (job["ProcessingJobStatus"], job["ExitMessage"]) == ("Completed", "all is well"), job
    assert job["CreationTime"] <= job["ProcessingStartTime"] <= job["ProcessingEndTime"]
    out = f"s3://{BUCKET}/{name}/"
    assert jobs.keys(out) == ["deep/x", "seen.json"]
    assert json.loads(jobs.read(f"{out}seen.json")) == {
        "files": ["processing/code/run.py", "processing/input/a", "processing/input/b/c"],
        "host": {"current_host": "algo-1", "hosts": ["algo-1"]},
        "job": name,
        "environment": {"OWN": "mine", "PROCESSING_JOB_NAME": name},
    }
    assert jobs.read(f"{data}a") == b"1"  # what the job did to its copy
    assert processing.lines(name) == ["done"]
    listed = jobs.sagemaker.list_processing_jobs(NameContains=name)["ProcessingJobSummaries"]
    assert [summary["ProcessingJobStatus"] for summary in listed] == ["Completed"]


def test_a_failure_says_why_and_uploads_nothing(jobs: Jobs, processing: Processing) -> None:
    name = processing.start(FAILS)
    job = processing.ended(name)
    assert (job["ProcessingJobStatus"], job["FailureReason"]) == ("Failed", "AlgorithmError: the cause, exit code: 4")
    assert jobs.keys(f"s3://{BUCKET}/{name}/") == []


def test_continuous_output_is_there_while_it_runs(jobs: Jobs, processing: Processing) -> None:
    name = processing.start(WAITS, "Continuous")
    jobs.aws.wait(lambda: jobs.keys(f"s3://{BUCKET}/{name}/") == ["early"], "early output", 60)
    assert jobs.sagemaker.describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"] == "InProgress"
    jobs.sagemaker.stop_processing_job(ProcessingJobName=name)
    assert processing.ended(name)["ProcessingJobStatus"] == "Stopped"


def test_a_job_that_takes_too_long_is_stopped(jobs: Jobs, processing: Processing) -> None:
    job = processing.ended(processing.start(WAITS, StoppingCondition={"MaxRuntimeInSeconds": 1}))
    assert (job["ProcessingJobStatus"], job["FailureReason"]) == ("Stopped", "The maximum runtime was reached")


REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("no data", {"inputs": [given(f"s3://{BUCKET}/nothing/")]}, "ValidationException", "No S3 objects found"),
    (
        "path",
        {"inputs": [given(f"s3://{BUCKET}/x", "/etc")]},
        "ValidationException",
        "'/etc' of input in is not",
    ),
    (
        "path elsewhere",
        {"inputs": [given(f"s3://{BUCKET}/x", "/opt/ml/model")]},
        "ValidationException",
        "'/opt/ml/model' of input in is not below /opt/ml/processing",
    ),
    ("environment", {"Environment": {"1": "x"}}, "ValidationException", "at 'environment.key' .*regular expression"),
]


@pytest.mark.parametrize(("more", "code", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_aws_refuses_is_refused(processing: Processing, more: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(ClientError) as raised:
        processing.start(SEEN, **more)
    assert raised.value.response["Error"]["Code"] == code
    assert re.search(words, raised.value.response["Error"]["Message"])


def test_a_job_that_is_not_there(jobs: Jobs) -> None:
    with pytest.raises(ClientError, match="Could not find requested job with name: none"):
        jobs.sagemaker.describe_processing_job(ProcessingJobName="none")
