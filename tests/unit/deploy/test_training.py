"""Metrics heard in lines, and what a job has come to."""

import argparse

import pytest

from deploy.context import Context
from deploy.logs import Line
from deploy.training import Ear, result


def test_metrics_are_heard_as_aws_hears_them(capsys: pytest.CaptureFixture[str]) -> None:
    ear = Ear(Context(argparse.Namespace()), {"loss": r"loss=(\S+)", "acc": r"acc: ([0-9.]+)"})
    for text in ("loss=0.5", "epoch 2 loss=0.25 acc: 0.75", "loss=none", "loss=nan", "nothing"):
        ear(Line("algo-1", 0, text))
    assert ear.last == {"loss": 0.25, "acc": 0.75}
    assert capsys.readouterr().err.splitlines() == [
        "metric loss = 0.5 (algo-1)",
        "metric loss = 0.25 (algo-1)",
        "metric acc = 0.75 (algo-1)",
        "metric loss = nan (algo-1)",
    ]


def test_aws_has_the_last_word_on_a_metric_that_it_tells() -> None:
    found = {
        "TrainingJobStatus": "Completed",
        "FinalMetricDataList": [{"MetricName": "loss", "Value": 0.2}],
        "ModelArtifacts": {"S3ModelArtifacts": "s3://b/model.tar.gz"},
        "BillableTimeInSeconds": 7,
    }
    assert result("job", found, {"loss": 0.25, "acc": 0.75}) == {
        "job": "job",
        "status": "Completed",
        "artifact": "s3://b/model.tar.gz",
        "billable_seconds": 7,
        "metrics": {"loss": 0.2, "acc": 0.75},
    }


def test_what_a_job_does_not_have_is_left_out() -> None:
    assert result("job", {"TrainingJobStatus": "Failed", "FailureReason": "x"}, {}) == {
        "job": "job",
        "status": "Failed",
        "failure_reason": "x",
        "metrics": {},
    }
