"""Models and endpoints as a client of AWS makes them, of somebody else's program, and asks them."""

import io
import tarfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from tests.localaws import ROLE, LocalAws

HOSTED = Path(__file__).parent / "cases" / "hosted"
BUCKET = "hosting"
PATIENCE = 60.0


def name(what: str) -> str:
    return f"{what}-{uuid.uuid4().hex[:8]}"


def packed(files: Mapping[str, str]) -> bytes:
    """A model.tar.gz."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for path, text in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return file.getvalue()


@dataclass
class Hosting:
    aws: LocalAws
    image: str = str(HOSTED)

    def __post_init__(self) -> None:
        services = ("sagemaker", "sagemaker-runtime", "s3", "logs", "cloudwatch")
        self.sagemaker, self.runtime, self.s3, self.logs, self.cloudwatch = (self.aws.client(each) for each in services)
        self.s3.create_bucket(Bucket=BUCKET)

    def put(self, key: str, body: bytes) -> str:
        """Below a prefix of its own."""
        key = f"{uuid.uuid4().hex}/{key}"
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        return f"s3://{BUCKET}/{key}"

    def get(self, uri: str) -> bytes | None:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        try:
            return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()  # type: ignore[no-any-return]
        except self.s3.exceptions.NoSuchKey:
            return None

    def keys(self, uri: str) -> list[str]:
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        return [item["Key"] for item in self.s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]

    def container(self, environment: Mapping[str, str] | None = None, **more: Any) -> dict[str, Any]:
        return {"Image": self.image, "Environment": dict(environment or {}), **more}

    def model(self, environment: Mapping[str, str] | None = None, **more: Any) -> str:
        """Of one container, or of `Containers`."""
        named = name("model")
        if "Containers" not in more:
            keys = ("EnableNetworkIsolation", "VpcConfig")
            own = {key: more.pop(key) for key in list(more) if key in keys}
            more = {"PrimaryContainer": self.container(environment, **more), **own}
        self.sagemaker.create_model(ModelName=named, ExecutionRoleArn=ROLE, **more)
        return named

    def variant(self, model: str, named: str = "main", **more: Any) -> dict[str, Any]:
        sized = {} if "ServerlessConfig" in more else {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        return {"VariantName": named, "ModelName": model, **sized, **more}

    def config(self, *variants: dict[str, Any], **more: Any) -> str:
        named = name("config")
        self.sagemaker.create_endpoint_config(EndpointConfigName=named, ProductionVariants=list(variants), **more)
        return named

    def create(self, config: str) -> str:
        named = name("endpoint")
        self.sagemaker.create_endpoint(EndpointName=named, EndpointConfigName=config)
        return named

    def describe(self, endpoint: str) -> dict[str, Any]:
        return self.sagemaker.describe_endpoint(EndpointName=endpoint)  # type: ignore[no-any-return]

    def settled(self, endpoint: str) -> dict[str, Any]:
        """The description once it is not changing any more."""

        def look() -> dict[str, Any] | None:
            found = self.describe(endpoint)
            return found if found["EndpointStatus"] in ("InService", "Failed") else None

        return self.aws.wait(look, f"{endpoint} in service", PATIENCE)

    def gone(self, endpoint: str) -> None:
        """Waits until it is."""

        def look() -> bool:
            try:
                return not self.describe(endpoint)
            except ClientError:
                return True

        self.aws.wait(look, f"the end of {endpoint}")

    def serve(self, *variants: dict[str, Any], **more: Any) -> str:
        """An endpoint in service."""
        endpoint = self.create(self.config(*variants, **more))
        found = self.settled(endpoint)
        assert found["EndpointStatus"] == "InService", found
        return endpoint

    def invoke(self, endpoint: str, body: bytes = b"who", **more: Any) -> dict[str, Any]:
        return self.runtime.invoke_endpoint(EndpointName=endpoint, Body=body, **more)  # type: ignore[no-any-return]

    def said(self, endpoint: str, body: bytes = b"who", **more: Any) -> str:
        return str(self.invoke(endpoint, body, **more)["Body"].read().decode())

    def lines(self, endpoint: str) -> dict[str, list[str]]:
        """Of each log stream."""
        group = f"/aws/sagemaker/Endpoints/{endpoint}"
        try:
            streams = self.logs.describe_log_streams(logGroupName=group)["logStreams"]
        except self.logs.exceptions.ResourceNotFoundException:
            return {}
        return {
            stream["logStreamName"]: [
                event["message"]
                for event in self.logs.get_log_events(
                    logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
                )["events"]
            ]
            for stream in streams
        }
