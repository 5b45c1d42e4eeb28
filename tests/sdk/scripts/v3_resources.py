"""SageMaker SDK 3, its resources: each call of the API as an object, from the job to the endpoint."""

import os
import time

from sagemaker.core.resources import Endpoint, EndpointConfig, Model, TrainingJob
from sagemaker.core.shapes import (
    AlgorithmSpecification,
    Channel,
    ContainerDefinition,
    DataSource,
    OutputDataConfig,
    ProductionVariant,
    ResourceConfig,
    S3DataSource,
    StoppingCondition,
)

image, role, bucket = os.environ["IMAGE"], os.environ["ROLE"], os.environ["BUCKET"]
name = f"resources-{time.strftime('%H%M%S')}"

job = TrainingJob.create(
    training_job_name=name,
    role_arn=role,
    algorithm_specification=AlgorithmSpecification(training_image=image, training_input_mode="File"),
    hyper_parameters={"max_leaf_nodes": "20"},
    input_data_config=[
        Channel(
            channel_name=os.environ["CHANNEL"],
            data_source=DataSource(s3_data_source=S3DataSource(s3_data_type="S3Prefix", s3_uri=os.environ["DATA_URI"])),
        )
    ],
    output_data_config=OutputDataConfig(s3_output_path=f"s3://{bucket}/resources"),
    resource_config=ResourceConfig(instance_type="ml.m5.large", instance_count=1, volume_size_in_gb=1),
    stopping_condition=StoppingCondition(max_runtime_in_seconds=600),
)
job.wait()
print(job.training_job_status, job.model_artifacts.s3_model_artifacts)

model = Model.create(
    model_name=name,
    execution_role_arn=role,
    primary_container=ContainerDefinition(image=image, model_data_url=job.model_artifacts.s3_model_artifacts),
)
config = EndpointConfig.create(
    endpoint_config_name=name,
    production_variants=[
        ProductionVariant(variant_name="all", model_name=name, instance_type="ml.m5.large", initial_instance_count=1)
    ],
)
endpoint = Endpoint.create(endpoint_name=name, endpoint_config_name=name)
endpoint.wait_for_status("InService")
answer = endpoint.invoke(body=os.environ["PAYLOAD"], content_type="text/csv", accept="text/csv")
print("predicted", answer.body.read().decode().split())

endpoint.delete()
endpoint.wait_for_delete()
config.delete()
model.delete()
