"""`deploy train`, `logs` and `stop` as processes, against the API on this machine."""

import signal
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.deploying import Deploying, Run
from tests.faulty import Fault, faulty
from tests.localaws import ROLE
from tests.server import ROOT

LOSS = {"loss": r"loss=(\S+)"}


def job_of(deploying: Deploying, name: str) -> dict[str, Any]:
    return deploying.client("sagemaker").describe_training_job(TrainingJobName=name)  # type: ignore[no-any-return]


def jobs_of(deploying: Deploying) -> list[str]:
    found = deploying.client("sagemaker").list_training_jobs(NameContains=deploying.project)
    return [each["TrainingJobName"] for each in found["TrainingJobSummaries"]]


def lines_of(run: Run, host: str = "algo-1") -> list[str]:
    return [line.partition(" | ")[2].rstrip("\n") for line in run.err if line.startswith(f"{host} | ")]


# train


def test_a_job_from_a_folder_to_its_artifact(deploying: Deploying) -> None:
    deploying.write(
        train={
            "channels": {"train": "data"},
            "channel_types": {"train": "text/csv"},
            "hyperparameters": {"do": "report", "depth": 3},
            "metrics": LOSS,
            "sharded": ("train",),
            "train_environment": {"OWN": "mine"},
            "max_seconds": 600,
        }
    )
    run = deploying.run("train", "--json")
    result = run.json
    assert (result["status"], result["metrics"]) == ("Completed", {"loss": 0.25})
    assert {"seconds", "billable_seconds"} <= set(result)
    assert lines_of(run) == ["begun", "loss=0.5", "loss=0.25", "loss=none"]
    assert [line for line in run.err if line.startswith("metric")] == [
        "metric loss = 0.5 (algo-1)\n",
        "metric loss = 0.25 (algo-1)\n",
    ]
    steps = ("Starting", "Downloading", "Training", "Uploading", "Completed")
    said = [line.split(": ")[1].strip() for line in run.err if line.startswith(f"{result['job']}: ")]
    assert said == list(steps)
    job = job_of(deploying, result["job"])
    assert job["HyperParameters"] == {"do": "report", "depth": "3"}
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 600}
    assert (job["ResourceConfig"]["InstanceCount"], job["Environment"]) == (1, {"OWN": "mine"})
    (channel,) = job["InputDataConfig"]
    source = channel["DataSource"]["S3DataSource"]
    assert (channel["ContentType"], source["S3DataDistributionType"]) == ("text/csv", "ShardedByS3Key")
    assert deploying.objects(source["S3Uri"]) == {"a.csv": b"1,2\n", "deep/b.csv": b"3,4\n"}
    outputs = f"s3://tiffin-{deploying.project}-123456789012-us-east-1/tiffin/{deploying.project}/jobs/{result['job']}/"
    assert result["artifact"] == f"{outputs}{result['job']}/output/model.tar.gz"
    assert deploying.made.index(("objects", outputs)) < deploying.made.index(("training job", result["job"]))
    tags = deploying.client("sagemaker").list_tags(ResourceArn=job["TrainingJobArn"])["Tags"]
    assert {"Key": "tiffin:project", "Value": deploying.project} in tags


def test_data_that_has_changed_goes_where_no_earlier_job_looks(deploying: Deploying) -> None:
    deploying.write(train={"channels": {"train": "data"}, "hyperparameters": {"do": "report"}})
    first = deploying.run("train", "--no-wait", "--name", f"{deploying.project}-1").stdout.strip()
    (deploying.folder / "data" / "a.csv").unlink()
    deploying.run("train", "--no-wait", "--name", f"{deploying.project}-2")
    channels = [
        job_of(deploying, name)["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"]
        for name in (first, f"{deploying.project}-2")
    ]
    assert [set(deploying.objects(uri)) for uri in channels] == [{"a.csv", "deep/b.csv"}, {"deep/b.csv"}]


def test_spot_comes_with_checkpoints_and_a_longer_wait(deploying: Deploying) -> None:
    deploying.write(train={"hyperparameters": {"do": "report"}, "spot": True, "max_seconds": 100})
    name = deploying.run("train", "--no-wait").stdout.strip()
    job = job_of(deploying, name)
    assert job["EnableManagedSpotTraining"]
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 100, "MaxWaitTimeInSeconds": 200}
    assert job["CheckpointConfig"]["S3Uri"].endswith(f"/jobs/{name}/checkpoints/")


