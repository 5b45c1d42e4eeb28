"""How transform jobs end: what a failure leaves and says, stops, and restarts."""

import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.awsbatch import Batch
from tests.awsjobs import BUCKET
from tests.localaws import LocalAws, has_ended, up
from tests.server import PATIENCE


@pytest.fixture(scope="module")
def batch(aws: LocalAws) -> Batch:
    return Batch(aws)


@pytest.fixture(scope="module")
def model(batch: Batch) -> str:
    return batch.model({"SAYS": "it"})


FAILURES: dict[str, tuple[bytes, dict[str, Any], str, list[str]]] = {
    "a refusal": (b"refuse", {}, "ClientError: b: the whole file: the container answered 400: it refuses", ["a", "c"]),
    "a fault": (
        b"fault",
        {"ModelClientConfig": {"InvocationsMaxRetries": 1}},
        "AlgorithmError: b: the whole file: the container answered 500: it is ill, after 2 attempts",
        ["a", "c"],
    ),
    "no answer in time": (
        b"sleep",
        {"ModelClientConfig": {"InvocationsTimeoutInSeconds": 1, "InvocationsMaxRetries": 0}},
        r"AlgorithmError: b: the whole file: no answer within 1 s \(InvocationsTimeoutInSeconds\)",
        ["a", "c"],
    ),
    "an end in the middle": (
        b"die",
        {},
        r"AlgorithmError: b: the whole file: the connection to the container broke \(.*\), after 4 attempts "
        r"\(1 more of 3 files failed\); the container ended with exit code 7",
        ["a"],
    ),
    "an end of one instance of two": (
        b"die",
        {"InstanceCount": 2, "ModelClientConfig": {"InvocationsMaxRetries": 0}},
        r"AlgorithmError: b: the whole file: the connection to the container broke \(.*\); the container ended with "
        "exit code 7",
        ["a", "c"],
    ),
    "a file that is no gzip": (
        b"plain",
        {"CompressionType": "Gzip"},
        r"ClientError: a: .*gzip.* \(2 more of 3 files failed\)",
        [],
    ),
}


@pytest.mark.parametrize("case", FAILURES)
def test_B07_a_file_that_fails_leaves_nothing_and_costs_no_other(batch: Batch, model: str, case: str) -> None:
    body, more, reason, left = FAILURES[case]
    job = batch.run(model, batch.jobs.put(a=b"1", b=body, c=b"3"), **more)
    assert job["TransformJobStatus"] == "Failed"
    assert re.fullmatch(reason, job["FailureReason"]), job["FailureReason"]
    assert sorted(batch.output(job)) == [f"{name}.out" for name in left]
    said = [line for line in batch.lines(job["TransformJobName"]) if f"{BUCKET}/" in line and "/b: " in line]
    assert len(said) == 1


def test_B07_a_batch_that_fails_after_others_leaves_no_partial_output(batch: Batch, model: str) -> None:
    """The answers of the records before it are there, and are thrown away."""
    given = {
        "SplitType": "RecordIO",
        "BatchStrategy": "SingleRecord",
        "ModelClientConfig": {"InvocationsMaxRetries": 0},
    }
    good, bad = recordio(b"one", b"two"), recordio(b"one", b"fault")
    job = batch.run(model, batch.jobs.put(good=good, bad=bad), **given)
    assert "ClientError" not in job["FailureReason"]
    assert batch.output(job).keys() == {"good.out"}


def recordio(*records: bytes) -> bytes:
    magic = (0xCED7230A).to_bytes(4, "little")
    return b"".join(magic + len(each).to_bytes(4, "little") + each + bytes(-len(each) % 4) for each in records)


def test_B11_a_container_that_ends_fails_the_job_with_its_last_lines(batch: Batch) -> None:
    job = batch.run(batch.model({"DOES": "end"}), batch.jobs.put(a=b"1"))
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: the container ended with exit code 5 before it was ready")
    assert job["FailureReason"].endswith("no model here")
    assert batch.output(job) == {}


def test_what_cannot_be_started_fails_the_job(batch: Batch, model: str) -> None:
    job = batch.run(batch.model(Image="nobody/nothing:1"), batch.jobs.put(a=b"1"))
    assert "nobody/nothing:1 cannot be run" in job["FailureReason"]
    job = batch.run(model, batch.jobs.put(a=b"1"), S3OutputPath="s3://no-such-bucket/x")
    assert job["FailureReason"] == "ClientError: there is no bucket 'no-such-bucket'"


def test_a_stop_is_sigterm_and_leaves_nothing(batch: Batch, model: str) -> None:
    name = batch.start(model, batch.jobs.put(a=b"1", b=b"hang"))
    batch.wait_for_line(name, "asked to hang")
    begun = time.monotonic()
    batch.sagemaker.stop_transform_job(TransformJobName=name)
    assert batch.describe(name)["TransformJobStatus"] in ("Stopping", "Stopped")
    job = batch.ended(name)
    assert (job["TransformJobStatus"], "FailureReason" in job) == ("Stopped", False)
    assert time.monotonic() - begun < 20
    assert "told to end" in batch.lines(name)
    assert batch.output(job) == {}


def test_a_stop_while_the_container_starts(batch: Batch) -> None:
    name = batch.start(batch.model({"DOES": "never"}), batch.jobs.put(a=b"1"))
    batch.wait_for_line(name, "serving")
    batch.sagemaker.stop_transform_job(TransformJobName=name)
    job = batch.ended(name)
    assert (job["TransformJobStatus"], "TransformStartTime" in job) == ("Stopped", False)


def test_a_restart_knows_jobs_and_ends_what_was_lost(state: Path) -> None:
    with up(state, "--no-docker") as api:
        batch = Batch(api)
        model = batch.model()
        done = batch.run(model, batch.jobs.put(a=b"1"))
        name = batch.start(model, batch.jobs.put(a=b"hang"))
        batch.wait_for_line(name, "asked to hang")
        batch.sagemaker.delete_model(ModelName=model)
        child = api.child()
        api.process.kill()
        api.process.wait(PATIENCE)
    with up(state, "--no-docker") as api:
        batch = Batch(api)
        assert has_ended(child)
        again = batch.describe(done["TransformJobName"])
        assert {**again, "ResponseMetadata": None} == {**done, "ResponseMetadata": None}
        assert batch.output(again) == {"a.out": b"1"}
        lost = batch.describe(name)
        assert lost["TransformJobStatus"] == "Failed"
        assert "`local_test up` ended while the job ran" in lost["FailureReason"]
        assert "warning" not in api.log


def test_the_end_of_the_api_ends_its_jobs(state: Path) -> None:
    with up(state, "--no-docker") as api:
        batch = Batch(api)
        name = batch.start(batch.model(), batch.jobs.put(a=b"hang"))
        batch.wait_for_line(name, "asked to hang")
        child = api.child()
        begun = time.monotonic()
        assert api.stop(signal.SIGINT) == 0
        assert time.monotonic() - begun < 20
        assert has_ended(child)
    with up(state, "--no-docker") as api:
        assert "ended while the job ran" in Batch(api).describe(name)["FailureReason"]
