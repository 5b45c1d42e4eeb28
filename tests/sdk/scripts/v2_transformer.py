"""SageMaker SDK 2: a batch transform by the artifact of an earlier training job."""

import os

import sagemaker
from sagemaker.estimator import Estimator

bucket = os.environ["BUCKET"]
session = sagemaker.Session(default_bucket=bucket)
estimator = Estimator.attach(os.environ["JOB"], sagemaker_session=session)
transformer = estimator.transformer(
    instance_count=1,
    instance_type="ml.m5.large",
    output_path=f"s3://{bucket}/transformed",
    strategy="MultiRecord",
    assemble_with="Line",
    accept="text/csv",
)
rows = session.upload_string_as_file_body(os.environ["PAYLOAD"], bucket, "rows/rows.csv")
transformer.transform(rows, content_type="text/csv", split_type="Line")
transformer.wait()
print("transformed", session.read_s3_file(bucket, "transformed/rows.csv.out").split())

transformer.delete_model()
