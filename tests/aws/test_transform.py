"""Transform jobs through boto3, with processes in the place of containers."""

import gzip
import json
import random
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.awsbatch import Batch
from tests.awsjobs import BUCKET
from tests.localaws import LocalAws, command

COLOURS = {"ContentType": "text/csv", "Accept": "text/csv", "SplitType": "Line", "AssembleWith": "Line"}


@pytest.fixture(scope="module")
def batch(aws: LocalAws) -> Batch:
    return Batch(aws)


@pytest.fixture(scope="module")
def model(batch: Batch) -> str:
    return batch.model({"SAYS": "it", "OWN": "model"})


@pytest.fixture(scope="module")
def colours(aws: LocalAws, trained: Path) -> tuple[str, Path]:
    """The trained classifier: the model of its artifact in S3, and the tree that it lies in."""
    return Batch(aws, "tiffin:0.1.0-colour").model(data=trained / "model"), trained


@pytest.fixture(scope="module")
def rows() -> dict[str, bytes]:
    """Some files of colours, one of them in a folder."""
    chance = random.Random(11)  # noqa: S311
    return {
        name: b"".join(b"%d,%d,%d\n" % (*chance.choices(range(256), k=3),) for _ in range(size))
        for name, size in (("a.csv", 3000), ("b.csv", 1), ("deep/c.csv", 700))
    }


