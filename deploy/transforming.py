"""What a batch transform job is asked for with, and which of its files came to nothing."""

import re
from typing import Any

from deploy import artifacts, images, logs, roles, uploads
from deploy.context import Context
from deploy.errors import DeployError
from deploy.kinds.sagemaker import MODEL
from deploy.kinds.storage import address
from deploy.sections import Transform

VARIABLES = 16  # C-11


def checked(transform: Transform) -> Transform:
    """Raises DeployError for what would be refused only after the upload."""
    if not transform.input:
        raise DeployError("what is to be transformed? --input FILE, FOLDER or s3://…, or input = under [transform]")
    if len(transform.transform_environment) > VARIABLES:
        raise DeployError(
            f"transform_environment has {len(transform.transform_environment)} entries: {VARIABLES} at most"
        )
    return transform


def model(context: Context, name: str, artifact: str) -> str:
    """Makes one of the artifact, or of that of the last training job; its name."""
    where = artifact or artifacts.latest(context)
    context.say(f"model {name} is made of {where}")
    context.maker.make(
        MODEL.name,
        name,
        PrimaryContainer={"Image": images.pushed(context), "ModelDataUrl": where},
        ExecutionRoleArn=roles.execution(context),
    )
    return name


def request(transform: Transform, model: str, source: str, output: str) -> dict[str, Any]:
    """For CreateTransformJob, but the name. A join needs the same type and cut on both sides (B-09), and gets them."""
    accept = transform.accept or (transform.content_type if transform.join_input else "")
    assemble = transform.assemble_with or (transform.split_type if transform.join_input else "")
    asked: dict[str, Any] = {
        "ModelName": model,
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": source}},
            "ContentType": transform.content_type,
            "SplitType": transform.split_type,
        },
        "TransformOutput": {
            "S3OutputPath": output.rstrip("/"),
            **({"Accept": accept} if accept else {}),
            **({"AssembleWith": assemble} if assemble else {}),
        },
        "TransformResources": {
            "InstanceType": transform.transform_instance_type,
            "InstanceCount": transform.transform_instance_count,
        },
        "MaxPayloadInMB": transform.max_payload_mb,
    }
    if transform.split_type != "None":
        asked["BatchStrategy"] = transform.batch_strategy
    if transform.max_concurrent:
        asked["MaxConcurrentTransforms"] = transform.max_concurrent
    if transform.transform_environment:
        asked["Environment"] = dict(transform.transform_environment)
    processing = {"InputFilter": transform.input_filter, "OutputFilter": transform.output_filter}
    processing = {key: value for key, value in processing.items() if value}
    if transform.join_input:
        processing["JoinSource"] = "Input"
    if processing:
        asked["DataProcessing"] = processing
    return asked


def source(context: Context, transform: Transform) -> str:
    return uploads.given(context, "input", transform.input)


class Failures:
    """Hears in SageMaker's own log, the data-log, which object failed, and why: the job's reason names one at most."""

    def __init__(self, source: str) -> None:
        bucket, _ = address(source)
        self._pattern = re.compile(rf"\[sagemaker logs\]: (?:s3://)?{re.escape(bucket)}/(.+?): (.+)")
        self.found: dict[str, list[str]] = {}

    def __call__(self, line: logs.Line) -> None:
        found = self._pattern.search(line.text) if line.host.endswith("data-log") else None
        if found and found[2] not in self.found.setdefault(found[1], []):
            self.found[found[1]].append(found[2])

    def __str__(self) -> str:
        return "".join(f"\n  {key}: {'; '.join(why)}" for key, why in sorted(self.found.items()))
