"""boto3: train, deploy, invoke and delete, call by call."""

import os
import time

import boto3

image, role, bucket, channel = (os.environ[name] for name in ("IMAGE", "ROLE", "BUCKET", "CHANNEL"))
name = f"quickstart-{time.strftime('%H%M%S')}"
sagemaker, runtime, s3 = boto3.client("sagemaker"), boto3.client("sagemaker-runtime"), boto3.client("s3")

s3.upload_file(os.environ["DATA"], bucket, f"{name}/train/data.csv")
sagemaker.create_training_job(
    TrainingJobName=name,
    RoleArn=role,
    AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"},
    HyperParameters={"max_leaf_nodes": "20"},
    InputDataConfig=[
        {
            "ChannelName": channel,
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/{name}/train/"}},
        }
    ],
    OutputDataConfig={"S3OutputPath": f"s3://{bucket}/{name}/output"},
    ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    StoppingCondition={"MaxRuntimeInSeconds": 600},
)
every_second = {"Delay": 1, "MaxAttempts": 300}
sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName=name, WaiterConfig=every_second)
job = sagemaker.describe_training_job(TrainingJobName=name)
artifact = job["ModelArtifacts"]["S3ModelArtifacts"]
print(job["TrainingJobStatus"], artifact)

sagemaker.create_model(
    ModelName=name, ExecutionRoleArn=role, PrimaryContainer={"Image": image, "ModelDataUrl": artifact}
)
sagemaker.create_endpoint_config(
    EndpointConfigName=name,
    ProductionVariants=[
        {"VariantName": "all", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    ],
)
sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig=every_second)
answer = runtime.invoke_endpoint(EndpointName=name, ContentType="text/csv", Body=os.environ["PAYLOAD"])
print("predicted", answer["Body"].read().decode().split())

sagemaker.delete_endpoint(EndpointName=name)
sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig=every_second)
sagemaker.delete_endpoint_config(EndpointConfigName=name)
sagemaker.delete_model(ModelName=name)
