#!/bin/sh
# The AWS CLI: data to S3, a training job, an endpoint, an invocation, and all of it deleted.
set -eu

# `aws sagemaker wait` looks every 30 s, for a training job every 120 s
until_it_is_not() { # STATUS COMMAND...
    status=$1
    shift
    while [ "$(aws sagemaker "$@" --output text)" = "$status" ]; do sleep 1; done
}
name="cli-$(date +%H%M%S)"

aws s3 cp "$DATA" "s3://$BUCKET/$name/train/data.csv"
aws s3 ls "s3://$BUCKET/$name/train/"
aws sagemaker create-training-job --training-job-name "$name" --role-arn "$ROLE" \
    --algorithm-specification "TrainingImage=$IMAGE,TrainingInputMode=File" \
    --hyper-parameters max_leaf_nodes=20 \
    --input-data-config "ChannelName=$CHANNEL,DataSource={S3DataSource={S3DataType=S3Prefix,S3Uri=s3://$BUCKET/$name/train/}}" \
    --output-data-config "S3OutputPath=s3://$BUCKET/$name/output" \
    --resource-config InstanceType=ml.m5.large,InstanceCount=1,VolumeSizeInGB=1 \
    --stopping-condition MaxRuntimeInSeconds=600
until_it_is_not InProgress describe-training-job --training-job-name "$name" --query TrainingJobStatus
artifact=$(aws sagemaker describe-training-job --training-job-name "$name" \
    --query ModelArtifacts.S3ModelArtifacts --output text)
aws s3 cp "$artifact" model.tar.gz
tar -tzf model.tar.gz

aws sagemaker create-model --model-name "$name" --execution-role-arn "$ROLE" \
    --primary-container "Image=$IMAGE,ModelDataUrl=$artifact"
aws sagemaker create-endpoint-config --endpoint-config-name "$name" --production-variants \
    "VariantName=all,ModelName=$name,InstanceType=ml.m5.large,InitialInstanceCount=1"
aws sagemaker create-endpoint --endpoint-name "$name" --endpoint-config-name "$name"
until_it_is_not Creating describe-endpoint --endpoint-name "$name" --query EndpointStatus
printf %s "$PAYLOAD" >payload.csv
aws sagemaker-runtime invoke-endpoint --endpoint-name "$name" --content-type text/csv --body fileb://payload.csv answer.csv
echo "predicted ['$(paste -sd, answer.csv | sed "s/,/', '/g")']"

aws sagemaker delete-endpoint --endpoint-name "$name"
aws sagemaker delete-endpoint-config --endpoint-config-name "$name"
aws sagemaker delete-model --model-name "$name"
