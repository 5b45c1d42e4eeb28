#!/bin/sh
# Athena may call one SageMaker endpoint. Needs the AWS CLI; run it again whenever you like.
set -eu
export AWS_PAGER=
endpoint=sagemaker-mxnet-2020
: "${PRINCIPAL:?who runs the queries: role/NAME, user/NAME or group/NAME}"
policy=athena-sagemaker-mxnet-2020

# The endpoint's ARN: what the policy below allows, and nothing else. An engine calls endpoints of its own account and
# Region only, so that this fails where the cluster's Region is not the CLI's.
arn=$(aws sagemaker describe-endpoint --endpoint-name "$endpoint" --query EndpointArn --output text)
region=$(echo "$arn" | cut -d: -f4) # IAM has none: a policy of each Region's own, in one role or user
allowed='{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "sagemaker:InvokeEndpoint", "Resource": "'$arn'"}]}'

# Athena has no role of its own: it calls the endpoint as whoever runs the query, who may do so from here on. Athena,
# Glue and S3 that principal has already.
kind=${PRINCIPAL%%/*}
case $kind in
role | user | group) ;;
*) echo "PRINCIPAL=$PRINCIPAL is none of role/NAME, user/NAME, group/NAME" >&2; exit 2 ;;
esac
aws iam "put-$kind-policy" "--$kind-name" "${PRINCIPAL##*/}" --policy-name "$policy-$region" \
    --policy-document "$allowed"
echo "$PRINCIPAL may invoke $arn"
