"""Transform jobs as a client of AWS asks for them, of a model of somebody else's program, and waits for them."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from local_test.engine.archive import pack
from tests.awsjobs import BUCKET, PATIENCE, Jobs
from tests.localaws import ROLE, LocalAws
from tests.runs import PROGRAM

GROUP = "/aws/sagemaker/TransformJobs"


@dataclass
class Batch:
    """`image` is the program of tests/cases/program: an object's bytes say what it does with them."""

    aws: LocalAws
    image: str = str(PROGRAM)

    @cached_property
    def jobs(self) -> Jobs:
        return Jobs(self.aws)

    @property
    def sagemaker(self) -> Any:
        return self.jobs.sagemaker

    def model(self, environment: Mapping[str, str] | None = None, *, data: Path | None = None, **more: Any) -> str:
        """`data`: a folder of the model's files."""
        container = {"Image": self.image, "Environment": dict(environment or {}), **more}
        if data is not None:
            archive = data.with_name(f"{uuid.uuid4().hex}.tar.gz")
            pack([data], archive)
            container["ModelDataUrl"] = f"{self.jobs.put(**{'model.tar.gz': archive.read_bytes()})}model.tar.gz"
        return self.model_of(PrimaryContainer=container)

    def model_of(self, **request: Any) -> str:
        name = f"model-{uuid.uuid4().hex[:8]}"
        self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, **request)
        return name

    def start(self, model: str, uri: str, **more: Any) -> str:
        """Members of TransformInput, TransformOutput and TransformResources go by their own names, as the rest does."""
        name = str(more.pop("TransformJobName", f"transform-{uuid.uuid4().hex[:8]}"))
        source = {"S3DataType": more.pop("S3DataType", "S3Prefix"), "S3Uri": uri}
        parts: dict[str, dict[str, Any]] = {
            "TransformInput": {"DataSource": {"S3DataSource": source}},
            "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/out/{name}"},
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        }
        for part, members in MEMBERS.items():
            parts[part] |= {member: more.pop(member) for member in members if member in more}
        self.sagemaker.create_transform_job(TransformJobName=name, ModelName=model, **parts, **more)
        return name

    def describe(self, name: str) -> dict[str, Any]:
        return self.sagemaker.describe_transform_job(TransformJobName=name)  # type: ignore[no-any-return]

    def ended(self, name: str, patience: float = PATIENCE) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found = self.describe(name)
            return found if found["TransformJobStatus"] in ("Completed", "Failed", "Stopped") else None

        return self.aws.wait(look, f"end of {name}", patience)

    def run(self, model: str, uri: str, **more: Any) -> dict[str, Any]:
        return self.ended(self.start(model, uri, **more))

    def output(self, job: Mapping[str, Any]) -> dict[str, bytes]:
        """By the key below S3OutputPath."""
        uri = f"{job['TransformOutput']['S3OutputPath']}/"
        return {key: self.jobs.read(f"{uri}{key}") for key in self.jobs.keys(uri)}

    def lines(self, name: str) -> list[str]:
        return self.jobs.lines(name, GROUP)

    def wait_for_line(self, name: str, line: str) -> None:
        self.aws.wait(lambda: line in self.lines(name), f"{line!r} of {name}", PATIENCE)


MEMBERS = {
    "TransformInput": ("ContentType", "CompressionType", "SplitType"),
    "TransformOutput": ("S3OutputPath", "Accept", "AssembleWith"),
    "TransformResources": ("InstanceCount", "InstanceType"),
}
