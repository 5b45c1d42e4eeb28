"""Training jobs as a client of AWS asks for them, and waits for them."""

import io
import tarfile
import uuid
from dataclasses import dataclass
from typing import Any

from tests.localaws import ROLE, LocalAws
from tests.runs import PROGRAM

BUCKET = "jobs"
PATIENCE = 60.0


@dataclass
class Jobs:
    """`image` is somebody else's program, whose hyperparameter `do` says what it does."""

    aws: LocalAws
    image: str = str(PROGRAM)

    def __post_init__(self) -> None:
        self.sagemaker, self.s3, self.logs = (self.aws.client(name) for name in ("sagemaker", "s3", "logs"))
        self.s3.create_bucket(Bucket=BUCKET)  # as in this region may be done again

    def put(self, **objects: bytes) -> str:
        """A prefix of its own with these; their names' `__` are slashes."""
        prefix = uuid.uuid4().hex
        for name, body in objects.items():
            self.s3.put_object(Bucket=BUCKET, Key=f"{prefix}/{name.replace('__', '/')}", Body=body)
        return f"s3://{BUCKET}/{prefix}/"

    def start(self, do: str = "report", channels: list[dict[str, Any]] | None = None, **more: Any) -> str:
        name = more.pop("TrainingJobName", f"{do}-{uuid.uuid4().hex[:8]}")
        algorithm = {"TrainingImage": self.image, "TrainingInputMode": "File"} | more.pop("AlgorithmSpecification", {})
        request = {
            "HyperParameters": {"do": do},
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            **({"InputDataConfig": channels} if channels else {}),
            **more,
        }
        self.sagemaker.create_training_job(TrainingJobName=name, AlgorithmSpecification=algorithm, **request)
        return str(name)

    def describe(self, name: str) -> dict[str, Any]:
        return self.sagemaker.describe_training_job(TrainingJobName=name)  # type: ignore[no-any-return]

    def ended(self, name: str) -> dict[str, Any]:
        """The description once the job has ended."""

        def look() -> dict[str, Any] | None:
            found = self.describe(name)
            return found if found["TrainingJobStatus"] in ("Completed", "Failed", "Stopped") else None

        return self.aws.wait(look, f"end of {name}", PATIENCE)

    def run(self, do: str = "report", channels: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
        return self.ended(self.start(do, channels, **more))

    def lines(self, name: str, group: str = "/aws/sagemaker/TrainingJobs") -> list[str]:
        """What every host of a job has logged so far."""
        found = []
        try:
            streams = self.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
        except self.logs.exceptions.ResourceNotFoundException:
            return []
        for stream in streams:
            events = self.logs.get_log_events(
                logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
            )
            found += [event["message"] for event in events["events"]]
        return found

    def wait_for_line(self, name: str, line: str) -> None:
        self.aws.wait(lambda: line in self.lines(name), f"{line!r} of {name}", PATIENCE)

    def keys(self, uri: str) -> list[str]:
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        found = self.s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        return [item["Key"][len(prefix) :] for item in found]

    def read(self, uri: str) -> bytes:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()  # type: ignore[no-any-return]

    def archive(self, uri: str) -> dict[str, bytes]:
        with tarfile.open(fileobj=io.BytesIO(self.read(uri))) as tar:
            return {
                member.name: tar.extractfile(member).read()  # type: ignore[union-attr]
                for member in tar
                if member.isfile()
            }


def channel(uri: str, name: str = "train", kind: str = "S3Prefix", **more: Any) -> dict[str, Any]:
    """`more` that is of the data source is told by its name."""
    source = {"S3DataType": kind, "S3Uri": uri, "S3DataDistributionType": more.pop("distribution", "FullyReplicated")}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **more}
