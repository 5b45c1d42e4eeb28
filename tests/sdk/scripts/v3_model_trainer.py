"""SageMaker SDK 3: train an image of one's own on a file of this machine."""

import logging
import os

from sagemaker.core.helper.session_helper import Session
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData

logging.basicConfig(format="%(message)s")
logging.getLogger("sagemaker").setLevel(logging.INFO)  # the job's own lines too

trainer = ModelTrainer(
    training_image=os.environ["IMAGE"],
    role=os.environ["ROLE"],
    sagemaker_session=Session(default_bucket=os.environ["BUCKET"]),
    base_job_name="model-trainer",
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters={"max_leaf_nodes": 20},
)
trainer.train(input_data_config=[InputData(channel_name=os.environ["CHANNEL"], data_source=os.environ["DATA"])])

job = trainer._latest_training_job
print(job.training_job_status, job.model_artifacts.s3_model_artifacts)
