"""What the project's training jobs have left in S3."""

from collections.abc import Mapping
from typing import Any

from deploy.context import Context
from deploy.errors import DeployError
from deploy.kinds.sagemaker import TRAINING_JOB, TUNING_JOB


def latest(context: Context) -> str:
    """The S3 URI of the artifact of the training job that completed last; of a tuning job's, that of its best."""
    for summary in TRAINING_JOB.newest(context.aws, context.project):
        if summary["TrainingJobStatus"] != "Completed":
            continue
        found = TRAINING_JOB.describe(context.aws, summary["TrainingJobName"])
        if tuned := found.get("TuningJobArn"):
            best = _best(context, str(tuned).rpartition("/")[2])
            if best is None:  # it goes on: its best is not known yet
                continue
            found = TRAINING_JOB.describe(context.aws, best)
        if uri := of(found):
            return uri
    raise DeployError(
        f"no training job of {context.project} has completed in {context.aws.region}: `deploy train` first, or name an "
        f"artifact, s3://…/model.tar.gz"
    )


def of(training_job: Mapping[str, Any]) -> str:
    """Of a description; empty where there is none."""
    return str((training_job.get("ModelArtifacts") or {}).get("S3ModelArtifacts") or "")


def _best(context: Context, tuning_job: str) -> str | None:
    found = TUNING_JOB.describe(context.aws, tuning_job)
    if found["HyperParameterTuningJobStatus"] in ("InProgress", "Stopping"):
        return None
    return (found.get("BestTrainingJob") or {}).get("TrainingJobName")
