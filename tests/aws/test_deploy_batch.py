"""`deploy transform` and `deploy tune` as processes, against the API on this machine."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.awsbatch import Batch
from tests.deploying import Deploying
from tests.localaws import LocalAws
from tests.server import ROOT

TUNE = {"objective": "loss", "goal": "Minimize", "strategy": "Grid", "ranges": {"do": "report,fail"}}
TRAIN = {"hyperparameters": {"do": "report", "depth": "3"}, "metrics": {"loss": r"loss=(\S+)"}}


@pytest.fixture(scope="module")
def trained(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deploying]:
    """A project with a training job that has completed."""
    made = Deploying(aws, tmp_path_factory.mktemp("trained"))
    made.write(train=TRAIN)
    made.artifact = made.run("train").stdout.strip()
    yield made
    made.run("destroy", "--yes")


@pytest.fixture
def files(trained: Deploying, tmp_path: Path) -> Path:
    trained.write(train=TRAIN)
    for name, body in {"a": "one\ntwo\n", "deep/b": "three"}.items():
        file = tmp_path / "in" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(body)
    return tmp_path / "in"


def transform_job(deploying: Deploying) -> dict[str, Any]:
    """The last."""
    sagemaker = deploying.client("sagemaker")
    found = sagemaker.list_transform_jobs(NameContains=deploying.project, SortBy="CreationTime")
    name = found["TransformJobSummaries"][0]["TransformJobName"]
    return sagemaker.describe_transform_job(TransformJobName=name)  # type: ignore[no-any-return]


# transform


def test_a_folder_goes_through_the_last_artifact_and_comes_back(
    trained: Deploying, files: Path, tmp_path: Path
) -> None:
    run = trained.run("transform", "--input", str(files), "--output", str(tmp_path / "out"))
    assert sorted(run.stdout.split()) == [str(tmp_path / "out" / each) for each in ("a.out", "deep/b.out")]
    assert (tmp_path / "out" / "a.out").read_text() == "one\ntwo\n"
    assert (tmp_path / "out" / "deep" / "b.out").read_text() == "three"
    job = transform_job(trained)
    model = trained.client("sagemaker").describe_model(ModelName=job["ModelName"])
    assert model["PrimaryContainer"]["ModelDataUrl"] == trained.artifact
    assert f"made of {trained.artifact}" in run.said
    assert {("model", job["ModelName"]), ("transform job", job["TransformJobName"])} <= set(trained.made)
    assert ("objects", f"{job['TransformOutput']['S3OutputPath']}/") in trained.made
    assert "data-log | " in run.said


def test_every_setting_is_passed_on_and_a_join_gets_what_it_needs(trained: Deploying, files: Path) -> None:
    trained.write(
        train=TRAIN,
        transform={
            "join_input": True,
            "input_filter": "$[0]",
            "max_concurrent": 2,
            "max_payload_mb": 1,
            "batch_strategy": "SingleRecord",
            "transform_environment": {"OWN": "mine"},
        },
    )
    uri = trained.run("transform", "--input", str(files / "a")).stdout.strip()
    job = transform_job(trained)
    assert uri == f"{job['TransformOutput']['S3OutputPath']}/"
    assert (job["TransformOutput"]["Accept"], job["TransformOutput"]["AssembleWith"]) == ("text/csv", "Line")
    assert job["DataProcessing"] == {"InputFilter": "$[0]", "JoinSource": "Input"}
    assert (job["MaxConcurrentTransforms"], job["MaxPayloadInMB"], job["BatchStrategy"]) == (2, 1, "SingleRecord")
    assert job["Environment"] == {"OWN": "mine"}


def test_files_that_fail_are_named_and_the_others_come(trained: Deploying, files: Path, tmp_path: Path) -> None:
    """B-07."""
    (files / "bad").write_text("refuse")
    (files / "worse").write_text("fault")
    arguments = ("--input", str(files), "--split-type", "None", "--output", str(tmp_path / "out"))
    run = trained.run("transform", *arguments, code=1)
    assert sorted(Path(each).name for each in run.stdout.split()) == ["a.out", "b.out"]
    failure = run.said.partition("deploy: ")[2]
    assert "Failed: " in failure
    for key, why in {"bad": "400", "worse": "500"}.items():
        assert [line for line in failure.splitlines() if f"/{key}: " in line and why in line], failure


def test_a_model_that_never_serves_shows_its_last_lines(trained: Deploying, files: Path) -> None:
    model = Batch(trained.aws).model({"DOES": "end"})
    failure = trained.run("transform", "--input", str(files), "--model", model, code=1).said.partition("deploy: ")[2]
    assert "AlgorithmError" in failure
    assert "no model here" in failure.partition("  last of ")[2]


def test_what_is_not_there_is_refused_before_anything_is_made(trained: Deploying, files: Path) -> None:
    before = trained.ledger
    assert "--input FILE, FOLDER or s3://" in trained.run("transform", code=1).said
    assert "there is no file or folder none" in trained.run("transform", "--input", "none", code=1).said
    said = trained.run("transform", "--input", str(files), "--model", "none-such", code=1).said
    assert "there is no model none-such in us-east-1" in said
    said = trained.run("transform", "--input", str(files), "--output", str(files / "a"), code=1).said
    assert f"{files / 'a'} is no folder" in said
    assert trained.ledger == before
    said = trained.run("transform", "--input", str(files), "--project", f"{trained.project}-x", code=1).said
    assert f"no training job of {trained.project}-x has completed" in said


def test_a_dry_run_of_a_transform_reads_and_makes_nothing(trained: Deploying, files: Path) -> None:
    before = trained.ledger
    calls = trained.run("transform", "--input", str(files), "--dry-run").calls
    assert [call["operation"] for call in calls][-2:] == ["CreateModel", "CreateTransformJob"]
    assert calls[-1]["parameters"]["ModelName"] == calls[-2]["parameters"]["ModelName"]
    assert trained.ledger == before


def test_the_colour_classifier_answers_a_batch(aws: LocalAws, tmp_path: Path) -> None:
    """What a user does: the shipped colours, the image by its tag, a batch of the model that came out."""
    deploying = Deploying(aws, tmp_path)
    colours = str(ROOT / "model" / "data" / "colours.csv")
    train = {"channels": {"train": colours}, "hyperparameters": {"algorithm": "tree"}}
    deploying.write(image={"image_uri": "tiffin:0.1.0-colour"}, train=train)
    deploying.run("train")
    (tmp_path / "day.csv").write_text("255,0,0\n0,0,255\n")
    (out,) = deploying.run("transform", "--input", "day.csv", "--output", "answers").stdout.split()
    assert (tmp_path / out).read_text().split() == ["red", "blue"]
    deploying.run("destroy", "--yes")


# tune


def test_a_grid_is_tried_and_its_best_is_the_latest_artifact(aws: LocalAws, tmp_path: Path) -> None:
    deploying = Deploying(aws, tmp_path)
    deploying.write(train=TRAIN, tune=TUNE)
    run = deploying.run("tune", "--json")
    result = run.json
    assert (result["status"], result["best"]["value"]) == ("Completed", 0.25)
    assert result["best"]["hyperparameters"] == {"do": "report"}
    assert [(each["status"], each["value"]) for each in result["trials"]] == [("Completed", 0.25), ("Failed", None)]
    assert [line for line in run.err if result["best"]["job"] in line and "0.25  do=report" in line]
    sagemaker = deploying.client("sagemaker")
    tuning = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=result["job"])
    assert tuning["TrainingJobDefinition"]["StaticHyperParameters"] == {"depth": "3"}
    assert "MaxNumberOfTrainingJobs" not in tuning["HyperParameterTuningJobConfig"]["ResourceLimits"]
    best = sagemaker.describe_training_job(TrainingJobName=result["best"]["job"])
    assert result["artifact"] == best["ModelArtifacts"]["S3ModelArtifacts"]
    tags = {each["Key"]: each["Value"] for each in sagemaker.list_tags(ResourceArn=best["TrainingJobArn"])["Tags"]}
    assert tags["tiffin:project"] == deploying.project
    (tmp_path / "x").write_text("x")
    calls = deploying.run("transform", "--input", "x", "--dry-run").calls
    (model,) = [call["parameters"] for call in calls if call["operation"] == "CreateModel"]
    assert model["PrimaryContainer"]["ModelDataUrl"] == result["artifact"]
    assert deploying.run("logs", result["best"]["job"]).stdout.splitlines()[0] == "algo-1 | begun"
    deploying.run("destroy", "--yes")
    streams = deploying.client("logs").describe_log_streams(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{result['job']}-"
    )
    assert streams["logStreams"] == []


def test_numbers_are_tried_at_random(aws: LocalAws, tmp_path: Path) -> None:
    """Of a project whose name is as long as it may be: a tuning job's has 32 characters in all."""
    deploying = Deploying(aws, tmp_path, f"p{uuid.uuid4().hex[:31]}")
    ranges = {"depth": "2..9", "rate": "1e-4..1e-1:log", "do": "report"}
    deploying.write(train=TRAIN, tune=TUNE | {"strategy": "Random", "ranges": ranges, "max_jobs": 3})
    name = deploying.run("tune", "--no-wait").stdout.strip()
    tuning = deploying.client("sagemaker").describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    assert tuning["HyperParameterTuningJobConfig"]["ParameterRanges"] == {
        "IntegerParameterRanges": [{"Name": "depth", "MinValue": "2", "MaxValue": "9", "ScalingType": "Auto"}],
        "ContinuousParameterRanges": [
            {"Name": "rate", "MinValue": "1e-4", "MaxValue": "1e-1", "ScalingType": "Logarithmic"}
        ],
        "CategoricalParameterRanges": [{"Name": "do", "Values": ["report"]}],
    }
    assert len(name) == 32
    limits = tuning["HyperParameterTuningJobConfig"]["ResourceLimits"]
    assert limits["MaxNumberOfTrainingJobs"] == 3
    deploying.run("destroy", "--yes")


