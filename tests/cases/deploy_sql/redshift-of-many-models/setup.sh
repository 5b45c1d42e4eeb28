#!/bin/sh
# Redshift may call one SageMaker endpoint. Needs the AWS CLI; run it again whenever you like.
# Redshift Serverless has no cluster: add the role to the namespace in the console.
set -eu
export AWS_PAGER=
endpoint=colours
cluster=${CLUSTER:-wide}
role=redshift-colours

# The endpoint's ARN: what the policy below allows, and nothing else. An engine calls endpoints of its own account and
# Region only, so that this fails where the cluster's Region is not the CLI's.
arn=$(aws sagemaker describe-endpoint --endpoint-name "$endpoint" --query EndpointArn --output text)
region=$(echo "$arn" | cut -d: -f4) # IAM has none: a policy of each Region's own, in one role or user
allowed='{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "sagemaker:InvokeEndpoint", "Resource": "'$arn'"}]}'

# The role that Redshift takes on: nobody else can, and it may invoke this endpoint and do nothing else.
role_arn=$(aws iam get-role --role-name "$role" --query Role.Arn --output text 2>/dev/null || :)
if [ -z "$role_arn" ]; then
    role_arn=$(aws iam create-role --role-name "$role" --query Role.Arn --output text --assume-role-policy-document \
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "redshift.amazonaws.com"}, "Action": "sts:AssumeRole"}]}')
    aws iam wait role-exists --role-name "$role"
fi
aws iam put-role-policy --role-name "$role" --policy-name "invoke-endpoint-$region" \
    --policy-document "$allowed"
echo "role $role_arn"

# The cluster may use the role only once it is associated; doing so twice changes nothing.
aws redshift modify-cluster-iam-roles --cluster-identifier "$cluster" --add-iam-roles "$role_arn" >/dev/null
echo "associated with $cluster; in CREATE MODEL: IAM_ROLE '$role_arn'"
