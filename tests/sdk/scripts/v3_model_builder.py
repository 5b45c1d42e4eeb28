"""SageMaker SDK 3: deploy an image of one's own with an artifact in S3, and call it."""

import os
import time

from sagemaker.core.helper.session_helper import Session
from sagemaker.core.resources import EndpointConfig
from sagemaker.serve import ModelBuilder

builder = ModelBuilder(
    image_uri=os.environ["IMAGE"],
    s3_model_data_url=os.environ["MODEL_DATA"],
    role_arn=os.environ["ROLE"],
    sagemaker_session=Session(default_bucket=os.environ["BUCKET"]),
)
model = builder.build()
endpoint = builder.deploy(
    endpoint_name=f"model-builder-{time.strftime('%H%M%S')}",
    instance_type="ml.m5.large",
    initial_instance_count=1,
)

answer = endpoint.invoke(body=os.environ["PAYLOAD"], content_type="text/csv")
print("predicted", answer.body.read().decode().split())

EndpointConfig.get(endpoint.endpoint_config_name).delete()
endpoint.delete()
model.delete()
