"""Training jobs when the API itself ends, by a signal or a kill: nothing is left running, nothing accepted is lost."""

import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.awsjobs import Jobs
from tests.localaws import has_ended, up
from tests.server import PATIENCE


def test_a_restart_knows_jobs_and_ends_what_was_lost(state: Path) -> None:
    with up(state, "--no-docker") as api:
        jobs = Jobs(api)
        done, deleted = jobs.run(), jobs.run()
        jobs.sagemaker.delete_training_job(TrainingJobName=deleted["TrainingJobName"])
        name = jobs.start("stubborn")
        jobs.wait_for_line(name, "waiting")
        lines = jobs.lines(done["TrainingJobName"])
        assert "begun" in lines
        child = api.child()
        api.process.kill()
        api.process.wait(PATIENCE)
    with up(state, "--no-docker") as api:
        assert has_ended(child)
        sagemaker = api.client("sagemaker")
        again = sagemaker.describe_training_job(TrainingJobName=done["TrainingJobName"])
        assert {**again, "ResponseMetadata": None} == {**done, "ResponseMetadata": None}
        lost = sagemaker.describe_training_job(TrainingJobName=name)
        assert (lost["TrainingJobStatus"], lost["SecondaryStatus"]) == ("Failed", "Failed")
        assert "`local_test up` ended while the job ran" in lost["FailureReason"]
        assert len(sagemaker.list_training_jobs()["TrainingJobSummaries"]) == 2
        assert replace(jobs, aws=api).lines(done["TrainingJobName"]) == lines
        assert "warning" not in api.log


@pytest.mark.parametrize("do", ["wait", "stubborn"])
def test_the_end_of_the_api_ends_its_jobs(state: Path, do: str) -> None:
    """Also those that do not listen to SIGTERM, and within a bounded time."""
    with up(state, "--no-docker") as api:
        jobs = Jobs(api)
        name = jobs.start(do, CheckpointConfig={"S3Uri": jobs.put()})
        jobs.wait_for_line(name, "waiting")
        child = api.child()
        begun = time.monotonic()
        assert api.stop(signal.SIGINT) == 0
        assert time.monotonic() - begun < 20
        assert has_ended(child)
    with up(state, "--no-docker") as api:
        job = api.client("sagemaker").describe_training_job(TrainingJobName=name)
        assert job["TrainingJobStatus"] == "Failed"
        assert "`local_test up` ended while the job ran" in job["FailureReason"]


def test_T35_the_grace_of_a_stop_is_adjustable(state: Path) -> None:
    with up(state, "--no-docker", TIFFIN_LOCAL_STOP_GRACE_TRAIN="0.5") as api:
        jobs = Jobs(api)
        name = jobs.start("stubborn")
        jobs.wait_for_line(name, "waiting")
        asked = time.monotonic()
        jobs.sagemaker.stop_training_job(TrainingJobName=name)
        assert jobs.ended(name)["TrainingJobStatus"] == "Stopped"
        assert time.monotonic() - asked < PATIENCE < 120
