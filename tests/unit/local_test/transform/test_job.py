from typing import Any

import pytest

from local_test.transform.job import InvalidJob, TransformJob

CSV = {"content_type": "text/csv", "accept": "text/csv", "split_type": "Line", "assemble_with": "Line"}


def test_takes_all_that_create_transform_job_says() -> None:
    request = {
        "TransformJobName": "j",
        "ModelName": "m",
        "MaxConcurrentTransforms": 4,
        "MaxPayloadInMB": 25,
        "BatchStrategy": "SingleRecord",
        "ModelClientConfig": {"InvocationsTimeoutInSeconds": 3600, "InvocationsMaxRetries": 0},
        "Environment": {"A": "b"},
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/k"}},
            "ContentType": "text/csv",
            "CompressionType": "Gzip",
            "SplitType": "Line",
        },
        "TransformOutput": {"S3OutputPath": "s3://b/o", "Accept": "text/csv", "AssembleWith": "Line"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        "DataProcessing": {"InputFilter": "$[1:]", "OutputFilter": "$[0,-1]", "JoinSource": "Input"},
    }
    assert TransformJob.of(request) == TransformJob(
        content_type="text/csv",
        accept="text/csv",
        split_type="Line",
        compression_type="Gzip",
        assemble_with="Line",
        batch_strategy="SingleRecord",
        max_payload_in_mb=25,
        max_concurrent_transforms=4,
        input_filter="$[1:]",
        output_filter="$[0,-1]",
        join_source="Input",
        invocations_timeout=3600,
        invocations_max_retries=0,
        environment={"A": "b"},
    )


def test_defaults_are_the_api_s() -> None:  # B-03, B-04, B-06, B-08
    job = TransformJob.of({"TransformInput": {}, "DataProcessing": {"InputFilter": ""}})
    assert job == TransformJob()
    assert (job.split_type, job.assemble_with, job.join_source) == ("None", "None", "None")
    assert (job.invocations_timeout, job.invocations_max_retries) == (600, 3)
    assert not job.processes_data


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"split_type": "line"}, "SplitType='line' is none of None, Line, RecordIO, TFRecord"),
        ({"split_type": []}, "SplitType=[] is none of"),
        ({"batch_strategy": "MULTI_RECORD"}, "BatchStrategy='MULTI_RECORD' is none of MultiRecord, SingleRecord"),
        ({"assemble_with": "RecordIO"}, "AssembleWith='RecordIO' is none of None, Line"),
        ({"compression_type": "gzip"}, "CompressionType='gzip' is none of None, Gzip"),
        ({"join_source": "input"}, "JoinSource='input' is none of None, Input"),
        ({"max_payload_in_mb": 101}, "MaxPayloadInMB=101 is not a whole number from 0 to 100"),
        ({"max_payload_in_mb": -1}, "MaxPayloadInMB=-1 is not"),
        ({"max_payload_in_mb": 1.5}, "MaxPayloadInMB=1.5 is not"),
        ({"max_payload_in_mb": True}, "MaxPayloadInMB=True is not"),
        ({"max_concurrent_transforms": -1}, "MaxConcurrentTransforms=-1 is not a whole number from 0"),
        ({"max_payload_in_mb": 26, "max_concurrent_transforms": 4}, "is 4 x 26 = 104 MB; at most 100 MB"),
        ({"invocations_timeout": 0}, "InvocationsTimeoutInSeconds=0 is not a whole number from 1 to 3600"),
        ({"invocations_timeout": 3601}, "InvocationsTimeoutInSeconds=3601 is not"),
        ({"invocations_max_retries": 4}, "InvocationsMaxRetries=4 is not a whole number from 0 to 3"),
        (
            {"environment": {f"A{n}": "" for n in range(17)}},
            "Environment has 17 entries; a transform job takes at most 16",
        ),
        ({"environment": {"1A": ""}}, "'1A' is no name"),
        ({"environment": {"A": 1}}, "the value of A is not a text"),
        ({"environment": {"A": "x" * 10241}}, "the value of A is not a text of at most 10240"),
        ({"environment": ["A"]}, "Environment is an object"),
        ({"content_type": "text/csv\r\nX: 1"}, "ContentType is one line of ASCII"),
        ({"accept": "é"}, "Accept is one line of ASCII"),
        ({"accept": "a" * 257}, "of at most 256 characters"),
        ({**CSV, "input_filter": "$['" + "a" * 59 + "']"}, "InputFilter has 64 characters; at most 63"),
        ({**CSV, "output_filter": "[0]"}, "OutputFilter='[0]': it has to begin with $"),
        ({**CSV, "input_filter": "$.a"}, "a row of CSV has no names"),
        ({**CSV, "input_filter": 1}, "InputFilter is a text"),
        ({**CSV, "join_source": "Input", "accept": "application/json"}, "Accept to be ContentType"),
        ({**CSV, "join_source": "Input", "accept": None}, "Accept to be ContentType: nothing is not text/csv"),
        (
            {**CSV, "join_source": "Input", "content_type": "text/plain"},
            "ContentType to be one of text/csv, application/json",
        ),
        ({**CSV, "join_source": "Input", "content_type": None}, "ContentType to be one of"),
        ({**CSV, "join_source": "Input", "assemble_with": "None"}, "here they are Line and None"),
        ({**CSV, "join_source": "Input", "split_type": "RecordIO"}, "here they are RecordIO and Line"),
        ({**CSV, "join_source": "Input", "split_type": "None", "assemble_with": "None"}, "text/csv needs SplitType"),
    ],
)
def test_refuses(given: dict[str, Any], sentence: str) -> None:  # B-03, B-08, B-09, C-11
    with pytest.raises(InvalidJob) as refusal:
        TransformJob(**given)
    assert sentence in str(refusal.value)


def test_takes_what_is_just_within() -> None:
    TransformJob(max_payload_in_mb=25, max_concurrent_transforms=4)
    TransformJob(max_payload_in_mb=0, max_concurrent_transforms=1000)
    TransformJob(environment={f"A{n}": "x" * 10240 for n in range(16)})
    TransformJob(
        content_type="text/csv; charset=utf-8",
        accept="text/csv",
        split_type="Line",
        assemble_with="Line",
        input_filter="$[" + "0," * 29 + "0]",
    )
    TransformJob(content_type="application/x-image", batch_strategy="SingleRecord")  # as in AWS's own examples


def test_a_section_that_is_no_object_is_named() -> None:
    with pytest.raises(InvalidJob, match="TransformInput is an object"):
        TransformJob.of({"TransformInput": ["text/csv"]})