def test_a_job_that_fails_says_why_and_shows_its_last_lines(deploying: Deploying) -> None:
    run = deploying.run("train", "--json", "--hyperparameters", "do=unheard_of", code=1)
    assert run.json["status"] == "Failed"
    assert "AlgorithmError" in run.json["failure_reason"]
    failure = run.said.partition("deploy: ")[2]
    assert f"training job {run.json['job']}: Failed: AlgorithmError" in failure
    assert "last of algo-1:" in failure
    assert "KeyError: 'unheard_of'" in failure


def test_a_job_that_takes_too_long_is_not_taken_for_complete(deploying: Deploying) -> None:
    said = deploying.run("train", "--hyperparameters", "do=wait", "--max-seconds", "1", code=1).said
    assert "Stopped: MaxRuntimeExceeded" in said
    assert "what it had until then: s3://" in said


def test_ctrl_c_leaves_the_job_and_says_how_to_stop_it(deploying: Deploying) -> None:
    with deploying.start("train", "--hyperparameters", "do=wait") as run:
        run.wait_for("algo-1 | waiting")
        run.process.send_signal(signal.SIGINT)
        assert run.end() == 130
    (name,) = jobs_of(deploying)
    assert f"training job {name} goes on. To stop it: deploy stop {name}" in run.said
    assert job_of(deploying, name)["TrainingJobStatus"] == "InProgress"
    with deploying.start("logs", "--follow") as run:
        run.wait_for(name)
        deploying.run("stop", name)
        assert run.end() == 0
    assert run.stdout == "algo-1 | waiting\n"
    assert f"training job {name}: Stopped" in run.said
    assert "has ended already: Stopped" in deploying.run("stop", name).said


def test_a_job_that_somebody_stops_ends_the_command_with_1(deploying: Deploying) -> None:
    with deploying.start("train", "--hyperparameters", "do=wait") as run:
        run.wait_for("algo-1 | waiting")
        deploying.run("stop", *jobs_of(deploying))
        assert run.end() == 1
    assert "Stopped" in run.said


def test_somebody_elses_job_is_not_stopped(deploying: Deploying, tmp_path: Path) -> None:
    name = deploying.run("train", "--no-wait", "--hyperparameters", "do=wait").stdout.strip()
    said = deploying.run("stop", name, "--project", "others", code=1).said
    assert "has no tag tiffin:project=others: it is left alone" in said
    assert job_of(deploying, name)["TrainingJobStatus"] == "InProgress"
    assert "nothing is named none-such" in deploying.run("stop", "none-such", code=1).said
    deploying.run("destroy", "--yes")
    assert job_of(deploying, name)["TrainingJobStatus"] == "Stopped"


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("no local path", {"channels": {"train": "nowhere"}}, "there is no file or folder nowhere"),
    ("name", {"channels": {"a b": "data"}}, "'a b' is no channel's name"),
    ("type", {"channels": {"train": "data"}, "channel_types": {"test": "text/csv"}},
     "channel_types: test is none of [train] channels; there are train"),
    ("mode", {"channels": {"train": "data"}, "channel_modes": {"train": "Fast"}}, "train=Fast is none of File"),
    ("sharded", {"sharded": ("train",)}, "sharded: train is none of [train] channels; there are none"),
    ("regex", {"metrics": {"loss": "("}}, "the regex of loss, '(', cannot be used"),
    ("group", {"metrics": {"loss": "loss=.*"}}, "loss=loss=.* has no group"),
    ("wait", {"spot": True, "max_wait_seconds": 60}, "max_wait_seconds, 60, counts the run too"),
    ("wait without spot", {"max_wait_seconds": 7200}, "is for spot instances: --spot"),
]  # fmt: skip