def test_a_tuning_job_without_a_value_has_no_best(aws: LocalAws, tmp_path: Path) -> None:
    deploying = Deploying(aws, tmp_path)
    deploying.write(train=TRAIN, tune=TUNE | {"ranges": {"do": "fail"}})
    run = deploying.run("tune", "--json", code=1)
    assert (run.json["status"], run.json["best"]) == ("Failed", None)
    assert "All training jobs failed" in run.said
    assert "AlgorithmError: the cause" in run.said


def test_a_strategy_is_passed_on_and_what_is_only_at_aws_is_said(aws: LocalAws, tmp_path: Path) -> None:
    deploying = Deploying(aws, tmp_path)
    deploying.write(train=TRAIN, tune=TUNE)
    said = deploying.run("tune", "--strategy", "Bayesian", code=1).said
    assert "the strategy Bayesian" in said
    assert "the API on this machine does not have that; AWS's does" in said
    calls = deploying.run("tune", "--strategy", "Hyperband", "--dry-run").calls
    assert calls[-1]["parameters"]["HyperParameterTuningJobConfig"]["Strategy"] == "Hyperband"


def test_an_objective_has_to_be_measured(aws: LocalAws, tmp_path: Path) -> None:
    deploying = Deploying(aws, tmp_path)
    deploying.write(train=TRAIN, tune=TUNE | {"objective": "accuracy"})
    assert "the objective 'accuracy' is none of [train] metrics; there are loss" in deploying.run("tune", code=1).said
    assert deploying.ledger == []


