"""SageMaker SDK 2: fit, deploy and predict with an image of one's own."""

import os

import sagemaker
from sagemaker.deserializers import CSVDeserializer
from sagemaker.estimator import Estimator
from sagemaker.serializers import CSVSerializer

bucket = os.environ["BUCKET"]
session = sagemaker.Session(default_bucket=bucket)
estimator = Estimator(
    image_uri=os.environ["IMAGE"],
    role=os.environ["ROLE"],
    instance_count=1,
    instance_type="ml.m5.large",
    output_path=f"s3://{bucket}/estimator/output",
    sagemaker_session=session,
    hyperparameters={"max_leaf_nodes": 20},
)
data = session.upload_data(os.environ["DATA"], bucket=bucket, key_prefix="estimator/train")
estimator.fit({os.environ["CHANNEL"]: data})
print("artifact", estimator.model_data)

predictor = estimator.deploy(
    initial_instance_count=1,
    instance_type="ml.m5.large",
    serializer=CSVSerializer(),
    deserializer=CSVDeserializer(),
)
print("predicted", [row[0] for row in predictor.predict(os.environ["PAYLOAD"])])

predictor.delete_model()
predictor.delete_endpoint()