@pytest.mark.parametrize(("train", "words"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_bad_setting_is_named_before_anything_is_sent(
    deploying: Deploying, train: dict[str, Any], words: str
) -> None:
    deploying.write(train=train)
    assert words in deploying.run("train", code=1).said
    assert deploying.ledger == []


def test_what_is_missing_at_aws_is_named_with_the_command_that_makes_it(deploying: Deploying) -> None:
    deploying.write(train={"channels": {"train": "data"}}, account={"role": ""})
    assert (
        f"there is no role {deploying.project}-execution-us-east-1: `deploy role` makes one"
        in deploying.run("train", code=1).said
    )
    deploying.write(train={"channels": {"train": "data"}}, image={"image_uri": ""})
    assert "`deploy push` first, or name one with --image-uri" in deploying.run("train", code=1).said
    assert deploying.ledger == []
    deploying.write(train={"channels": {"train": "s3://none-of-ours/x"}})
    assert "no bucket 'none-of-ours'" in deploying.run("train", code=1).said


def test_a_name_that_is_taken_is_refused(deploying: Deploying) -> None:
    name = f"{deploying.project}-once"
    deploying.run("train", "--name", name, "--no-wait", "--hyperparameters", "do=report")
    said = deploying.run("train", "--name", name, "--no-wait", code=1).said
    assert f"{name} is taken in us-east-1 by another training job" in said


def test_a_name_by_which_it_would_not_be_found_is_refused(deploying: Deploying) -> None:
    (deploying.folder / "data").mkdir(exist_ok=True)
    for command in (("train",), ("transform", "--input", "data"), ("tune",)):
        said = deploying.run(*command, "--name", "nightly", code=1).said
        assert f"'nightly' does not begin with the project's: {deploying.project}-nightly would be found" in said
    assert deploying.ledger == []


def test_a_dry_run_of_a_job_says_the_calls_and_makes_none(deploying: Deploying) -> None:
    deploying.write(train={"channels": {"train": "data"}, "hyperparameters": {"do": "report"}})
    calls = deploying.run("train", "--dry-run").calls
    assert [call["operation"] for call in calls].count("CreateBucket") == 1
    assert calls[-1]["operation"] == "CreateTrainingJob"
    assert calls[-1]["parameters"]["RoleArn"] == ROLE
    assert jobs_of(deploying) == []
    assert deploying.ledger == []


def test_a_quota_is_said_with_what_to_do(deploying: Deploying) -> None:
    text = (
        "The account-level service limit 'ml.m5.large for training job usage' is 0 Instances, with current utilization "
        "of 0 Instances and a request delta of 1 Instances."
    )
    rule = Fault("CreateTrainingJob", 400, "ResourceLimitExceeded", text)
    with faulty(deploying.aws.port, rule) as faults:
        deploying.endpoint = faults.url
        said = deploying.run("train", code=1).said
    assert "the account's quota 'ml.m5.large for training job usage' is used up in us-east-1" in said
    assert rule.met == 1


def test_a_wait_outlasts_throttling_and_a_fault_of_aws(deploying: Deploying) -> None:
    """More often than one call is tried again by the client itself."""
    throttled = Fault("DescribeTrainingJob", 400, "ThrottlingException", "Rate exceeded", times=7)
    failing = Fault("GetLogEvents", 503, "ServiceUnavailableException", times=6)
    with faulty(deploying.aws.port, throttled, failing) as faults:
        deploying.endpoint = faults.url
        run = deploying.run("train", "--hyperparameters", "do=report")
    assert (throttled.met, failing.met) == (7, 6)
    assert "AWS does not answer for now, and the job goes on: DescribeTrainingJob: ThrottlingException" in run.said
    assert lines_of(run) == ["begun", "loss=0.5", "loss=0.25", "loss=none"]
    assert run.stdout.strip().endswith("/output/model.tar.gz")


def test_a_user_who_may_not_read_logs_still_waits(deploying: Deploying) -> None:
    text = "User: me is not authorized to perform: logs:DescribeLogStreams on resource: arn:x"
    rule = Fault("DescribeLogStreams", 400, "AccessDeniedException", text)
    with faulty(deploying.aws.port, rule) as faults:
        deploying.endpoint = faults.url
        run = deploying.run("train", "--hyperparameters", "do=report")
    assert run.said.count("its lines cannot be shown: ") == 1
    assert "lacks logs:DescribeLogStreams on arn:x" in run.said
    assert run.stdout.strip().endswith("/output/model.tar.gz")


def test_a_spot_job_that_loses_its_instances_goes_on_from_its_checkpoints(deploying: Deploying) -> None:
    with deploying.start("train", "--spot", "--hyperparameters", "do=wait") as run:
        run.wait_for("algo-1 | waiting")
        (name,) = jobs_of(deploying)
        address = f"{deploying.aws.variables['AWS_ENDPOINT_URL']}/local/training-jobs/{name}/interrupt"
        with urllib.request.urlopen(urllib.request.Request(address, method="POST"), timeout=60) as answer:
            assert answer.status == 202
        assert run.end() == 0, run.said
    assert f"{name}: Interrupted" in run.said
    assert (
        deploying.client("s3")
        .get_object(
            Bucket=f"tiffin-{deploying.project}-123456789012-us-east-1",
            Key=f"tiffin/{deploying.project}/jobs/{name}/checkpoints/epoch",
        )["Body"]
        .read()
        == b"7"
    )


def test_ctrl_c_on_a_terminal_asks_whether_to_stop_the_job(deploying: Deploying) -> None:
    with deploying.terminal("train", "--hyperparameters", "do=wait") as screen:
        screen.wait_for("algo-1 | waiting")
        screen.type("\x03")
        screen.wait_for("stop it now? [y/N]")
        screen.type("y\n")
        assert screen.end() == 130
    assert "is being stopped" in screen.said
    (name,) = jobs_of(deploying)
    deploying.wait(lambda: job_of(deploying, name)["TrainingJobStatus"] == "Stopped", "stopped job")


def test_credentials_that_expire_leave_the_job(deploying: Deploying) -> None:
    rule = Fault("DescribeTrainingJob", 400, "ExpiredTokenException", "The security token is expired")
    with faulty(deploying.aws.port, rule) as faults:
        deploying.endpoint = faults.url
        said = deploying.run("train", "--hyperparameters", "do=report", code=1).said
    assert "the job goes on, unwatched" in said
    assert "sign in again" in said


# logs


def test_logs_of_the_last_job_or_of_a_named_one(deploying: Deploying) -> None:
    said = deploying.run("logs", code=1).said
    assert f"{deploying.project} has no job in us-east-1 yet" in said
    first = f"{deploying.project}-first"
    deploying.run("train", "--name", first, "--hyperparameters", "do=report")
    deploying.run("train", "--hyperparameters", "do=unheard_of", code=1)
    assert "KeyError" in deploying.run("logs").stdout
    assert deploying.run("logs", first).stdout.splitlines()[0] == "algo-1 | begun"
    assert deploying.run("logs", first, "--since", "3d").stdout.splitlines()[0] == "algo-1 | begun"
    piped = deploying.shell(f"{sys.executable} -m deploy logs {first} | true")
    assert (piped.returncode, piped.stderr) == (0, "")
    assert "is no span of time" in deploying.run("logs", "--since", "yesterday", code=1).said
    assert "nothing is named none-such" in deploying.run("logs", "none-such", code=1).said


def test_logs_of_an_endpoint(deploying: Deploying) -> None:
    from tests.awshosting import Hosting

    hosting = Hosting(deploying.aws)
    endpoint = hosting.serve(hosting.variant(hosting.model()))
    lines = [line for each in hosting.lines(endpoint).values() for line in each]
    shown = deploying.run("logs", endpoint).stdout.splitlines()
    assert [line.partition(" | ")[2] for line in shown] == lines
    assert shown[0].startswith("main/")
    with deploying.start("logs", endpoint, "--follow") as run:
        run.wait_for(shown[0], of=run.out)
        run.process.send_signal(signal.SIGINT)
        assert run.end() == 130
    assert f"endpoint {endpoint} is left as it is" in run.said


def test_the_colour_classifier_is_trained_at_the_prompt(deploying: Deploying) -> None:
    deploying.write(
        image={"image_uri": "tiffin:0.1.0-colour"},
        train={
            "channels": {"train": str(ROOT / "model" / "data" / "colours.csv")},
            "hyperparameters": {"algorithm": "tree"},
            "metrics": {"accuracy": r"test_accuracy=([0-9.]+)"},
        },
    )
    result = deploying.run("train", "--json").json
    assert result["metrics"]["accuracy"] > 0.7