ORGANIZATION = (
    *("--kms-key", "alias/ours", "--subnets", "subnet-1", "--security-groups", "sg-1", "--network-isolation"),
    "--dry-run",
)


def test_what_an_organization_asks_is_in_every_call(aws: LocalAws, tmp_path: Path) -> None:
    deploying = Deploying(aws, tmp_path)
    (tmp_path / "data").write_text("1,2\n")
    deploying.write(train=TRAIN | {"channels": {"train": "data"}}, tune=TUNE)
    for command in ("train", "tune"):
        calls = deploying.run(command, *ORGANIZATION).calls
        puts = [call["parameters"] for call in calls if call["operation"] == "PutObject"]
        assert {(put["ServerSideEncryption"], put["SSEKMSKeyId"]) for put in puts} == {("aws:kms", "alias/ours")}
        job = calls[-1]["parameters"]
        job = job.get("TrainingJobDefinition", job)
        assert job["VpcConfig"] == {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
        assert job["OutputDataConfig"]["KmsKeyId"] == job["ResourceConfig"]["VolumeKmsKeyId"] == "alias/ours"
        assert job["EnableNetworkIsolation"]
    (tmp_path / "large.csv").write_text("73,84,116\n" * 20_000)
    calls = deploying.run("invoke", "--async", "large.csv", *ORGANIZATION).calls
    (put,) = (call["parameters"] for call in calls if call["operation"] == "PutObject")
    assert (put["ServerSideEncryption"], put["SSEKMSKeyId"]) == ("aws:kms", "alias/ours")
