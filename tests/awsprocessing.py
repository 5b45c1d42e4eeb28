"""Processing jobs as a client of AWS asks for them, each of a script given to it as an input."""

import uuid
from dataclasses import dataclass
from typing import Any

from tests.awsjobs import BUCKET, Jobs
from tests.localaws import ROLE

GROUP = "/aws/sagemaker/ProcessingJobs"
# by the tree's variable where the kernel has no namespaces
RUN = "import os, runpy; runpy.run_path(os.environ.get('SAGEMAKER_BASE_DIR', '/opt/ml') + '/processing/code/run.py')"


def given(uri: str, path: str = "/opt/ml/processing/input", name: str = "in", **more: str) -> dict[str, Any]:
    source = {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File", **more}
    return {"InputName": name, "S3Input": source}


@dataclass
class Processing:
    jobs: Jobs

    def start(self, code: str, mode: str = "EndOfJob", hosts: int = 1, **more: Any) -> str:
        """With one output below the bucket, under the job's name."""
        jobs, name = self.jobs, f"process-{uuid.uuid4().hex[:8]}"
        output = {"S3Uri": f"s3://{BUCKET}/{name}", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": mode}
        jobs.s3.put_object(Bucket=BUCKET, Key=f"code/{name}/run.py", Body=code.encode())
        script = given(f"s3://{BUCKET}/code/{name}/", "/opt/ml/processing/code", "script")
        cluster = {"InstanceType": "ml.m5.large", "InstanceCount": hosts, "VolumeSizeInGB": 1}
        request = {
            "ProcessingInputs": [script, *more.pop("inputs", [])],
            "AppSpecification": {"ImageUri": jobs.image, "ContainerEntrypoint": ["python3", "-c", RUN]},
            "ProcessingResources": {"ClusterConfig": cluster},
            "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": output}]},
            "RoleArn": ROLE,
            **more,
        }
        jobs.sagemaker.create_processing_job(ProcessingJobName=name, **request)
        return name

    def ended(self, name: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = self.jobs.sagemaker.describe_processing_job(ProcessingJobName=name)
            return found if found["ProcessingJobStatus"] in ("Completed", "Failed", "Stopped") else None

        return self.jobs.aws.wait(look, f"end of {name}", 60)

    def lines(self, name: str) -> list[str]:
        return self.jobs.lines(name, GROUP)