OPTIONS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "many records": ({}, []),
    "a record each": ({"BatchStrategy": "SingleRecord"}, ["--batch-strategy", "SingleRecord"]),
    "joined and filtered": (
        {"DataProcessing": {"JoinSource": "Input", "OutputFilter": "$[0,-1]"}},
        ["--join-source", "Input", "--output-filter", "$[0,-1]"],
    ),
    "several at once": (
        {"MaxPayloadInMB": 1, "MaxConcurrentTransforms": 4, "InstanceCount": 2},
        ["--max-payload-in-mb", "1", "--max-concurrent-transforms", "4"],
    ),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_the_api_and_the_command_give_the_same_bytes(
    batch: Batch, colours: tuple[str, Path], rows: Mapping[str, bytes], tmp_path: Path, case: str
) -> None:
    model, trained = colours
    request, arguments = OPTIONS[case]
    job = batch.run(
        model, batch.jobs.put(**{name.replace("/", "__"): body for name, body in rows.items()}), **COLOURS, **request
    )
    assert job["TransformJobStatus"] == "Completed", job
    for name, body in rows.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(body)
    done = command(
        *("transform", str(tmp_path / "in"), "--output", str(tmp_path / "out"), "--base-dir", str(trained)),
        *("--no-docker", "--content-type", "text/csv", "--accept", "text/csv", "--split-type", "Line"),
        *("--assemble-with", "Line", *arguments),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    expected = {f"{name}.out": (tmp_path / "out" / f"{name}.out").read_bytes() for name in rows}
    assert batch.output(job) == expected
    assert expected["a.csv.out"].count(b"\n") >= 3000


def test_a_job_and_what_is_said_of_it(batch: Batch, model: str) -> None:
    uri = batch.jobs.put(a=b"x", b__c=b"who")
    name = batch.start(model, uri, Tags=[{"Key": "k", "Value": "v"}])
    begun = batch.describe(name)
    assert begun["TransformJobStatus"] in ("InProgress", "Completed")
    batch.sagemaker.get_waiter("transform_job_completed_or_stopped").wait(
        TransformJobName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    job = batch.describe(name)
    assert batch.output(job) == {"a.out": b"x", "b/c.out": b"it"}
    assert job["CreationTime"] <= job["TransformStartTime"] <= job["TransformEndTime"]
    assert "FailureReason" not in job
    assert (job["ModelName"], job["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]) == (model, uri)
    assert batch.sagemaker.list_tags(ResourceArn=job["TransformJobArn"])["Tags"] == [{"Key": "k", "Value": "v"}]
    (listed,) = batch.sagemaker.list_transform_jobs(NameContains=name)["TransformJobSummaries"]
    assert (listed["TransformJobStatus"], listed["TransformEndTime"]) == ("Completed", job["TransformEndTime"])
    streams = streams_of(batch, name)
    assert [re.sub(r"i-[0-9a-f]{17}-\d{10}", "I", stream) for stream in streams] == [f"{name}/I", f"{name}/I/data-log"]
    assert "serving" in batch.lines(name)
    assert [line for line in batch.lines(name) if re.fullmatch(r"[-\dT:.]+:\[sagemaker logs\]: MaxConcurrent.*", line)]


def streams_of(batch: Batch, name: str) -> list[str]:
    found = batch.jobs.logs.describe_log_streams(
        logGroupName="/aws/sagemaker/TransformJobs", logStreamNamePrefix=f"{name}/"
    )
    return sorted(stream["logStreamName"] for stream in found["logStreams"])


def test_B01_the_container_is_told_what_was_asked(batch: Batch, model: str) -> None:
    plain = json.loads(batch.output(batch.run(model, batch.jobs.put(a=b"environment")))["a.out"])
    assert (plain["OWN"], plain["SAGEMAKER_BATCH"]) == ("model", "true")
    asked = ("SAGEMAKER_MAX_PAYLOAD_IN_MB", "SAGEMAKER_BATCH_STRATEGY", "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS")
    assert not set(asked) & set(plain)
    job = batch.run(
        model,
        batch.jobs.put(a=b"environment"),
        MaxPayloadInMB=5,
        MaxConcurrentTransforms=2,
        BatchStrategy="SingleRecord",
        Environment={"OWN": "job", "SAGEMAKER_BATCH": "no"},
    )
    told = json.loads(batch.output(job)["a.out"])
    assert [told[name] for name in ("OWN", "SAGEMAKER_BATCH", *asked)] == ["job", "true", "5", "SINGLE_RECORD", "2"]
    assert told["AWS_ENDPOINT_URL"].endswith(f":{batch.aws.port}")


def test_B10_objects_are_spread_over_the_instances(batch: Batch, model: str) -> None:
    uri = batch.jobs.put(**dict.fromkeys("abcd", b"environment"))
    job = batch.run(model, uri, InstanceCount=2)
    ports = {key: json.loads(body)["SAGEMAKER_BIND_TO_PORT"] for key, body in batch.output(job).items()}
    assert (ports["a.out"], ports["b.out"]) == (ports["c.out"], ports["d.out"])
    assert ports["a.out"] != ports["b.out"]
    assert len([stream for stream in streams_of(batch, job["TransformJobName"]) if stream.count("/") == 1]) == 2


def test_B12_gzip_is_unpacked_on_the_way(batch: Batch, model: str) -> None:
    job = batch.run(model, batch.jobs.put(**{"a.gz": gzip.compress(b"who")}), CompressionType="Gzip")
    assert batch.output(job) == {"a.gz.out": b"it"}


def test_a_manifest_names_the_objects(batch: Batch, model: str) -> None:
    uri = batch.jobs.put(a=b"1", b__c=b"2", d=b"3")
    manifest = batch.jobs.put(m=json.dumps([{"prefix": uri}, "d", "b/c"]).encode())
    job = batch.run(model, f"{manifest}m", S3DataType="ManifestFile")
    assert batch.output(job) == {"b/c.out": b"2", "d.out": b"3"}


def test_keys_that_no_folder_could_hold(batch: Batch, model: str) -> None:
    """Also such as begin with the prefix and do not lie below it."""
    uri = batch.jobs.put(a=b"1", a__b=b"2", **{"a__..": b"3"})
    job = batch.run(model, uri)
    assert job["TransformJobStatus"] == "Failed", job  # `..` is the name of no file
    assert batch.output(job) == {}
    job = batch.run(model, batch.jobs.put(a=b"1", a__b=b"2"))
    assert batch.output(job) == {"a.out": b"1", "a/b.out": b"2"}


def test_P01_a_pipeline_answers_as_one(batch: Batch) -> None:
    containers = [
        {"Image": batch.image, "ContainerHostname": host, "Environment": {"DOES": "append", "SAYS": host}}
        for host in ("first", "second")
    ]
    pipeline = batch.model_of(Containers=containers)
    job = batch.run(pipeline, batch.jobs.put(a=b"1", b=b"2"), ContentType="text/x-in", Accept="text/x-out")
    assert job["TransformJobStatus"] == "Completed", job
    assert batch.output(job)["b.out"] == b"2first(text/x-in,-)second(text/x-in,text/x-out)"
    assert {stream.rpartition("/")[2] for stream in streams_of(batch, job["TransformJobName"])} == {
        "first",
        "second",
        "data-log",
    }
    job = batch.run(pipeline, batch.jobs.put(a=b"refuse", b=b"2"), ContentType="text/x-in")
    assert job["FailureReason"] == "ClientError: a: the whole file: the container answered 400: first refuses"


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "no objects": ({"uri": f"s3://{BUCKET}/nothing/"}, "ValidationException", "No S3 objects found under S3 URL"),
    "no bucket": ({"uri": "s3://no-such-bucket/x"}, "ValidationException", "No S3 objects found .* no bucket"),
    "no model": ({"model": "nobody"}, "ValidationException", "Could not find model"),
    "an augmented manifest": (
        {"S3DataType": "AugmentedManifestFile"},
        "ValidationException",
        "S3Prefix or ManifestFile",
    ),
    "capture": ({"DataCaptureConfig": {"DestinationS3Uri": f"s3://{BUCKET}/x"}}, "NotImplemented", "DataCaptureConfig"),
    "a large payload": ({"MaxPayloadInMB": 101}, "ValidationException", "MaxPayloadInMB=101 is not .* 0 to 100"),
    "large payloads at once": (
        {"MaxPayloadInMB": 50, "MaxConcurrentTransforms": 3},
        "ValidationException",
        r"50 = 150 MB; at most 100 MB",
    ),
    "many retries": (
        {"ModelClientConfig": {"InvocationsMaxRetries": 4}},
        "ValidationException",
        "at 'modelClientConfig.invocationsMaxRetries' .*less than or equal to 3",
    ),
    "a long timeout": (
        {"ModelClientConfig": {"InvocationsTimeoutInSeconds": 3601}},
        "ValidationException",
        "less than or equal to 3600",
    ),
    "a filter that is none": (
        {"DataProcessing": {"InputFilter": "$[[]"}, **COLOURS},
        "ValidationException",
        r"InputFilter='\$\[\[\]'",
    ),
    "a join of what is not the same": (
        {"DataProcessing": {"JoinSource": "Input"}, **COLOURS, "Accept": "application/json"},
        "ValidationException",
        "Accept to be ContentType",
    ),
    "much in the environment": (
        {"Environment": {f"k{number}": "" for number in range(17)}},
        "ValidationException",
        "at 'environment' .*less than or equal to 16",
    ),
    "a type that is none": ({"InstanceType": "ml.m5.tiny"}, "ValidationException", "enum value set"),
    "an output that is not in S3": ({"S3OutputPath": "https://x/y"}, "ValidationException", "is not an S3 URI"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_aws_refuses_is_refused(batch: Batch, model: str, case: str) -> None:
    more, code, words = REFUSED[case]
    given = {"model": model, "uri": batch.jobs.put(a=b"1"), "TransformJobName": "refused", **more}
    with pytest.raises(ClientError) as raised:
        batch.start(**given)
    assert raised.value.response["Error"]["Code"] == code
    assert re.search(words, raised.value.response["Error"]["Message"])
    with pytest.raises(ClientError, match="Could not find requested job with name: refused"):
        batch.describe("refused")


MODELS: dict[str, tuple[dict[str, Any], str]] = {
    "many models": ({"Mode": "MultiModel", "ModelDataUrl": f"s3://{BUCKET}/models/"}, "does not serve"),
    "data as it lies": (
        {
            "ModelDataSource": {
                "S3DataSource": {"S3Uri": f"s3://{BUCKET}/models/", "S3DataType": "S3Prefix", "CompressionType": "None"}
            }
        },
        "no transform job takes",
    ),
}


@pytest.mark.parametrize("case", MODELS)
def test_H20_a_model_that_no_transform_job_takes(batch: Batch, case: str) -> None:
    container, words = MODELS[case]
    batch.jobs.s3.put_object(Bucket=BUCKET, Key="models/x", Body=b"")
    with pytest.raises(ClientError, match=words):
        batch.start(batch.model(**container), batch.jobs.put(a=b"1"))


def test_two_objects_with_one_answer_are_refused(batch: Batch, model: str) -> None:
    uri = batch.jobs.put(in__x=b"1", in__in2__x=b"2", in2__x=b"3")
    with pytest.raises(ClientError, match=r"would both be answered in in2/x\.out"):
        batch.start(model, f"{uri}in")


def test_a_name_is_given_once(batch: Batch, model: str) -> None:
    job = batch.run(model, uri := batch.jobs.put(a=b"1"))
    with pytest.raises(ClientError, match="with this name already exists") as raised:
        batch.start(model, uri, TransformJobName=job["TransformJobName"])
    assert raised.value.response["Error"]["Code"] == "ResourceInUse"
    with pytest.raises(ClientError, match="in status Completed"):
        batch.sagemaker.stop_transform_job(TransformJobName=job["TransformJobName"])
